package targettest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

// canary is a secret of the memory target.
const canary = "canary-7d1f"

// memory is a target in memory that keeps the contract, but for one flaw.
type memory struct {
	flaw string

	mu      sync.Mutex
	things  map[string]thing
	version int
	writes  int
	armed   *Fault
	nth     int
}

type thing struct {
	state   resource.State
	owner   string
	version int
}

func (m *memory) Name() string { return "memory" }

func (m *memory) Observe(ctx context.Context, rs []resource.Resource) ([]resource.Observed, error) {
	if m.flaw == "leaks" {
		return nil, fault.New(fault.Transient, "Leak", "password %s", canary)
	}
	if ctx.Err() != nil && m.flaw != "ignores cancellation" {
		return nil, &fault.Error{Class: fault.Transient, Err: ctx.Err()}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.flaw == "writes on observing" {
		m.writes++
	}
	out := make([]resource.Observed, 0, len(rs))
	for _, r := range rs {
		o := resource.Observed{ID: r.ID}
		if th, ok := m.things[r.ID.String()]; ok {
			o.Found, o.State, o.Version = true, th.state, fmt.Sprint(th.version)
			if o.Owner = resource.OwnerUs; th.owner != "us" {
				o.Owner, o.OwnerName = resource.OwnerOther, th.owner
			}
		}
		out = append(out, o)
	}
	if m.flaw == "swaps" && len(out) > 1 {
		out[0], out[1] = out[1], out[0]
	}
	return out, nil
}

func (m *memory) Apply(ctx context.Context, s plan.Step, _ target.Input) (target.Outcome, error) {
	if ctx.Err() != nil && m.flaw != "ignores cancellation" {
		return target.Outcome{}, &fault.Error{Class: fault.Transient, Err: ctx.Err()}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key := s.ID.String()
	th, ok := m.things[key]
	switch {
	case ok && th.owner != "us" && m.flaw != "takes what is foreign":
		return target.Outcome{}, fault.New(fault.Conflict, "Foreign", "owned by %s", th.owner)
	case s.After == nil && !ok, s.After != nil && ok && len(Changes(*s.After, resource.Observed{State: th.state}, target.Input{})) == 0:
		if m.flaw == "refuses done steps" {
			return target.Outcome{}, fault.New(fault.Stalled, "Done", "already so")
		}
		return target.Outcome{}, nil
	case ok && s.Version != fmt.Sprint(th.version) && m.flaw != "ignores versions":
		return target.Outcome{}, fault.New(fault.Transient, "Moved", "moved since it was observed")
	}
	return target.Outcome{Writes: 1}, m.write(ctx, key, s.After)
}

// write has the armed fault's fate.
func (m *memory) write(ctx context.Context, key string, after *resource.State) error {
	m.writes++
	var f *Fault
	if m.armed != nil {
		if m.nth--; m.nth == 0 {
			f, m.armed = m.armed, nil
		}
	}
	if f == nil || f.After {
		m.version++
		if after == nil {
			delete(m.things, key)
		} else {
			m.things[key] = thing{*after, "us", m.version}
		}
	}
	if f == nil {
		return nil
	}
	if f.Action == FaultHang {
		m.mu.Unlock()
		<-ctx.Done()
		m.mu.Lock()
	}
	switch m.flaw {
	case "calls a lost answer done":
		return nil
	case "calls a lost answer transient":
		return fault.New(fault.Transient, "Lost", "the answer was lost")
	case "returns plain errors":
		return errors.New("lost")
	}
	return fault.New(fault.Unknown, "Lost", "the answer was lost")
}

func (m *memory) Discover(context.Context) ([]resource.ID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []resource.ID
	for n := range 100 {
		if th, ok := m.things[nthID(n).String()]; ok && (th.owner == "us" || m.flaw == "discovers what is foreign") {
			out = append(out, nthID(n))
		}
	}
	return out, nil
}

func (m *memory) Check(context.Context) []target.Finding {
	return []target.Finding{{Name: "memory", OK: m.flaw != "has a bad finding", Message: "fine"}}
}

func nthID(n int) resource.ID {
	b := resource.Binding{Organization: "o", Project: "p", Agent: fmt.Sprintf("a%d", n), Environment: "e"}
	return resource.ID{Kind: resource.KindKeyManager, Binding: b, Name: fmt.Sprint("k", n)}
}

func harness(flaw string) Harness {
	keyManager := func(uri string) func(int) resource.State {
		return func(n int) resource.State {
			return resource.State{KeyManager: &resource.KeyManager{Name: fmt.Sprint("k", n), Issuer: "i", JWKSURI: uri}}
		}
	}
	return Harness{
		ID: nthID, A: keyManager("a"), B: keyManager("b"), Discovers: true,
		Start: func(*testing.T) World {
			m := &memory{flaw: flaw, things: map[string]thing{}}
			locked := func(f func()) { m.mu.Lock(); defer m.mu.Unlock(); f() }
			return World{
				Target:  m,
				Writes:  func() (n int) { locked(func() { n = m.writes }); return n },
				Arm:     func(_ *testing.T, f Fault, nth int) { locked(func() { m.armed, m.nth = &f, nth }) },
				Disarm:  func() { locked(func() { m.armed = nil }) },
				Secrets: func() []string { return []string{canary} },
				Foreign: func(_ *testing.T, n int) func() string {
					key := nthID(n).String()
					locked(func() { m.things[key] = thing{keyManager("z")(n), "somebody", 7} })
					return func() (s string) { locked(func() { s = fmt.Sprintf("%+v", m.things[key].state.KeyManager) }); return s }
				},
				Meddle: func(_ *testing.T, n int) {
					locked(func() { m.things[nthID(n).String()] = thing{keyManager("meddled")(n), "us", 1000} })
				},
			}
		},
	}
}

func TestSuitePassesATargetThatKeepsTheContract(t *testing.T) {
	t.Parallel()
	Run(t, harness(""))
}

// TestFlawed is run by TestSuiteFailsFlawedTargets in a process of its own.
func TestFlawed(t *testing.T) {
	flaw := flawFromEnvironment()
	if flaw == "" {
		t.Skip("runs only as a child of TestSuiteFailsFlawedTargets")
	}
	Run(t, harness(flaw))
}

func TestSuiteFailsFlawedTargets(t *testing.T) {
	t.Parallel()
	flaws := map[string]string{
		"leaks": "shows in", "ignores cancellation": "cancelled context", "writes on observing": "observing made",
		"swaps": "observation 0", "takes what is foreign": "want a conflict", "refuses done steps": "again",
		"ignores versions": "before the resource moved", "calls a lost answer done": "reported as done",
		"calls a lost answer transient": "class of", "returns plain errors": "no *fault.Error",
		"discovers what is foreign": "not ours", "has a bad finding": "finding of a healthy target",
	}
	for flaw, want := range flaws {
		t.Run(flaw, func(t *testing.T) {
			t.Parallel()
			out, err := runFlawed(t, flaw)
			if err == nil || !strings.Contains(out, want) {
				t.Errorf("want a failure that says %q, got error %v:\n%s", want, err, out)
			}
		})
	}
}
