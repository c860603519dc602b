//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gatewright/gatewright/e2e/harness"
)

// condition is what scripts may ask with [real:PEER].
func condition(s *harness.Stack) func(string) (bool, error) {
	return func(text string) (bool, error) {
		peer, ok := strings.CutPrefix(text, "real:")
		if !ok {
			return false, fmt.Errorf("nothing is known of the condition %q", text)
		}
		return s.Real(peer)
	}
}

func disturb(ts *testscript.TestScript, w *world, args []string) {
	peers := map[string]*harness.Container{
		"thunder": w.Thunder, "openbao": w.OpenBAO, "kubernetes": w.Kubernetes, "openchoreo": w.Platform, "gateway": w.Gateway, "git": w.Git,
		"postgresql": w.PostgreSQL,
	}
	c := peers[args[1]]
	if c == nil {
		ts.Fatalf("there is no peer %q", args[1])
	}
	ts.Check(act(w, c, args[0]))
	if undo, ok := undoing[args[0]]; ok {
		w.disturbed[c] = undo
	} else {
		delete(w.disturbed, c)
	}
}

// undoing is what ends a disturbance.
var undoing = map[string]string{"pause": "unpause", "kill": "restart", "disconnect": "connect", "seal": "unseal", "fill": "free"}

// act does to a container what a script says.
func act(w *world, c *harness.Container, action string) error {
	switch action {
	case "pause":
		return c.Pause(w.ctx)
	case "unpause":
		return c.Unpause(w.ctx)
	case "kill":
		return c.Kill(w.ctx)
	case "restart":
		return restart(w, c)
	case "disconnect":
		return c.Disconnect(w.ctx)
	case "connect":
		return c.Connect(w.ctx)
	case "fill", "free":
		return space(w, c, action)
	case "seal", "unseal":
		return seal(w, c, action)
	default:
		return fmt.Errorf("nothing is known of %q", action)
	}
}

// restart starts a container again, and unseals it if it is OpenBAO.
func restart(w *world, c *harness.Container) error {
	if err := c.Restart(w.ctx); err != nil || c != w.OpenBAO {
		return err
	}
	return w.Unseal(w.ctx)
}

// space takes the space on a peer's disk, or gives it back. PostgreSQL may end
// where it cannot write ahead; it is started again then, as whoever runs it does.
func space(w *world, c *harness.Container, action string) error {
	switch {
	case c.Disk == nil:
		return errors.New("it has no disk of its own")
	case action == "fill":
		return c.Disk.Fill(w.ctx)
	}
	if err := c.Disk.Free(w.ctx); err != nil {
		return err
	}
	state, err := c.State(w.ctx)
	if err != nil || state.Running {
		return err
	}
	return restart(w, c)
}

func seal(w *world, c *harness.Container, action string) error {
	switch {
	case c != w.OpenBAO:
		return errors.New("only openbao can be sealed")
	case action == "seal":
		return w.Seal(w.ctx)
	default:
		return w.Unseal(w.ctx)
	}
}
