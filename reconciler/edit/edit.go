// Package edit changes a spec file the way a person would: one field of one
// agent, with the comments, the order and the format of everything else kept.
//
// It finds fields in the syntax and changes the text between two offsets, so
// that a diff shows the lines that were asked for and no others. What it made is
// read again and compared with what was asked: it either changes exactly that,
// or nothing and says why.
//
// It evaluates nothing. A value that a reference, a comprehension, an embedding
// or an alias makes is refused and not guessed at, and whether a spec is right
// is for package schema.
package edit

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// Edit sets or removes one field of an agent's spec.
type Edit struct {
	// Path is the field below the agent, as {"environments", "production",
	// "endpointAuthentication", "scheme"}.
	Path []string `json:"path"`
	// Value is what it becomes: a string, a bool, a number, a list or a map of
	// these. An empty map makes an empty field.
	Value any `json:"value,omitempty"`
	// Remove takes the field away; Value is ignored. What holds nothing any more
	// goes with it, but for a client, which needs no settings.
	Remove bool `json:"remove,omitempty"`
}

// maxFile bounds what is edited: the largest spec that is read.
const maxFile = 1 << 20

// Apply makes edits to the spec of an agent in a file of CUE, YAML or JSON, as
// the file's name says, one after the other. The error is a *fault.Error of
// class Stalled that names the place in the file.
func Apply(data []byte, file, agent string, edits []Edit) (out []byte, err error) {
	defer func() {
		// A parser may fail on hostile text; what it was is of no use to anybody.
		if r := recover(); r != nil {
			out, err = nil, refused(file, "change the file by hand", "the text is of a form that cannot be edited")
		}
	}()
	if len(data) > maxFile {
		return nil, refused(file, "split the file", "the file is larger than %d bytes", maxFile)
	}
	form, err := formOf(file)
	if err != nil {
		return nil, err
	}
	f := unwrap(data)
	text := f.text
	for _, e := range edits {
		if text, err = one(form, file, agent, text, e); err != nil {
			return nil, err
		}
	}
	return f.wrap(text), nil
}

// one makes one edit and compares what it made with what was asked.
func one(form form, file, agent string, text []byte, e Edit) ([]byte, error) {
	path := append([]string{"agents", agent}, e.Path...)
	if len(e.Path) == 0 || agent == "" {
		return nil, refused(file, "name a field below an agent", "the edit names no field")
	}
	if slices.ContainsFunc(path, unwritable) {
		return nil, refused(file, "write it in plain characters", "a name in %q cannot be written in a file", dotted(e.Path))
	}
	value, err := canonical(e.Value)
	if err == nil && value == nil && !e.Remove {
		err = errNull
	}
	if err != nil {
		return nil, refused(file, "give a text, a number, true or false, a list or a mapping", "%s: %w", dotted(e.Path), err)
	}
	before, err := parse(form, file, text)
	if err != nil {
		return nil, err
	}
	if len(before.find(path[:2])) == 0 {
		return nil, refused(file, "edit the file that declares it", "the file does not declare an agent %s", agent)
	}
	out, err := change(form, file, text, path, value, e.Remove)
	if err != nil || bytes.Equal(out, text) {
		return out, err
	}
	after, err := parse(form, file, out)
	if err != nil || !before.expected(path, value, e.Remove).equal(after.facts()) {
		return nil, before.refuse(before.near(path), path, "change the file by hand", "the change would touch more than this field")
	}
	return out, nil
}

// change returns the text with a field set or removed.
func change(form form, file string, text []byte, path []string, value any, remove bool) ([]byte, error) {
	// Each round makes one change, since it moves what stands behind it. One is
	// enough for a plain value.
	rounds := maxRounds
	if _, members := value.(map[string]any); !members && !remove {
		rounds = 1
	}
	for range rounds {
		d, err := parse(form, file, text)
		if err != nil {
			return nil, err
		}
		var edits []splice
		if remove {
			edits, err = d.remove(path)
		} else {
			edits, err = d.set(path, value)
		}
		if err != nil || len(edits) == 0 {
			return text, err
		}
		text = spliced(text, edits)
		if rounds == 1 {
			return text, nil
		}
	}
	return nil, refused(file, "change the file by hand", "the field stands in more than %d places", maxRounds)
}

// maxRounds bounds the places of one field, and the members of a mapping.
const maxRounds = 200

// unwritable reports whether a name would not be found again by what is written.
func unwritable(name string) bool {
	return !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) || strings.ContainsRune(name, utf8.RuneError)
}

// refused is an edit that cannot be made.
func refused(where, hint, form string, args ...any) error {
	e := fault.New(fault.Stalled, "NotEditable", form, args...)
	e.Op, e.Resource, e.Hint = "edit", where, hint
	return e
}

// refuse is an edit that cannot be made for what stands at an offset.
func (d *document) refuse(at int, path []string, hint, form string, args ...any) error {
	before := d.text[:min(max(at, 0), len(d.text))]
	line, column := 1+bytes.Count(before, []byte{'\n'}), len(before)-bytes.LastIndexByte(before, '\n')
	where, err := fmt.Sprintf("%s:%d:%d", d.file, line, column), fmt.Errorf(form, args...)
	if len(path) > 0 {
		err = fmt.Errorf("%s: %w", dotted(path), err)
	}
	return refused(where, hint, "%w", err)
}
