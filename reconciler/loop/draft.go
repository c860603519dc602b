package loop

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/draft"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/source"
	"github.com/gatewright/gatewright/schema"
)

// Drafted is the specs of what stands, and what stands without one.
type Drafted struct {
	Agents []schema.Agent
	Files  []draft.File
	Left   []draft.Left
	// Unmarked are clients of others, by environment: each with what its target
	// calls it. No spec can name them.
	Unmarked map[string][]string
}

// Draft writes specs of what stands of a scope in the engine's environments and
// changes nothing. The specs are loaded and planned for as they would be from a
// repository, and what a plan would change is left out: the first plan for what
// is drafted is empty.
func (e *Engine) Draft(ctx context.Context, scope resource.Selector) (*Drafted, error) {
	w, stray, err := e.standing(ctx, scope)
	if err != nil {
		return nil, err
	}
	out := &Drafted{}
	if out.Unmarked, err = e.unmarked(ctx, scope); err != nil {
		return nil, err
	}
	out.Agents, out.Left = draft.From(w)
	for {
		p, err := e.rehearse(ctx, out)
		if err != nil {
			return nil, err
		}
		if unreadable := unreadableInterfaces(p, out.Agents); len(unreadable) > 0 {
			out.Left = append(out.Left, unreadable...)
			continue
		}
		differing := differing(p, out.Agents)
		if len(differing) == 0 {
			out.Left = append(out.Left, beside(p, stray, scope)...)
			slices.SortStableFunc(out.Left, func(a, b draft.Left) int { return a.ID.Compare(b.ID) })
			return out, nil
		}
		gone := map[resource.Binding]bool{}
		for _, l := range differing {
			gone[l.ID.Binding] = true
		}
		out.Agents, out.Left = draft.Without(out.Agents, gone), append(out.Left, differing...)
	}
}

// standing observes all endpoints that can be found, and the clients and
// credentials that they have or may have. What is ours of agents that have no
// endpoint is stray.
func (e *Engine) standing(ctx context.Context, scope resource.Selector) (w draft.World, stray []resource.ID, err error) {
	names, stray, err := e.named(ctx, scope)
	if err != nil {
		return w, nil, err
	}
	for _, env := range e.Environments {
		w.Environments = append(w.Environments, env.Environment)
	}
	var ask []resource.Resource
	for _, b := range slices.SortedFunc(maps.Keys(names), resource.Binding.Compare) {
		ask = append(ask, resource.Resource{ID: resource.ID{Kind: resource.KindEndpoint, Binding: b}})
		for _, name := range slices.Sorted(maps.Keys(names[b])) {
			ask = append(ask, resource.Resource{ID: resource.ID{Kind: resource.KindCredential, Binding: b, Name: name}})
			for _, application := range []string{name, resource.Spare(name)} {
				ask = append(ask, resource.Resource{ID: resource.ID{Kind: resource.KindClient, Binding: b, Name: application}})
			}
		}
	}
	w.Observed = e.observe(ctx, ask, nil)
	for _, r := range ask {
		if err := w.Observed[r.ID].Err; err != nil && r.ID.Kind != resource.KindEndpoint {
			return w, nil, err // the draft would lack it, and a plan take it away
		}
	}
	rows, err := e.Store.Bindings(ctx, inventory.Filter{})
	if err != nil {
		return w, nil, fmt.Errorf("read inventory: %w", err)
	}
	w.Deletion = map[resource.Binding]schema.Deletion{}
	for _, row := range rows {
		w.Deletion[row.Binding] = row.Deletion
	}
	slices.SortFunc(stray, resource.ID.Compare)
	return w, slices.Compact(stray), nil
}

// named lists the clients that the endpoints of a scope have or may have, and
// what is ours there of agents without an endpoint.
func (e *Engine) named(ctx context.Context, scope resource.Selector) (map[resource.Binding]map[string]bool, []resource.ID, error) {
	names := map[resource.Binding]map[string]bool{}
	var ours, stray []resource.ID
	for _, env := range e.Environments {
		if env.Finder == nil {
			continue
		}
		found, err := env.Finder.Find(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("environment %s: %w", env.Name, err)
		}
		for _, id := range found {
			if scope.Has(id.Binding) {
				names[id.Binding] = map[string]bool{resource.ClientOwn: true, resource.ClientTest: true}
			}
		}
		marked, err := e.marked(ctx, env)
		if err != nil {
			return nil, nil, fmt.Errorf("environment %s: %w", env.Name, err)
		}
		ours = append(ours, marked...)
	}
	for _, id := range ours {
		if known := names[id.Binding]; known != nil {
			known[resource.Consumer(id.Name)] = true
		} else if scope.Has(id.Binding) && !desired.IsProbe(id.Binding) {
			stray = append(stray, id)
		}
	}
	return names, stray, nil
}

// marked lists the clients and credentials of env that are marked ours. A
// listing that the target cuts short will do: the other one names the same
// clients.
func (e *Engine) marked(ctx context.Context, env *Environment) ([]resource.ID, error) {
	var out []resource.ID
	for _, kind := range []resource.Kind{resource.KindClient, resource.KindCredential} {
		ids, err := env.Targets[kind].Discover(ctx)
		if err != nil && (kind == resource.KindCredential || fault.ClassOf(err) != fault.Stalled) {
			return nil, err
		}
		for _, id := range ids {
			if id.Kind == kind && id.Binding.Environment == env.Name {
				out = append(out, id)
			}
		}
	}
	return out, nil
}

