package desk_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/console/desk/desktest"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// calls are the methods of the desk, each about a binding.
var calls = map[string]func(context.Context, *desk.Desk, access.Principal, resource.Binding) error{
	"detail": func(ctx context.Context, d *desk.Desk, who access.Principal, b resource.Binding) error {
		_, err := d.Detail(ctx, who, b)
		return err
	},
	"pending": func(ctx context.Context, d *desk.Desk, who access.Principal, b resource.Binding) error {
		_, err := d.Pending(ctx, who, b)
		return err
	},
	"past": func(ctx context.Context, d *desk.Desk, who access.Principal, b resource.Binding) error {
		_, err := d.Past(ctx, who, b, 10)
		return err
	},
	"token": func(ctx context.Context, d *desk.Desk, who access.Principal, b resource.Binding) error {
		_, err := d.Token(ctx, who, b, "")
		return err
	},
	"try": func(ctx context.Context, d *desk.Desk, who access.Principal, b resource.Binding) error {
		_, err := d.Try(ctx, who, b, desk.Request{Path: "/"})
		return err
	},
	"prove": func(ctx context.Context, d *desk.Desk, who access.Principal, b resource.Binding) error {
		_, err := d.Prove(ctx, who, b)
		return err
	},
	"reveal": func(ctx context.Context, d *desk.Desk, who access.Principal, b resource.Binding) error {
		_, err := d.Reveal(ctx, who, b, "own", 0)
		return err
	},
	"rotate": func(ctx context.Context, d *desk.Desk, who access.Principal, b resource.Binding) error {
		return d.Rotate(ctx, who, b, "own", desk.RotateOptions{Reason: "it leaked"})
	},
	"suspend": func(ctx context.Context, d *desk.Desk, who access.Principal, b resource.Binding) error {
		return d.Suspend(ctx, who, resource.Selector(b), "freeze", time.Now().Add(time.Hour))
	},
	"resume": func(ctx context.Context, d *desk.Desk, who access.Principal, b resource.Binding) error {
		_, err := d.Resume(ctx, who, resource.Selector(b))
		return err
	},
	"sync": func(ctx context.Context, d *desk.Desk, who access.Principal, _ resource.Binding) error {
		return d.Sync(ctx, who)
	},
	"overview": func(ctx context.Context, d *desk.Desk, who access.Principal, _ resource.Binding) error {
		_, err := d.Overview(ctx, who, desk.Query{})
		return err
	},
	"plan": func(ctx context.Context, d *desk.Desk, who access.Principal, _ resource.Binding) error {
		_, err := d.PlanAt(ctx, who, "main", resource.Selector{})
		return err
	},
	"runs": func(ctx context.Context, d *desk.Desk, who access.Principal, _ resource.Binding) error {
		_, err := d.Runs(ctx, who, inventory.RunFilter{})
		return err
	},
	"audit": func(ctx context.Context, d *desk.Desk, who access.Principal, _ resource.Binding) error {
		_, err := d.Audit(ctx, who, inventory.EventFilter{})
		return err
	},
}

// TestRoles asks for everything as everybody.
func TestRoles(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	people := []access.Principal{desktest.Viewer, desktest.Developer, desktest.Admin, desktest.Stranger, desktest.Nobody}
	ok, no, hidden := error(nil), desk.ErrForbidden, desk.ErrUnknown
	tests := map[string][]error{ // as people
		"detail":   {ok, ok, ok, hidden, hidden},
		"pending":  {ok, ok, ok, hidden, hidden},
		"past":     {ok, ok, ok, hidden, hidden},
		"token":    {no, ok, ok, hidden, hidden},
		"try":      {no, ok, ok, hidden, hidden},
		"prove":    {no, ok, ok, hidden, hidden},
		"reveal":   {no, ok, ok, hidden, hidden},
		"rotate":   {no, ok, ok, hidden, hidden},
		"suspend":  {no, no, ok, no, no},
		"resume":   {no, no, ok, no, no},
		"sync":     {no, ok, ok, ok, no},
		"overview": {ok, ok, ok, ok, no},
		"plan":     {ok, ok, ok, ok, no},
		"runs":     {ok, ok, ok, ok, no},
		"audit":    {ok, ok, ok, ok, no},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, who := range people {
				if err := call(t.Context(), s.Desk, who, desktest.Booking); !errors.Is(err, tests[name][i]) {
					t.Errorf("%s as %s: %v, want %v", name, who.Subject, err, tests[name][i])
				}
			}
		})
	}
}

// TestUnknown asks for what does not exist, as who may do everything.
func TestUnknown(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	tests := map[string]resource.Binding{
		"no such agent":       desktest.Binding("acme", "travel", "nothing"),
		"no such environment": {Organization: "acme", Project: "travel", Agent: "booking", Environment: "moon"},
		"the probe's":         s.Engine.Environment("production").Probe(),
		"no name":             desktest.Binding("acme", "travel", "Not A/Name"),
		"nothing":             {},
	}
	for name, b := range tests {
		for _, call := range []string{"detail", "pending", "past", "token", "try", "prove", "reveal", "rotate"} {
			t.Run(call+" of "+name, func(t *testing.T) {
				t.Parallel()
				if err := calls[call](t.Context(), s.Desk, desktest.Admin, b); !errors.Is(err, desk.ErrUnknown) {
					t.Errorf("%v, want %v", err, desk.ErrUnknown)
				}
			})
		}
	}
	for _, client := range []string{"partner-x", "own_b", "../own"} {
		if _, err := s.Desk.Token(t.Context(), desktest.Admin, desktest.Booking, client); !errors.Is(err, desk.ErrUnknown) {
			t.Errorf("token of client %s: %v, want %v", client, err, desk.ErrUnknown)
		}
	}
}
