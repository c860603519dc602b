package targettest

import (
	"context"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// foreign: what is not marked ours is reported with its owner, refused by
// every action, and never changed, discovered or removed.
func foreign(w *world) {
	if w.Foreign == nil {
		w.Skip("the harness has no foreign resources")
	}
	look := w.Foreign(w.T, 0)
	before := look()
	got := w.observe(0, w.A(0))
	if !got.Found || got.Owner != resource.OwnerOther {
		w.Fatalf("foreign resource: want found and owner %q, got found=%v owner=%q", resource.OwnerOther, got.Found, got.Owner)
	}
	after := w.A(0)
	for _, s := range []plan.Step{
		{ID: w.ID(0), Action: plan.Create, After: &after},
		{ID: w.ID(0), Action: plan.Update, Before: &got.State, After: &after, Version: got.Version},
		{ID: w.ID(0), Action: plan.Replace, Before: &got.State, After: &after, Version: got.Version},
		{ID: w.ID(0), Action: plan.Delete, Before: &got.State, Version: got.Version},
	} {
		ctx, cancel := context.WithTimeout(w.Context(), patience)
		_, err := w.apply(ctx, 0, s)
		cancel()
		if err == nil || fault.ClassOf(err) != fault.Conflict {
			w.Errorf("%s of a foreign resource: want a %s, got %v", s.Action, fault.Conflict, err)
		}
		if now := look(); now != before {
			w.Fatalf("%s changed a foreign resource:\n%s\nis now\n%s", s.Action, before, now)
		}
	}
	w.converge(1, state(w.A, 1), 1)
	w.converge(1, nil, 1)
	if now := look(); now != before {
		w.Errorf("work on %s changed a foreign resource", w.ID(1))
	}
	w.notDiscovered(0)
}

// adopted: what belongs to others and may be adopted is taken over by a step that
// says so, if it stands as it was observed; then it is ours like any other.
func adopted(w *world) {
	if w.Foreign == nil {
		w.Skip("the harness has no foreign resources")
	}
	w.Foreign(w.T, 0)
	got := w.observe(0, w.A(0))
	if !got.Adoptable {
		w.Skip("the foreign resource of the harness bears a mark of gatewright's")
	}
	after := w.A(0)
	s := plan.Step{
		ID: w.ID(0), Action: plan.Adopt, Before: &got.State, After: &after, Version: got.Version, Changes: w.Diff(after, got, w.Input(0)),
	}
	for _, try := range []string{"first", "second"} { // as after a crash
		if _, err := w.apply(w.Context(), 0, s); err != nil {
			w.Fatalf("adopt, the %s time: %v", try, err)
		}
	}
	if got := w.observe(0, w.A(0)); got.Owner != resource.OwnerUs {
		w.Errorf("owner %q after it was adopted", got.Owner)
	}
	if s := w.step(0, &after); s != nil {
		w.Errorf("still to do after it was adopted: %s %v", s.Action, s.Changes)
	}
	w.converge(0, state(w.B, 0), 2)
	w.converge(0, nil, 1)
}

// orphaned: what is given up stays as it is, bears no mark, is not found as
// ours, and may be adopted. Endpoints are never given up.
func orphaned(w *world) {
	if kind := w.ID(0).Kind; kind != resource.KindClient && kind != resource.KindCredential {
		w.Skipf("resources of kind %s are not given up", kind)
	}
	w.converge(0, state(w.A, 0), 1)
	before := w.observe(0, w.A(0))
	s := plan.Step{ID: w.ID(0), Action: plan.Orphan, Before: &before.State, Version: before.Version}
	for _, try := range []string{"first", "second"} { // as after a crash
		if _, err := w.apply(w.Context(), 0, s); err != nil {
			w.Fatalf("orphan, the %s time: %v", try, err)
		}
	}
	got := w.observe(0, w.A(0))
	if !got.Found || got.Owner != resource.OwnerOther || !got.Adoptable {
		w.Fatalf("after it was given up: found=%v owner=%q adoptable=%v", got.Found, got.Owner, got.Adoptable)
	}
	if c, was := got.State.Credential, before.State.Credential; c != nil && c.ClientSecret.Reveal() != was.ClientSecret.Reveal() {
		w.Errorf("the secret is another one after it was given up")
	}
	if c, was := got.State.Client, before.State.Client; c != nil && (c.ClientID != was.ClientID || c.Audience != was.Audience || c.Validity != was.Validity) {
		w.Errorf("the client was %+v and is %+v after it was given up", *was, *c)
	}
	w.notDiscovered(0)
	remove := plan.Step{ID: w.ID(0), Action: plan.Delete, Before: &got.State, Version: got.Version}
	if _, err := w.apply(w.Context(), 0, remove); fault.ClassOf(err) != fault.Conflict {
		w.Errorf("delete of what was given up: want a %s, got %v", fault.Conflict, err)
	}
}

// discovery finds what is ours, and only that.
func discovery(w *world) {
	for n := range 3 {
		w.converge(n, state(w.A, n), 1)
	}
	w.converge(2, nil, 1)
	ids, err := w.Target.Discover(w.Context())
	w.note(err)
	found := map[resource.ID]bool{}
	for _, id := range ids {
		found[id] = true
	}
	if w.Discovers && (err != nil || !found[w.ID(0)] || !found[w.ID(1)]) {
		w.Errorf("discovered %v, error %v: want %s and %s", ids, err, w.ID(0), w.ID(1))
	}
	if found[w.ID(2)] {
		w.Errorf("discovered %s, which is gone", w.ID(2))
	}
}

func (w *world) notDiscovered(n int) {
	ids, err := w.Target.Discover(w.Context())
	w.note(err)
	for _, id := range ids {
		if id == w.ID(n) {
			w.Errorf("discovered %s, which is not ours", id)
		}
	}
}

// check: a healthy target has findings, all of them good; a bad one has a
// hint.
func check(w *world) {
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	before := w.writes()
	findings := w.Target.Check(ctx)
	if len(findings) == 0 {
		w.Errorf("no findings")
	}
	for _, f := range findings {
		w.show(f)
		if f.Name == "" || f.Message == "" || !f.OK {
			w.Errorf("finding of a healthy target: %+v", f)
		}
	}
	if w.writes() != before {
		w.Errorf("the examination wrote something")
	}
	dead, kill := context.WithCancel(w.Context())
	kill()
	for _, f := range w.Target.Check(dead) {
		w.show(f)
		if !f.OK && f.Hint == "" {
			w.Errorf("a bad finding without a hint: %+v", f)
		}
	}
}

// cancelled: a context that has ended stops every call before its effect.
func cancelled(w *world) {
	w.converge(0, state(w.A, 0), 1)
	update := w.step(0, state(w.B, 0))
	create := w.step(1, state(w.A, 1))
	remove := w.step(0, nil)
	ctx, cancel := context.WithCancel(w.Context())
	cancel()
	before := w.writes()
	got, err := w.Target.Observe(ctx, []resource.Resource{{ID: w.ID(0), State: w.A(0)}})
	w.note(err)
	if err == nil && (len(got) != 1 || got[0].Err == nil) {
		w.Errorf("observed under a cancelled context: %v", got)
	}
	for n, s := range map[int][]*plan.Step{0: {update, remove}, 1: {create}} {
		for _, s := range s {
			if _, err := w.apply(ctx, n, *s); err == nil {
				w.Errorf("%s under a cancelled context: want an error", s.Action)
			}
		}
	}
	if now := w.writes(); w.Writes != nil && now != before {
		w.Errorf("a cancelled context let %d writes through", now-before)
	}
	if s := w.step(0, state(w.A, 0)); s != nil {
		w.Errorf("a cancelled context let a change through: %v", s.Changes)
	}
}