// rehearse writes the files of d, and plans for them.
func (e *Engine) rehearse(ctx context.Context, d *Drafted) (p *Planned, err error) {
	if d.Files, err = draft.Files(d.Agents); err != nil {
		return nil, err
	}
	st, err := e.Load(ctx, source.Snapshot{Tree: draft.Tree(d.Files), Revision: source.Revision{Dirty: true}})
	if err != nil {
		return nil, err
	}
	if p, err = e.Plan(ctx, st, nil); err != nil {
		return nil, err
	}
	for _, s := range p.Steps {
		if o := p.Observed[s.ID]; o.Err != nil && fault.IsUnreachable(o.Err) {
			return nil, o.Err
		}
	}
	return p, nil
}

// differing lists the bindings of p that are wanted and would be changed, or
// could not be loaded, each with why.
func differing(p *Planned, agents []schema.Agent) []draft.Left {
	var out []draft.Left
	seen := map[resource.Binding]bool{}
	for _, s := range p.Steps {
		b := s.ID.Binding
		if p.Wanted[b] == nil || desired.IsProbe(b) || seen[b] || s.Action == plan.Keep {
			continue
		}
		seen[b] = true
		out = append(out, draft.Left{ID: s.ID, Reason: told(s), Hint: hintOf(s)})
	}
	wrong := map[string]schema.Diagnostic{}
	for _, d := range p.State.Diagnostics {
		if _, ok := wrong[d.Position.File]; !ok && d.Severity == schema.SeverityError {
			wrong[d.Position.File] = d
		}
	}
	for _, a := range agents {
		d, ok := wrong[draft.Path(a)]
		for _, env := range a.Environments {
			b := resource.Binding{Organization: a.Organization, Project: a.Project, Agent: a.Name, Environment: env.Name}
			if ok && !seen[b] {
				out = append(out, draft.Left{
					ID: resource.ID{Kind: resource.KindEndpoint, Binding: b}, Reason: d.Path + ": " + d.Message, Hint: d.Hint,
				})
			}
		}
	}
	return out
}

// unreadableInterfaces takes the interface off each agent that could not be
// loaded because of it: a trait may hold what no spec can say.
func unreadableInterfaces(p *Planned, agents []schema.Agent) []draft.Left {
	var out []draft.Left
	for i, a := range agents {
		at := slices.IndexFunc(p.State.Diagnostics, func(d schema.Diagnostic) bool {
			return d.Severity == schema.SeverityError && d.Position.File == draft.Path(a) && strings.Contains(d.Path+".", ".interface.")
		})
		if at < 0 || a.Interface == nil {
			continue
		}
		agents[i].Interface = nil
		b := resource.Binding{Organization: a.Organization, Project: a.Project, Agent: a.Name, Environment: a.Environments[0].Name}
		out = append(out, draft.Left{
			ID:     resource.ID{Kind: resource.KindEndpoint, Binding: b},
			Reason: "its spec is without the interface, since the trait's is none: " + p.State.Diagnostics[at].Message,
			Hint:   "write interface by hand",
		})
	}
	return out
}

// unmarked lists the clients of others, in the environments of scope whose
// target can list them.
func (e *Engine) unmarked(ctx context.Context, scope resource.Selector) (map[string][]string, error) {
	out := map[string][]string{}
	for _, env := range e.Environments {
		if env.Lister == nil || scope.Environment != "" && scope.Environment != env.Name {
			continue
		}
		names, err := env.Lister.Unmarked(ctx)
		if err != nil && fault.ClassOf(err) != fault.Stalled {
			return nil, fmt.Errorf("environment %s: %w", env.Name, err)
		}
		if err != nil {
			names = []string{"unknown: " + err.Error()}
		}
		if len(names) > 0 {
			out[env.Name] = names
		}
	}
	return out, nil
}

// told says what a plan would do.
func told(s plan.Step) string {
	if s.Action == plan.Skip {
		return s.Reason
	}
	said := []string{fmt.Sprintf("a plan would %s the %s", s.Action, s.ID)}
	if s.Reason != "" {
		said = append(said, s.Reason)
	}
	for _, c := range s.Fields() {
		said = append(said, fmt.Sprintf("%s: %q → %q", c.Field, c.Before, c.After))
	}
	return strings.Join(said, "; ")
}

// hintOf says what to do about a difference.
func hintOf(s plan.Step) string {
	if s.Hint != "" {
		return s.Hint
	}
	return "write the spec by hand, and let apply bring what stands to it"
}

// beside lists what is planned beside the drafted specs, and what is ours of
// agents without an endpoint.
func beside(p *Planned, stray []resource.ID, scope resource.Selector) []draft.Left {
	var out []draft.Left
	known := map[resource.ID]bool{}
	for _, s := range p.Steps {
		if s.Action == plan.Keep || !scope.Has(s.ID.Binding) || p.Wanted[s.ID.Binding] != nil && !desired.IsProbe(s.ID.Binding) {
			continue
		}
		known[s.ID] = true
		out = append(out, draft.Left{ID: s.ID, Reason: told(s), Hint: s.Hint})
	}
	for _, id := range stray {
		if !known[id] {
			out = append(out, draft.Left{
				ID: id, Reason: "it is ours, and its agent is not deployed in the environment",
				Hint: "deploy the agent and import again, or delete it by hand",
			})
		}
	}
	return out
}
