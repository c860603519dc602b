package plan

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// FileFormat names the form of a plan file. A program reads no other.
const FileFormat = "gatewright.plan/1"

// maxFile bounds a plan file: some hundred thousand steps.
const maxFile = 256 << 20

// File is a plan as somebody reviews it: what would be done and what guards it,
// without what is kept. It holds no secret and no digest.
type File struct {
	Format       string `json:"format"`
	Installation string `json:"installation"`
	Revision     string `json:"revision"`
	// Dirty reports that the specs had changes that the revision lacks.
	Dirty bool       `json:"dirty,omitempty"`
	Steps []FileStep `json:"steps"`
}

// FileStep is an effectful step of a plan file.
type FileStep struct {
	ID     resource.ID `json:"id"`
	Action Action      `json:"action"`
	// Version guards the effect: what stands must not have moved.
	Version string `json:"version,omitempty"`
	// Changes are the fields that differ; those of a create are all it sets.
	Changes   []Change       `json:"changes,omitempty"`
	NewSecret bool           `json:"newSecret,omitempty"`
	Rotates   bool           `json:"rotates,omitempty"`
	Overlap   schema.Seconds `json:"overlap,omitempty"`
	Retires   bool           `json:"retires,omitempty"`
	Opens     bool           `json:"opens,omitempty"`
	Disables  bool           `json:"disables,omitempty"`
	Restores  bool           `json:"restores,omitempty"`
	Reason    string         `json:"reason,omitempty"`
}

// NewFile makes the plan file of p.
func NewFile(installation string, dirty bool, p Plan) File {
	f := File{Format: FileFormat, Installation: installation, Revision: p.Revision, Dirty: dirty, Steps: []FileStep{}}
	for _, s := range p.Steps {
		if s.Action.Effectful() {
			f.Steps = append(f.Steps, FileStep{
				ID: s.ID, Action: s.Action, Version: s.Version, Changes: s.Fields(), NewSecret: s.NewSecret, Rotates: s.Rotates,
				Overlap: s.Overlap, Retires: s.Retires, Opens: s.Opens, Disables: s.Disables, Restores: s.Restores, Reason: s.Reason,
			})
		}
	}
	return f
}

// Fields lists the fields that s changes; a create changes all that it sets.
func (s Step) Fields() []Change {
	if s.Action != Create || s.After == nil {
		return s.Changes
	}
	var out []Change
	for _, f := range s.After.Fields() {
		if f.Value != "" {
			out = append(out, Change{Field: f.Name, After: f.Value})
		}
	}
	if s.NewSecret {
		out = append(out, Change{Field: "client_secret", After: resource.Redacted})
	}
	return out
}

// Write prints f as indented JSON.
func (f File) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(f)
}

// FileError says where a plan file cannot be read.
type FileError struct {
	Line, Column int
	Err          error
}

// Error implements error.
func (e *FileError) Error() string { return fmt.Sprintf("%d:%d: %v", e.Line, e.Column, e.Err) }

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// ErrNoPlan says that a text is no plan file at all.
var ErrNoPlan = errors.New("this is no plan; `gatewright diff --out FILE` writes one")

