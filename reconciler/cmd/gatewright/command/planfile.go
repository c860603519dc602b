package command

import (
	"bytes"
	"os"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/plan"
)

// writePlan writes what somebody is to review to a file, for apply --plan.
func writePlan(file, installation string, p *loop.Planned) error {
	var b bytes.Buffer
	if err := plan.NewFile(installation, p.State.Revision.Dirty, p.Plan).Write(&b); err != nil {
		return err
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil { //nolint:gosec // it is as public as the specs
		return usage("--out: %w", err)
	}
	return nil
}

// readPlan reads a plan that was reviewed.
func readPlan(file string) (*plan.File, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, usage("--plan: %w", err)
	}
	f, err := plan.ReadFile(text)
	if err != nil {
		return nil, usage("--plan: %s:%w", file, err)
	}
	return &f, nil
}

// moved is the error of a plan that is not the reviewed one any more.
func (a *App) moved(file string, args []string, difference string) error {
	if difference == "" {
		return nil
	}
	f := fault.New(fault.Unsafe, "PlanMoved", "what stands or the specs have changed since the plan was written: %s", difference)
	f.Hint = "make a new plan and review it: " + a.commandLine([]string{"diff", "--out", file}, args...)
	return f
}
