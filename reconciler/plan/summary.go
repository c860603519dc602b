package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// Counts says how many steps do what.
type Counts struct {
	Create  int `json:"create"`
	Update  int `json:"update"`
	Replace int `json:"replace"`
	Delete  int `json:"delete"`
	Keep    int `json:"keep"`
	Skip    int `json:"skip"`
}

// Counts counts the steps of p by action.
func (p Plan) Counts() Counts {
	var c Counts
	for _, s := range p.Steps {
		switch s.Action {
		case Create:
			c.Create++
		case Update:
			c.Update++
		case Replace:
			c.Replace++
		case Delete:
			c.Delete++
		case Keep:
			c.Keep++
		case Skip:
			c.Skip++
		}
	}
	return c
}

// Effects is the number of steps that would change a target.
func (c Counts) Effects() int { return c.Create + c.Update + c.Replace + c.Delete }

// String prints the last line of a plan.
func (c Counts) String() string {
	parts := []string{fmt.Sprintf("%d to create", c.Create), fmt.Sprintf("%d to update", c.Update)}
	if c.Replace > 0 {
		parts = append(parts, fmt.Sprintf("%d to replace", c.Replace))
	}
	parts = append(parts, fmt.Sprintf("%d to delete", c.Delete))
	if c.Skip > 0 {
		parts = append(parts, fmt.Sprintf("%d skipped", c.Skip))
	}
	return "plan: " + strings.Join(parts, ", ")
}

// Empty reports that nothing differs: there is no effect to carry out and none
// that had to be skipped.
func (p Plan) Empty() bool {
	for _, s := range p.Steps {
		if s.Action.Effectful() || s.Action == Skip {
			return false
		}
	}
	return true
}

// Of returns the steps of one binding, in order.
func (p Plan) Of(b resource.Binding) []Step {
	var out []Step
	for _, s := range p.Steps {
		if s.ID.Binding == b {
			out = append(out, s)
		}
	}
	return out
}

// Limits bound how much one plan may take away.
type Limits struct {
	// Percent of what is owned that a plan may delete or disable.
	Percent int
	// From is how many resources must be owned before Percent counts.
	From int
}

// Guard refuses a plan that takes away too much at once. The error's class is
// fault.Unsafe; nothing has happened yet.
func (p Plan) Guard(l Limits) error {
	taken := 0
	for _, s := range p.Steps {
		if s.Takes() {
			taken++
		}
	}
	if taken == 0 || p.Owned < l.From || taken*100 <= l.Percent*p.Owned {
		return nil
	}
	err := fault.New(fault.Unsafe, "MassChange",
		"the plan deletes or disables %d of %d owned resources, more than %d %%", taken, p.Owned, l.Percent)
	err.Hint = "if that is meant, repeat with --allow-mass-change"
	return err
}

// Hold returns p with every step that takes something away turned into a
// skip, for the reason of err. What remains may be carried out.
func (p Plan) Hold(err error) Plan {
	steps := slices.Clone(p.Steps)
	for i, s := range steps {
		if s.Takes() {
			steps[i].Action, steps[i].Class, steps[i].Reason = Skip, fault.ClassOf(err), err.Error()
			steps[i].Hint, steps[i].DependsOn = fault.HintOf(err), nil
		}
	}
	p.Steps = steps
	return p
}
