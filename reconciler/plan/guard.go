package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// Limit bounds how much one plan may take away of what is owned.
type Limit struct {
	// Percent of what is owned that a plan may delete or disable.
	Percent int
	// From is how many resources must be owned before Percent counts.
	From int
}

// exceeded reports whether taking so many of those owned is too much.
func (l Limit) exceeded(taken, owned int) bool {
	return taken > 0 && owned >= l.From && taken*100 > l.Percent*owned
}

// Limits bound how much one plan may take away: of all that is owned, and of
// what is owned in each environment. A plan that exceeds either is too much: an
// environment that is emptied may be little of the whole, and a little of each
// may be much.
type Limits struct {
	// Percent and From are the limit of the whole, and of each environment that
	// has none of its own.
	Percent, From int
	// Environments has the limits of environments by name.
	Environments map[string]Limit
}

// of is the limit of an environment.
func (l Limits) of(environment string) Limit {
	if own, ok := l.Environments[environment]; ok {
		return own
	}
	return Limit{l.Percent, l.From}
}

// Guard refuses a plan that takes away too much at once. What it would take
// away but for a target that is away counts as well: a change that is too much
// as a whole is not let through in parts. The error's class is fault.Unsafe;
// nothing has happened yet.
func (p Plan) Guard(l Limits) error {
	if !slices.ContainsFunc(p.Steps, Step.Takes) {
		return nil
	}
	taken := map[string]int{}
	all := 0
	for _, s := range p.Steps {
		if s.Takes() || s.Misses {
			taken[s.ID.Binding.Environment]++
			all++
		}
	}
	var said []string
	for _, env := range slices.Sorted(maps.Keys(taken)) {
		if limit := l.of(env); limit.exceeded(taken[env], p.OwnedIn[env]) {
			said = append(said, fmt.Sprintf("%d of %d owned resources in environment %s, more than %d %%", taken[env], p.OwnedIn[env], env, limit.Percent))
		}
	}
	if whole := (Limit{l.Percent, l.From}); said == nil && whole.exceeded(all, p.Owned) {
		said = append(said, fmt.Sprintf("%d of %d owned resources in all, more than %d %%", all, p.Owned, l.Percent))
	}
	if said == nil {
		return nil
	}
	err := fault.New(fault.Unsafe, MassChange, "the plan deletes or disables %s", strings.Join(said, "; "))
	err.Hint = Confirmation(p.Revision)
	return err
}

// MassChange is the reason of the error by which Guard refuses a plan.
const MassChange = "MassChange"

// Confirmation says how a person confirms what a guard holds back of a
// revision; an empty one has no name by which it could be confirmed.
func Confirmation(revision string) string {
	if revision == "" {
		return "if that is meant: gatewright apply --allow-mass-change"
	}
	return "if that is meant: gatewright apply --confirm " + revision + ", or for a daemon: gatewright confirm " + revision
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
