package desk

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/aymanbagabas/go-udiff"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/edit"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/source"
	"github.com/gatewright/gatewright/schema"
)

// proposal is a change with the specs before and after it.
type proposal struct {
	change        Change
	before, after loop.State
	file          string
	text          []byte
	// scope are the bindings that it changes, or would if they were right.
	scope loop.Scope
	draft Draft
}

// propose makes a change in memory: in the file as it is at a revision, or at the
// newest.
func (d *Desk) propose(ctx context.Context, who access.Principal, c Change, revision string) (*proposal, error) {
	if err := may(who, access.Developer, c.Binding); err != nil {
		return nil, err
	}
	if err := c.check(who); err != nil {
		return nil, err
	}
	if err := d.allow(who, ActionCommit); err != nil {
		return nil, err
	}
	if _, err := d.environment(c.Binding); err != nil {
		return nil, err
	}
	snap, err := d.snapshot(ctx, revision)
	if err != nil {
		return nil, err
	}
	p := &proposal{change: c, scope: loop.Scope{c.Binding: true}}
	if p.before, err = d.Engine.Load(ctx, snap); err != nil {
		return nil, err
	}
	entry, err := d.ownFile(ctx, &p.before, snap.Tree, c.Binding)
	if err != nil {
		return nil, err
	}
	old, err := entry.Read()
	if err != nil {
		return nil, err
	}
	p.file = entry.Path
	if p.text, err = edit.Apply(old, p.file, c.Binding.Agent, c.Edits); err != nil {
		return nil, err
	}
	if bytes.Equal(old, p.text) {
		return nil, invalid("edits", "they change nothing: %s says so already, or another file does", p.file)
	}
	if p.after, err = d.Engine.Load(ctx, changed(snap, p.file, p.text)); err != nil {
		return nil, err
	}
	p.draft = Draft{
		Base: snap.Revision.Hash, File: p.file, Diff: udiff.Unified("a/"+p.file, "b/"+p.file, string(old), string(p.text)),
		Diagnostics: p.diagnostics(), Opens: p.opens(),
	}
	if p.draft.Diagnostics.HasErrors() {
		return p, nil
	}
	return p, p.confined(who)
}

// The most that one change may say.
const (
	maxEdits = 200
	maxPath  = 16
)

// check finds what of a change cannot be as it is.
func (c Change) check(who access.Principal) error {
	if len(c.Edits) == 0 || len(c.Edits) > maxEdits {
		return invalid("edits", "there are from 1 to %d of them", maxEdits)
	}
	if c.Summary != "" {
		if err := plainLine("summary", c.Summary); err != nil {
			return err
		}
	}
	for i, e := range c.Edits {
		field := fmt.Sprintf("edits[%d].path", i)
		odd := func(name string) bool { return name == "" || strings.ContainsFunc(name, unicode.IsControl) }
		switch {
		case len(e.Path) == 0, len(e.Path) > maxPath, slices.ContainsFunc(e.Path, odd):
			return invalid(field, "it is a list of 1 to %d names", maxPath)
		case e.Path[0] == "environments" && (len(e.Path) == 1 || e.Path[1] != c.Binding.Environment):
			return invalid(field, "it is of another environment than %s", c.Binding.Environment)
		case slices.Contains(e.Path[:min(len(e.Path), 3)], "suspend") && !who.May(access.Admin, c.Binding):
			return ErrForbidden // as for a suspension of any other kind
		}
	}
	return nil
}

// wide reports whether a change is about the agent as a whole.
func (c Change) wide() bool {
	return slices.ContainsFunc(c.Edits, func(e edit.Edit) bool { return e.Path[0] != "environments" })
}

// hashes are full names of commits.
var hashes = regexp.MustCompile(`^[0-9a-f]{40}$`)

// snapshot reads a revision, or the newest.
func (d *Desk) snapshot(ctx context.Context, revision string) (source.Snapshot, error) {
	if revision == "" {
		return d.Repo.Snapshot(ctx)
	}
	if !hashes.MatchString(revision) {
		return source.Snapshot{}, invalid("base", "it is the full hash of a revision")
	}
	return d.Repo.At(ctx, revision)
}

// ownFile finds the file that a change of b belongs in: where its environment is
// written or, for a spec that cannot be used now, where it was.
func (d *Desk) ownFile(ctx context.Context, st *loop.State, tree schema.Tree, b Binding) (schema.Entry, error) {
	name := ""
	if a, _ := specOf(st, b); a != nil {
		name = a.At("environments." + b.Environment + ".endpointAuthentication").File
	} else if row, found, err := d.Store.Binding(ctx, b); err != nil {
		return schema.Entry{}, err
	} else if found {
		name = row.SpecFile
	}
	i := slices.IndexFunc(tree, func(e schema.Entry) bool { return e.Path == name && e.Mode == schema.ModeRegular })
	if i < 0 {
		return schema.Entry{}, ErrUnknown
	}
	return tree[i], nil
}

// changed is a snapshot with other text in one file.
func changed(snap source.Snapshot, file string, text []byte) source.Snapshot {
	snap.Tree = slices.Clone(snap.Tree)
	for i := range snap.Tree {
		if e := &snap.Tree[i]; e.Path == file {
			e.Size, e.Digest = int64(len(text)), schema.BlobDigest(text)
			e.Read = func() ([]byte, error) { return text, nil }
		}
	}
	snap.Revision.Dirty = true
	return snap
}

// foresee plans for what a change leads to.
func (d *Desk) foresee(ctx context.Context, p *proposal) error {
	if p.draft.Diagnostics.HasErrors() {
		return nil
	}
	planned, err := d.Engine.Plan(ctx, p.after, p.scope)
	if err != nil {
		return err
	}
	for _, s := range planned.Steps {
		if o := planned.Observed[s.ID]; o.Err != nil && fault.IsUnreachable(o.Err) {
			p.draft.Unplanned = o.Err.Error()
			return nil
		}
	}
	p.draft.Pending = &Pending{
		Plan: plan.NewFile(d.installation(), true, planned.Plan), Revision: planned.Revision,
		Counts: planned.Counts().String(), Empty: planned.Empty(), At: d.now().UTC(),
	}
	if held := d.Engine.Guard(ctx, planned); fault.ClassOf(held) == fault.Unsafe {
		p.draft.Guard = held.Error()
	} else if held != nil {
		return held
	}
	return nil
}
