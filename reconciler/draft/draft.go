// Package draft writes specs from what stands, so that an installation that was
// made without them comes under git.
//
// It is the inverse of package desired, and as pure: what is drafted asks for
// exactly what was observed. What no spec can say is left out and told, each
// with why and what to do; it is never drafted as something near it.
package draft

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// World is what stands.
type World struct {
	Environments []desired.Environment
	// Observed has the endpoints that there are, and the clients and credentials
	// that they may have.
	Observed map[resource.ID]resource.Observed
	// Deletion is what is remembered of the policies of specs.
	Deletion map[resource.Binding]schema.Deletion
}

// Left is something that stands and that no drafted spec speaks of. An agent may
// be drafted and one thing about it left.
type Left struct {
	ID     resource.ID `json:"id"`
	Reason string      `json:"reason"`
	// Hint says what a person can do about it.
	Hint string `json:"hint,omitempty"`
}

// From drafts a spec of each agent that has an endpoint. Both results are
// sorted.
func From(w World) ([]schema.Agent, []Left) {
	d := drafter{
		World: w, environments: map[string]desired.Environment{}, agents: map[string]*schema.Agent{},
		clients: map[resource.Binding]map[string]resource.Observed{}, methods: map[resource.ID]schema.AuthMethod{},
	}
	for _, e := range w.Environments {
		d.environments[e.Name] = e
	}
	var endpoints []resource.ID
	for id, o := range w.Observed {
		switch {
		case id.Kind == resource.KindEndpoint:
			endpoints = append(endpoints, id)
		case o.Err == nil && o.Found && o.Owner == resource.OwnerUs && o.State.Client != nil:
			d.client(id, o)
		case o.Err == nil && o.Found && o.Owner == resource.OwnerUs && o.State.Credential != nil:
			d.methods[id] = o.State.Credential.AuthMethod
			d.rotated(id, o.State.Credential)
		}
	}
	slices.SortFunc(endpoints, resource.ID.Compare)
	for _, id := range endpoints {
		if err := d.endpoint(id, w.Observed[id]); err != nil {
			d.left = append(d.left, Left{ID: id, Reason: err.Error(), Hint: fault.HintOf(err)})
		}
	}
	out := make([]schema.Agent, 0, len(d.agents))
	for _, identity := range slices.Sorted(maps.Keys(d.agents)) {
		out = append(out, *d.agents[identity])
	}
	slices.SortStableFunc(d.left, func(a, b Left) int { return a.ID.Compare(b.ID) })
	return out, d.left
}

// drafter collects what From returns.
type drafter struct {
	World
	environments map[string]desired.Environment
	agents       map[string]*schema.Agent
	// clients are those that stand, by what their credential is named by.
	clients map[resource.Binding]map[string]resource.Observed
	// methods are how clients authenticate, by their credentials.
	methods map[resource.ID]schema.AuthMethod
	left    []Left
}

// client notes a client, by the first of its two applications if both stand:
// they are asked for alike.
func (d *drafter) client(id resource.ID, o resource.Observed) {
	if d.clients[id.Binding] == nil {
		d.clients[id.Binding] = map[string]resource.Observed{}
	}
	name := resource.Consumer(id.Name)
	if _, known := d.clients[id.Binding][name]; !known || id.Name == name {
		d.clients[id.Binding][name] = o
	}
}

// endpoint drafts what a spec says of one environment.
//
//	observation                             | drafted
//	----------------------------------------+---------------------------------
//	cannot be read, not deployed            | left
//	applied by another manager              | left
//	holds what no spec says                 | left
//	oauth2, of another audience or of none  | left: a token of others opens it
//	oauth2, an issuer that is not configured| left
//	oauth2, without a client of ours        | left: locked since its spec is gone
//	others                                  | as it stands
func (d *drafter) endpoint(id resource.ID, o resource.Observed) error {
	switch {
	case o.Err != nil:
		return o.Err
	case !o.Found:
		return because(o.Rollout.Hint, "it is not deployed: %s", o.Rollout.Message)
	case o.Owner == resource.OwnerOther:
		return because(`let that one give it up and import again, or write the spec by hand with adopt: ["endpoint"]`, "it is applied by %s", cmp.Or(o.OwnerName, "someone else"))
	}
	e := o.State.Endpoint
	if e.Altered != "" {
		return because("bring the policy into a form that a spec can ask for, or write the spec by hand and let apply replace it",
			"its policy holds what no spec can say: %s", e.Altered)
	}
	env := schema.Environment{Name: id.Binding.Environment, Authentication: schema.Authentication{Scheme: e.Scheme}}
	switch e.Scheme {
	case schema.SchemeNone, schema.SchemeAPIKey:
	case schema.SchemeOAuth2:
		if err := d.oauth2(&env.Authentication, id.Binding, e); err != nil {
			return err
		}
	default:
		return because("write the spec by hand and let apply replace the policy", "its scheme is %q, which no spec can say", e.Scheme)
	}
	if policy := d.Deletion[id.Binding]; policy != schema.DeletionPrune {
		env.Deletion = policy
	}
	d.add(id.Binding, env, e.Interface)
	return nil
}

