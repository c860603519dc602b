package plan

import (
	"fmt"
	"strings"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// Counts says how many steps do what.
type Counts struct {
	Create  int `json:"create"`
	Update  int `json:"update"`
	Replace int `json:"replace"`
	Delete  int `json:"delete"`
	Adopt   int `json:"adopt,omitempty"`
	Orphan  int `json:"orphan,omitempty"`
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
		case Adopt:
			c.Adopt++
		case Orphan:
			c.Orphan++
		case Keep:
			c.Keep++
		case Skip:
			c.Skip++
		}
	}
	return c
}

// Effects is the number of steps that would change a target.
func (c Counts) Effects() int {
	return c.Create + c.Update + c.Replace + c.Delete + c.Adopt + c.Orphan
}

// String prints the last line of a plan.
func (c Counts) String() string {
	parts := []string{fmt.Sprintf("%d to create", c.Create), fmt.Sprintf("%d to update", c.Update)}
	if c.Replace > 0 {
		parts = append(parts, fmt.Sprintf("%d to replace", c.Replace))
	}
	parts = append(parts, fmt.Sprintf("%d to delete", c.Delete))
	if c.Adopt > 0 {
		parts = append(parts, fmt.Sprintf("%d to adopt", c.Adopt))
	}
	if c.Orphan > 0 {
		parts = append(parts, fmt.Sprintf("%d to give up", c.Orphan))
	}
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
