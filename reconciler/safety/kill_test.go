//go:build unix

package safety_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target/memory"
	"github.com/gatewright/gatewright/schema"
)

// TestKillPoints ends the process at every call of every transition that has an
// effect, before it and after it: at a target, at the identity provider, at the
// gateway, and each commit of the inventory. A new process goes on. What stands
// then, what the inventory says, and how many effects it took are those of a
// run that nobody disturbed: no effect is had twice, not even the one at which
// the process died. There are two exceptions, which the table names. An
// application that is made for a rotation is written once more where the process
// dies before the credential names it, since nobody knows its secret then. And a
// client is given its secret again where its credential is given another one,
// though what is restored may turn out to be the secret that it has: a process
// that starts in between sees that and leaves it out. Meanwhile no endpoint opens that was closed, unless the
// spec says "none", and no consumer that stays is locked out.
//
// On PostgreSQL the answer to a commit can be lost, too. Without -full it looks
// at a sample.
func TestKillPoints(t *testing.T) {
	t.Parallel()
	databases := map[string]func() database{
		"sqlite": func() database { return &sqliteFile{} }, "postgres": func() database { return &postgres{} },
	}
	strides := map[string]int{"sqlite": 7, "postgres": 19}
	var c tally
	started := time.Now()
	t.Cleanup(func() { t.Logf("crash points: %v in %s", c.counts, time.Since(started).Round(time.Second)) })
	for name, db := range databases {
		stride := strides[name]
		if *full {
			stride = 1
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, name := range slices.Sorted(maps.Keys(transitions())) {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					points := killed(t, db(), transitions()[name], i%stride, stride)
					c.add("all", len(points))
					for _, p := range points {
						c.add(t.Name()[len("TestKillPoints/"):][:3]+" "+p[:len("before")], 1)
					}
				})
			}
		})
	}
}

// killed ends a process at each point of a transition and returns the points.
func killed(t *testing.T, db database, tr transition, first, stride int) []string {
	t.Helper()
	s := newStage(t)
	want := (&trial{T: t, stage: s, db: db, tr: tr}).run(-1)
	before := want.effects
	if len(want.effects) == 0 && tr.kept == nil {
		t.Fatal("the transition changes nothing")
	}
	var points []string
	for n := first; ; n += stride {
		got := (&trial{T: t, stage: s, db: db, tr: tr}).run(n)
		if got.point == "" {
			return points
		}
		points = append(points, got.point)
		if tr.again != "" && again(got, tr.again) > again(ending{effects: before}, tr.again)+1 {
			t.Errorf("killed %s (point %d): %s is written again and again", got.point, n, tr.again)
		}
		got.effects, want.effects = without(got.effects, tr.again), without(before, tr.again)
		if tr.precaution != "" && got.effects[tr.precaution] == 0 {
			got.effects[tr.precaution] = want.effects[tr.precaution]
		}
		for what, diff := range map[string]string{
			"what stands":        cmp.Diff(want.stands, got.stands),
			"the inventory says": cmp.Diff(want.says, got.says),
			"the effects":        cmp.Diff(want.effects, got.effects),
			"meanwhile":          cmp.Diff("", got.harm),
		} {
			if diff != "" {
				t.Errorf("killed %s (point %d): %s, -undisturbed +killed:\n%s", got.point, n, what, diff)
			}
		}
	}
}

// again counts the effects on a resource.
func again(e ending, id string) int {
	n := 0
	for effect, times := range e.effects {
		if strings.HasSuffix(effect, " "+id) {
			n += times
		}
	}
	return n
}

// without leaves the effects on a resource out.
func without(effects map[string]int, id string) map[string]int {
	out := maps.Clone(effects)
	maps.DeleteFunc(out, func(effect string, _ int) bool { return id != "" && strings.HasSuffix(effect, " "+id) })
	return out
}

// trial is a transition that is disturbed once.
type trial struct {
	*testing.T
	stage *stage
	db    database
	tr    transition

	world *memory.World
	mu    sync.Mutex
	harm  string
}

// ending is what a trial has left.
type ending struct {
	// point is where the process ended; empty if it did not.
	point   string
	stands  map[string]string
	says    []string
	effects map[string]int
	harm    string
}

