package desk

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// Detail returns one binding, as its spec asks for it and as it stands.
func (d *Desk) Detail(ctx context.Context, who access.Principal, b Binding) (Detail, error) {
	if err := may(who, access.Viewer, b); err != nil {
		return Detail{}, err
	}
	row, found, err := d.Store.Binding(ctx, b)
	if err != nil {
		return Detail{}, err
	}
	newest, err := d.Engine.Newest(ctx)
	if err != nil && !found {
		return Detail{}, err
	}
	spec, wanted := specOf(newest, b)
	if !found && wanted == nil {
		return Detail{}, ErrUnknown
	}
	if !found {
		row = inventory.Binding{
			Binding: b, Enabled: wanted.Enabled(), Scheme: wanted.Scheme, Status: inventory.Pending,
			SpecFile: wanted.Position.File, SpecLine: wanted.Position.Line,
		}
	}
	held, err := d.suspensions(ctx, newest)
	if err != nil {
		return Detail{}, err
	}
	out := Detail{
		Row: Row{Binding: row, Suspended: over(held, b)}, At: d.now().UTC(), Rotations: []inventory.Rotation{}, Consumers: []Consumer{},
		May: May{
			Try: who.May(access.Developer, b), Edit: who.May(access.Developer, b),
			Reveal: who.May(access.Developer, b), Suspend: who.May(access.Admin, b),
		},
	}
	if out.Environments, err = d.environments(ctx, who, newest, b); err != nil {
		return Detail{}, err
	}
	out.specified(spec, b)
	out.Diagnostics = diagnosticsOf(newest, cmp.Or(out.File, row.SpecFile), b)
	if env := d.Engine.Environment(b.Environment); env != nil && (row.Enabled || wanted != nil && wanted.Enabled()) {
		out.Issuer, out.JWKS, out.TokenEndpoint, out.Audience = env.Issuer, env.JWKSURI, env.TokenEndpoint, b.Audience()
	}
	if err := d.remembered(ctx, b, row, wanted, &out); err != nil {
		return Detail{}, err
	}
	return out, nil
}

// specOf returns the spec of b in a revision and what follows from it; nil if
// there is none.
func specOf(newest *loop.State, b Binding) (*schema.Agent, *desired.Binding) {
	if newest == nil {
		return nil, nil
	}
	for i := range newest.Specs {
		a := &newest.Specs[i]
		if a.Organization == b.Organization && a.Project == b.Project && a.Name == b.Agent {
			return a, newest.Wants(b)
		}
	}
	return nil, newest.Wants(b)
}

// specified takes over what the spec says of b.
func (d *Detail) specified(a *schema.Agent, b Binding) {
	if a == nil {
		return
	}
	d.File = a.At("").File
	for _, e := range a.Environments {
		if e.Name == b.Environment {
			d.Authentication = &e.Authentication
		}
	}
}

// environments lists the environments of the agent of b that who may see.
func (d *Desk) environments(ctx context.Context, who access.Principal, newest *loop.State, b Binding) ([]string, error) {
	rows, err := d.Store.Bindings(ctx, inventory.Filter{Organization: b.Organization, Project: b.Project, Agent: b.Agent})
	if err != nil {
		return nil, err
	}
	names := []string{b.Environment}
	for _, row := range rows {
		names = append(names, row.Binding.Environment)
	}
	if a, _ := specOf(newest, b); a != nil {
		for _, e := range a.Environments {
			names = append(names, e.Name)
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		other := b
		other.Environment = name
		return !who.May(access.Viewer, other)
	})
	slices.Sort(names)
	return slices.Compact(names), nil
}

// diagnosticsOf lists what is wrong with the spec of b: in its file, other
// environments left out.
func diagnosticsOf(newest *loop.State, file string, b Binding) []schema.Diagnostic {
	out := []schema.Diagnostic{}
	if newest == nil || file == "" {
		return out
	}
	agent := "agents." + b.Agent
	for _, diagnostic := range newest.Diagnostics {
		path := diagnostic.Path
		other := strings.HasPrefix(path, "agents.") && path != agent && !strings.HasPrefix(path, agent+".")
		if _, in, ok := strings.Cut("."+path, ".environments."); ok {
			name, _, _ := strings.Cut(in, ".")
			other = other || name != b.Environment
		}
		if diagnostic.Position.File == file && !other {
			out = append(out, diagnostic)
		}
	}
	return out
}

// remembered adds the clients of b and what people asked of them.
func (d *Desk) remembered(ctx context.Context, b Binding, row inventory.Binding, wanted *desired.Binding, out *Detail) error {
	rotations, err := d.Store.Rotations(ctx)
	if err != nil {
		return err
	}
	for _, r := range rotations {
		if r.Binding == b {
			out.Rotations = append(out.Rotations, r)
		}
	}
	revealed, err := d.Store.Events(ctx, inventory.EventFilter{Binding: b, Action: ActionReveal, Limit: maxRevealed})
	if err != nil {
		return err
	}
	out.Consumers = consumers(b, row, wanted)
	for i := range out.Consumers {
		c := &out.Consumers[i]
		for _, e := range revealed { // newest first
			if e.Subject == c.Name {
				c.Revealed, c.RevealedTo = e.At, e.Actor
				break
			}
		}
	}
	return nil
}

// maxRevealed is how many showings of secrets are looked through for the last
// one of each client.
const maxRevealed = 1000

// consumers lists the clients that the spec of b has, and those that stand.
func consumers(b Binding, row inventory.Binding, wanted *desired.Binding) []Consumer {
	byName := map[string]*Consumer{}
	of := func(name string) *Consumer {
		if byName[name] == nil {
			byName[name] = &Consumer{
				Name: name, ClientID: b.ClientID(name), Named: name != resource.ClientOwn && name != resource.ClientTest,
			}
		}
		return byName[name]
	}
	if wanted != nil {
		for _, r := range wanted.Resources {
			if r.ID.Kind != resource.KindCredential {
				continue
			}
			c := of(r.ID.Name)
			c.Wanted, c.AuthMethod, c.CredentialPath = true, r.State.Credential.AuthMethod, r.State.Credential.Path
			if rotation, ok := wanted.Rotations[r.ID.Name]; ok {
				c.Rotation = &rotation
			}
		}
	}
	for _, client := range row.Clients {
		c := of(client.Name)
		c.Stands, c.ClientID, c.Version = true, client.ClientID, client.CredentialVersion
		c.CredentialPath = client.CredentialPath
	}
	out := make([]Consumer, 0, len(byName))
	for _, c := range byName {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b Consumer) int {
		return cmp.Or(cmp.Compare(rank(a.Name), rank(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// rank puts a binding's own client first and that for tests second.
func rank(client string) int {
	switch client {
	case resource.ClientOwn:
		return 0
	case resource.ClientTest:
		return 1
	default:
		return 2
	}
}
