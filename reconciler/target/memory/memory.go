// Package memory is a world of targets in memory for tests of the core: an
// identity provider that keeps no readable secret, a secret store with
// versions and marks, and a gateway. It keeps the contract of package target
// and can be made to fail before or after any effect.
package memory

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
	"github.com/gatewright/gatewright/schema"
)

// World is everything that stands. Its fields may be looked at and changed
// while no call is under way.
type World struct {
	mu sync.Mutex
	// Things has what stands, by ID.
	Things map[resource.ID]*Thing
	// Fail is asked before and after each effect; a non-nil error is returned
	// to the caller, after the effect if after is true.
	Fail func(step plan.Step, after bool) error
	// Steps are the effects so far.
	Steps []plan.Step
	// URL is where endpoints are reached: URL/organization/project/agent.
	URL string
	// Undiscoverable makes Discover fail in passing.
	Undiscoverable bool
	// Down makes every call to a kind of resource fail as unreachable.
	Down map[resource.Kind]bool
}

// Thing is one resource that stands.
type Thing struct {
	State resource.State
	Owner resource.Owner
	// Adoptable reports that no gatewright has marked what belongs to others.
	Adoptable bool
	Version   int
	// Former has the secrets that a credential held before.
	Former []resource.Secret
	// Since is when somebody wrote it last, if the world knows.
	Since time.Time
}

// New returns a world in which nothing stands.
func New() *World {
	return &World{Things: map[resource.ID]*Thing{}, Down: map[resource.Kind]bool{}}
}

// Targets returns a target for each kind.
func (w *World) Targets() map[resource.Kind]target.Target {
	out := map[resource.Kind]target.Target{}
	for _, k := range []resource.Kind{resource.KindClient, resource.KindCredential, resource.KindEndpoint, resource.KindKeyManager} {
		out[k] = &keeper{w, k}
	}
	return out
}

// keeper keeps the resources of one kind.
type keeper struct {
	*World
	kind resource.Kind
}

// Name implements target.Target.
func (k *keeper) Name() string { return "memory of " + string(k.kind) }

// Check implements target.Checker.
func (k *keeper) Check(context.Context) []target.Finding { return nil }

// Discover implements target.Discoverer.
func (k *keeper) Discover(context.Context) ([]resource.ID, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.Undiscoverable {
		return nil, fault.New(fault.Transient, "Busy", "try again")
	}
	var out []resource.ID
	for id, t := range k.Things {
		if id.Kind == k.kind && t.Owner == resource.OwnerUs {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, resource.ID.Compare)
	return out, nil
}

// Observe implements target.Observer.
func (k *keeper) Observe(_ context.Context, resources []resource.Resource) ([]resource.Observed, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make([]resource.Observed, len(resources))
	for i, r := range resources {
		out[i].ID = r.ID
		if k.Down[k.kind] {
			out[i].Err = &fault.Error{Class: fault.Transient, Target: k.Name(), Op: "observe", Unreachable: true, Err: errors.New("down")}
			continue
		}
		if k.kind == resource.KindEndpoint && k.URL != "" {
			out[i].URL = k.URL + "/" + r.ID.Binding.Identity()
		}
		t, ok := k.Things[r.ID]
		if !ok {
			if k.kind == resource.KindEndpoint {
				// An agent is there before anyone protects it.
				out[i].Found, out[i].Owner = true, resource.OwnerNobody
				out[i].State.Endpoint = &resource.Endpoint{Scheme: schema.SchemeNone}
			}
			continue
		}
		out[i].Found, out[i].Owner, out[i].Version = true, t.Owner, strconv.Itoa(t.Version)
		out[i].Adoptable, out[i].Since = t.Adoptable, t.Since
		out[i].State = clone(t.State)
	}
	return out, nil
}

// clone copies a state, so that nobody changes what stands by accident.
func clone(s resource.State) resource.State {
	switch {
	case s.Client != nil:
		c := *s.Client
		return resource.State{Client: &c}
	case s.Credential != nil:
		c := *s.Credential
		return resource.State{Credential: &c}
	case s.Endpoint != nil:
		e := *s.Endpoint
		return resource.State{Endpoint: &e}
	case s.KeyManager != nil:
		m := *s.KeyManager
		return resource.State{KeyManager: &m}
	default:
		return s
	}
}

// Apply implements target.Applier.
func (k *keeper) Apply(ctx context.Context, s plan.Step, in target.Input) (target.Outcome, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return target.Outcome{}, fault.New(fault.Transient, "Cancelled", "not begun: %w", err)
	}
	if err := k.failing(s, false); err != nil {
		return target.Outcome{}, err
	}
	out, err := k.effect(s, in)
	if err != nil {
		return out, err
	}
	k.Steps = append(k.Steps, s)
	return out, k.failing(s, true)
}