// run readies the world, makes the transition with a process that ends at its
// n-th point, and lets a new process finish it.
func (r *trial) run(n int) ending {
	r.Helper()
	r.world = r.stage.fresh()
	r.db.fresh(r.T)
	r.stage.push(r.tr.from)
	clock := r.tr.clock
	if clock == nil {
		clock = []time.Duration{0, 0}
	}
	for _, late := range clock[:len(clock)-1] {
		r.stage.wait(late)
		r.process(immortal())
	}
	r.stage.wait(clock[len(clock)-1])
	if r.tr.ask != nil {
		r.askFor()
	}
	if r.tr.accident != nil {
		r.tr.accident(r.world)
	}
	before := r.world.Count()
	r.watch()
	r.stage.push(r.tr.to)
	l := newLife(n)
	out := ending{}
	if r.process(l); l.ended() {
		out.point = l.last()
		r.process(immortal())
	}
	out.says = r.settled()
	out.stands, out.effects = outline(r.world), map[string]int{}
	for _, s := range r.world.Steps[before:] {
		out.effects[string(s.Action)+" "+s.ID.String()]++
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	out.harm = r.harm
	return out
}

// askFor stores what a person asks for by command.
func (r *trial) askFor() {
	r.Helper()
	store, err := r.db.open(r.Context(), immortal())
	if err == nil {
		err = errors.Join(r.tr.ask(r.Context(), store), store.Close())
	}
	if err != nil {
		r.Fatal(err)
	}
}

// process is one process: it opens the inventory, converges, and ends.
func (r *trial) process(l *life) {
	r.Helper()
	ctx := context.WithoutCancel(r.Context())
	done := make(chan error, 1)
	stores := make(chan *inventory.Store, 1)
	go func() {
		store, err := r.db.open(ctx, l)
		stores <- store
		if err == nil {
			_, err = converge(ctx, r.stage.engine(l, store))
		}
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil && !l.ended() {
			r.Fatal(err)
		}
	case <-l.dead:
	case <-time.After(time.Minute):
		r.Fatal("the process does not end")
	}
	if store := <-stores; store != nil {
		_ = store.Close() // of a process that was killed it fails
	}
}

// settled insists that another process finds nothing to do, and returns what
// the inventory says.
func (r *trial) settled() []string {
	r.Helper()
	store, err := r.db.open(r.Context(), immortal())
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	before := r.world.Count()
	made, err := converge(r.Context(), r.stage.engine(immortal(), store))
	if err != nil || !made.Empty() || r.world.Count() != before {
		r.Errorf("there is still to do: %s, %v", show(made), err)
	}
	if wrong := disagree(&drawn{pass: newPass(r.world, setOf(r.stage))}, made); wrong != "" {
		r.Error(wrong)
	}
	rows, err := store.Bindings(r.Context(), inventory.Filter{})
	owned, err2 := store.Owned(r.Context(), "production")
	if err != nil || err2 != nil {
		r.Fatal(err, err2)
	}
	var out []string
	for _, row := range rows {
		out = append(out, fmt.Sprintf("%s is %s, proved: %v", row.Binding, row.Status, row.LastProof != nil && row.LastProof.OK))
	}
	for _, id := range owned {
		out = append(out, "owned: "+id.String())
	}
	slices.Sort(out)
	return out
}

// watch notes, at every effect, an endpoint that opens and a consumer that is
// locked out.
func (r *trial) watch() {
	secrets := map[string]resource.Credential{}
	for _, name := range r.tr.kept {
		secrets[name] = *r.world.Things[idOf(resource.KindCredential, name)].State.Credential
	}
	closed := map[resource.ID]bool{}
	for id, t := range r.world.Things {
		closed[id] = id.Kind == resource.KindEndpoint && !open(t)
	}
	set := setOf(&stage{identity: r.stage.identity, agents: r.tr.to})
	r.world.Fail = func(s plan.Step, after bool) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		at := fmt.Sprintf("%s %s (done: %v)", s.Action, s.ID, after)
		for id, was := range closed {
			want := wantedEndpoint(set, id.Binding)
			if was && open(r.world.Things[id]) && (want == nil || want.Scheme != schema.SchemeNone) {
				r.harm = at + " opens " + id.String()
			}
		}
		if t := r.world.Things[s.ID]; after && s.ID.Kind == resource.KindEndpoint && !open(t) {
			closed[s.ID] = true
		}
		for name, c := range secrets {
			if !accepted(r.world, c) {
				r.harm = at + " locks out " + name
			}
		}
		return nil
	}
}

// accepted reports that the identity provider gives a token for a credential.
// The world is locked.
func accepted(w *memory.World, c resource.Credential) bool {
	b, name, err := resource.ParseClientID(c.ClientID)
	t := w.Things[resource.ID{Kind: resource.KindClient, Binding: b, Name: name}]
	return err == nil && t != nil && t.State.Client.SecretDigest == c.ClientSecret.Digest(c.ClientID)
}