// rotated tells of a credential that was rotated: that is to go on, and nothing
// that stands says how often.
func (d *drafter) rotated(id resource.ID, c *resource.Credential) {
	if !c.Until.IsZero() || c.Application == resource.Spare(id.Name) {
		d.left = append(d.left, Left{
			ID: id, Reason: "it has been rotated, and no target knows its schedule",
			Hint: "write rotation by hand if it is to be rotated again",
		})
	}
}

// oauth2 drafts how tokens are checked, and who may get them.
func (d *drafter) oauth2(auth *schema.Authentication, b resource.Binding, e *resource.Endpoint) error {
	const byHand = "write the spec by hand; its first apply gives it clients and an audience of its own"
	env := d.environments[b.Environment]
	switch {
	case e.Audience == "":
		return because(byHand, "its policy takes a token for any audience")
	case e.Audience != b.Audience():
		return because(byHand, "its policy demands the audience %q, and a spec asks for %q", e.Audience, b.Audience())
	}
	for _, name := range e.Issuers {
		if _, ok := env.KeyManagers[name]; !ok {
			return because("add it to gateway.keyManagers of the environment", "the configuration knows no issuer %q", name)
		}
	}
	clients := d.clients[b]
	own, ok := clients[resource.ClientOwn]
	if !ok {
		return because("leave it so, or write the spec by hand: its first apply makes a client",
			"it demands our tokens and has no client of ours: its spec is gone, and the API is locked")
	}
	auth.Header, auth.Prefix, auth.ForwardToken, auth.Issuers = e.Header, e.Prefix, e.ForwardToken, slices.Clone(e.Issuers)
	if v := own.State.Client.Validity; v != env.Validity {
		auth.Validity = v
	}
	if _, test := clients[resource.ClientTest]; test == env.Production {
		auth.Test = choice(test)
	}
	for _, name := range slices.Sorted(maps.Keys(clients)) {
		if name != resource.ClientOwn && name != resource.ClientTest {
			credential := resource.ID{Kind: resource.KindCredential, Binding: b, Name: name}
			auth.Clients = append(auth.Clients, schema.Client{Name: name, AuthMethod: d.methods[credential]})
		}
	}
	return nil
}

func choice(yes bool) schema.Choice {
	if yes {
		return schema.Yes
	}
	return schema.No
}

// add adds an environment to the draft of an agent.
func (d *drafter) add(b resource.Binding, env schema.Environment, listens *schema.Interface) {
	a := d.agents[b.Identity()]
	if a == nil {
		// The kind is that of all agents whose endpoints can be managed.
		a = &schema.Agent{Name: b.Agent, Organization: b.Organization, Project: b.Project, Kind: schema.KindCustomAPI}
		d.agents[b.Identity()] = a
	}
	a.Environments = append(a.Environments, env)
	a.Interface = cmp.Or(a.Interface, listens)
}

// because is an error with a hint.
func because(hint, format string, args ...any) error {
	return &fault.Error{Class: fault.Stalled, Reason: "NotExpressible", Hint: hint, Err: fmt.Errorf(format, args...)}
}

// Without takes bindings out of agents; an agent without any is left out.
func Without(agents []schema.Agent, bindings map[resource.Binding]bool) []schema.Agent {
	var out []schema.Agent
	for _, a := range agents {
		a.Environments = slices.DeleteFunc(slices.Clone(a.Environments), func(e schema.Environment) bool {
			return bindings[resource.Binding{Organization: a.Organization, Project: a.Project, Agent: a.Name, Environment: e.Name}]
		})
		if len(a.Environments) > 0 {
			out = append(out, a)
		}
	}
	return out
}