// ReadFile reads what Write printed. The error is a *FileError: nothing that is
// unknown, missing or out of place is passed over, since somebody relies on
// having seen all of it.
func ReadFile(text []byte) (File, error) {
	if len(text) > maxFile {
		return File{}, &FileError{1, 1, fmt.Errorf("the file is larger than %d MiB", maxFile>>20)}
	}
	var form struct {
		Format *string `json:"format"`
	}
	if err := json.Unmarshal(text, &form); err != nil {
		return File{}, misplaced(text, offset(err, 0), err)
	}
	switch {
	case form.Format == nil:
		return File{}, misplaced(text, 0, ErrNoPlan)
	case *form.Format != FileFormat:
		return File{}, misplaced(text, 0, fmt.Errorf("the form of the plan is %.80q, and this program reads %q", *form.Format, FileFormat))
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var f File
	if err := dec.Decode(&f); err != nil {
		return File{}, misplaced(text, offset(err, dec.InputOffset()), err)
	}
	return f, f.check(text)
}

// check finds what makes no plan, though it is JSON of the right form.
func (f File) check(text []byte) error {
	switch {
	case f.Installation == "":
		return misplaced(text, 0, errors.New("installation is missing"))
	case f.Steps == nil:
		return misplaced(text, 0, errors.New("steps is missing"))
	}
	for i, s := range f.Steps {
		if !s.Action.Effectful() {
			return misplaced(text, 0, fmt.Errorf("step %d: %.80q does nothing", i+1, s.Action))
		}
		if !validID(s.ID) {
			return misplaced(text, 0, fmt.Errorf("step %d: the id names no resource", i+1))
		}
	}
	return nil
}

// validID reports whether id may name a resource.
func validID(id resource.ID) bool {
	b := id.Binding
	if id.Kind == resource.KindKeyManager {
		return id.Name != "" && b == resource.Binding{Environment: b.Environment} && resource.ValidName(b.Environment)
	}
	kinds := []resource.Kind{resource.KindCredential, resource.KindClient, resource.KindEndpoint}
	return slices.Contains(kinds, id.Kind) && (id.Name == "") == (id.Kind == resource.KindEndpoint) &&
		resource.ValidName(b.Organization) && resource.ValidName(b.Project) && resource.ValidName(b.Agent) && resource.ValidName(b.Environment)
}

// offset is where err happened, or at least how far the text was read.
func offset(err error, read int64) int64 {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return e.Offset
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return e.Offset
	}
	return read
}

// misplaced puts err at an offset of text.
func misplaced(text []byte, at int64, err error) *FileError {
	before := text[:min(max(at-1, 0), int64(len(text)))]
	return &FileError{
		Line: 1 + bytes.Count(before, []byte("\n")), Column: len(before) - bytes.LastIndexByte(before, '\n'),
		Err: fmt.Errorf("%w", plainJSON(err)),
	}
}

// plainJSON takes the name of the decoder and of Go's types out of a message.
func plainJSON(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s is not of JSON type %s", cmp.Or(e.Field, "a plan"), e.Value)
	}
	if text, ok := strings.CutPrefix(err.Error(), "json: "); ok {
		return errors.New(text)
	}
	return err
}

// Difference says what first differs between the plan that was reviewed and the
// one of now; it is empty if nothing does.
func (f File) Difference(now File) string {
	for _, c := range []struct{ what, was, is string }{
		{"installation", f.Installation, now.Installation}, {"revision", revision(f), revision(now)},
	} {
		if c.was != c.is {
			return fmt.Sprintf("the %s was %s and is %s", c.what, c.was, c.is)
		}
	}
	for i := range max(len(f.Steps), len(now.Steps)) {
		switch {
		case i >= len(f.Steps):
			return "a step is new: " + now.Steps[i].String()
		case i >= len(now.Steps):
			return "a step is not needed any more: " + f.Steps[i].String()
		}
		if said := f.Steps[i].difference(now.Steps[i]); said != "" {
			return fmt.Sprintf("step %d: %s", i+1, said)
		}
	}
	return ""
}

// revision names what specs a plan is of.
func revision(f File) string {
	if f.Dirty {
		return f.Revision + " with changes"
	}
	return f.Revision
}

// String says what s does to what.
func (s FileStep) String() string { return string(s.Action) + " " + s.ID.String() }

// difference says what first differs between s and the same step now.
func (s FileStep) difference(now FileStep) string {
	if s.String() != now.String() {
		return fmt.Sprintf("it was to %s and is to %s", s, now)
	}
	if s.Version != now.Version {
		return fmt.Sprintf("%s: it has changed since, from version %q to %q", s.ID, s.Version, now.Version)
	}
	for i := range max(len(s.Changes), len(now.Changes)) {
		was, is := changeAt(s.Changes, i), changeAt(now.Changes, i)
		if was != is {
			return fmt.Sprintf("%s: it was to change %s and is to change %s", s.ID, was, is)
		}
	}
	s.Changes, now.Changes, s.Reason, now.Reason = nil, nil, "", ""
	type bare FileStep // without String, which tells only part of it
	if fmt.Sprintf("%+v", bare(s)) != fmt.Sprintf("%+v", bare(now)) {
		return fmt.Sprintf("%s: it is to be done otherwise", s.ID)
	}
	return ""
}

// changeAt says a change, or that there is none.
func changeAt(cs []Change, i int) string {
	if i >= len(cs) {
		return "nothing more"
	}
	return fmt.Sprintf("%s from %q to %q", cs[i].Field, cs[i].Before, cs[i].After)
}