func (k *keeper) failing(s plan.Step, after bool) error {
	if k.Down[k.kind] {
		return &fault.Error{Class: fault.Transient, Target: k.Name(), Op: string(s.Action), Unreachable: true, Err: errors.New("down")}
	}
	if k.Fail == nil {
		return nil
	}
	return k.Fail(s, after)
}

// effect changes what stands.
func (k *keeper) effect(s plan.Step, in target.Input) (target.Outcome, error) {
	t := k.Things[s.ID]
	if t != nil && t.Owner == resource.OwnerOther && s.Action == plan.Orphan && t.Adoptable {
		return target.Outcome{Version: strconv.Itoa(t.Version)}, nil // an earlier try of this step
	}
	if t != nil && t.Owner == resource.OwnerOther && (s.Action != plan.Adopt || !t.Adoptable) {
		return target.Outcome{}, fault.New(fault.Conflict, "NotOurs", "%s belongs to someone else", s.ID)
	}
	if s.Action == plan.Delete {
		delete(k.Things, s.ID)
		return target.Outcome{Writes: 1}, nil
	}
	if s.Action == plan.Orphan {
		if t == nil {
			return target.Outcome{}, fault.New(fault.Transient, "Moved", "%s is gone", s.ID)
		}
		t.Owner, t.Adoptable, t.Version = resource.OwnerOther, true, t.Version+1
		return target.Outcome{Version: strconv.Itoa(t.Version), Writes: 1}, nil
	}
	if t == nil {
		t = &Thing{}
		k.Things[s.ID] = t
	}
	was := t.State
	t.State, t.Owner, t.Adoptable, t.Version = clone(*s.After), resource.OwnerUs, false, t.Version+1
	out := target.Outcome{Version: strconv.Itoa(t.Version), Writes: 1}
	switch s.ID.Kind {
	case resource.KindClient:
		if in.Secret.IsZero() {
			return out, fault.New(fault.Stalled, "NoSecret", "%s is given no secret", s.ID)
		}
		t.State.Client.SecretDigest = in.Secret.Digest(t.State.Client.ClientID)
	case resource.KindCredential:
		out.Secret = t.store(was, s, in)
	case resource.KindEndpoint, resource.KindKeyManager:
	}
	return out, nil
}

// store gives a credential the secret that a step asks for.
func (t *Thing) store(was resource.State, s plan.Step, in target.Input) resource.Secret {
	c := t.State.Credential
	if was.Credential != nil {
		c.ClientSecret, c.Since, c.Until = was.Credential.ClientSecret, was.Credential.Since, was.Credential.Until
	}
	if s.NewSecret || c.ClientSecret.IsZero() {
		fresh, born := in.Secret, in.At
		if !s.Rotates {
			fresh = resource.GenerateSecret()
			for _, old := range t.Former {
				if in.PeerDigest != "" && old.Digest(c.ClientID) == in.PeerDigest {
					fresh, born = old, time.Unix(0, 0) // nobody knows how old it is
				}
			}
		}
		t.Former = append(t.Former, c.ClientSecret)
		c.ClientSecret, c.Since = fresh, born
	}
	if s.Rotates {
		c.Until = in.At.Add(s.Overlap.Duration())
	}
	c.Application = s.ID.Name
	if spare := resource.Spare(s.ID.Name); c.ClientID == s.ID.Binding.ClientID(spare) {
		c.Application = spare
	}
	c.SecretDigest = c.ClientSecret.Digest(c.ClientID)
	c.MarkDigest = c.SecretDigest
	return c.ClientSecret
}

// Look returns what stands of a resource; nil if nothing does.
func (w *World) Look(id resource.ID) *Thing {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, ok := w.Things[id]
	if !ok {
		return nil
	}
	c := *t
	c.State = clone(t.State)
	return &c
}

// Remove takes a resource away as a stranger would.
func (w *World) Remove(id resource.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.Things, id)
}

// Count returns the number of effects so far.
func (w *World) Count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.Steps)
}

// Overwrite puts a secret into a credential as a stranger would: the mark does
// not know of it.
func (w *World) Overwrite(id resource.ID, secret resource.Secret) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.Things[id]
	c := t.State.Credential
	t.Former = append(t.Former, c.ClientSecret)
	c.ClientSecret, c.SecretDigest = secret, secret.Digest(c.ClientID)
	t.Version++
}
