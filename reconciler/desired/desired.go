// Package desired derives resources from agent specs.
//
// It is pure: the same specs and environments give the same resources, byte
// for byte, in the same order. It reads no clock, no file and no network. What
// a spec asks for and the configuration cannot give is a diagnostic with the
// position in the spec.
package desired

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// Environment is what the configuration says of one environment.
type Environment struct {
	Name string
	// Installation tells apart the probe clients of installations that share an
	// identity provider.
	Installation string
	// Production turns the test client off where a spec does not ask for it.
	Production bool
	// Issuer is the iss of the tokens of the environment's identity provider.
	Issuer string
	// TokenEndpoint is where consumers ask for tokens (RFC 6749 section 3.2).
	TokenEndpoint string
	// JWKSURI is where the identity provider publishes its keys.
	JWKSURI string
	// CredentialPrefix is the path under which credentials are kept, as
	// secret/agents.
	CredentialPrefix string
	// Validity is the life of access tokens where a spec says nothing.
	Validity schema.Seconds
	// KeyManagers are the issuers that specs may name, by name. A member
	// with an empty Issuer stands for the environment's identity provider.
	KeyManagers map[string]resource.KeyManager
}

// Binding is what is wanted of one agent in one environment.
type Binding struct {
	Binding  resource.Binding
	Scheme   schema.Scheme
	Deletion schema.Deletion
	// Drift is what the spec says; empty leaves it to the configuration.
	Drift     schema.Drift
	Suspend   *schema.Suspend
	Interface *schema.Interface
	Position  schema.Position
	// Rotations says how often the secret of each client is replaced; a client that
	// is not in it keeps its own.
	Rotations map[string]schema.Rotation
	// Resources is sorted by ID.
	Resources []resource.Resource
	// Hash changes when anything that is wanted of the binding changes. Drift is
	// not part of it: who begins to only report what has drifted must not have it
	// repaired first, as a change of the spec.
	Hash string
}

// Enabled reports whether OAuth is wanted.
func (b Binding) Enabled() bool { return b.Scheme == schema.SchemeOAuth2 }

// Set is everything that is wanted. Bindings is sorted.
type Set struct {
	Bindings []Binding
	// KeyManagers are the issuers that the endpoints of each environment rely
	// on, sorted by ID.
	KeyManagers []resource.Resource
}

// From derives the set of resources that agents ask for in environments. A
// binding with an error among its diagnostics is left out of the set.
func From(agents []schema.Agent, environments []Environment) (Set, schema.Diagnostics) {
	d := deriver{environments: map[string]Environment{}, keyManagers: map[resource.ID]resource.Resource{}}
	for _, e := range environments {
		d.environments[e.Name] = e
	}
	for _, a := range agents {
		for _, e := range a.Environments {
			d.binding(a, e)
		}
	}
	d.probes()
	set := Set{Bindings: d.bindings}
	slices.SortFunc(set.Bindings, func(a, b Binding) int { return a.Binding.Compare(b.Binding) })
	for _, km := range d.keyManagers {
		set.KeyManagers = append(set.KeyManagers, km)
	}
	slices.SortFunc(set.KeyManagers, func(a, b resource.Resource) int { return a.ID.Compare(b.ID) })
	return set, d.diagnostics.Sorted()
}

// deriver collects what From returns.
type deriver struct {
	environments map[string]Environment
	bindings     []Binding
	keyManagers  map[resource.ID]resource.Resource
	diagnostics  schema.Diagnostics
}

// binding derives what a says of environment e.
func (d *deriver) binding(a schema.Agent, e schema.Environment) {
	path := "environments." + e.Name
	env, ok := d.environments[e.Name]
	if !ok {
		d.report(a, path, "unknown-environment", fmt.Sprintf("the configuration has no environment %q", e.Name), nameHint(e.Name, d.environments))
		return
	}
	b := resource.Binding{Organization: a.Organization, Project: a.Project, Agent: a.Name, Environment: e.Name}
	if IsProbe(b) {
		d.report(a, "", "reserved-name", fmt.Sprintf("%s/%s is the project of gatewright's own probe clients", b.Organization, b.Project), "choose another organization or project")
		return
	}
	if !d.issuersKnown(a, e, env) {
		return
	}
	out := Binding{
		Binding: b, Scheme: e.Authentication.Scheme, Interface: a.Interface, Position: a.At(path),
		Deletion: cmp.Or(e.Deletion, a.Deletion, schema.DeletionPrune), Drift: cmp.Or(e.Drift, a.Drift), Suspend: later(a.Suspend, e.Suspend),
	}
	if out.Enabled() {
		out.Rotations = rotations(e.Authentication, env)
		validity := e.Authentication.Validity
		if validity == 0 {
			validity = env.Validity
		}
		methods := methods(e.Authentication)
		for _, name := range clientNames(e.Authentication, env) {
			at := a.At(path + ".endpointAuthentication.clients." + name)
			out.Resources = append(out.Resources, client(env, b, name, methods[name], validity, at)...)
		}
		d.trust(e.Authentication.Issuers, env, a.At(path+".endpointAuthentication.issuers"))
	}
	out.Resources = append(out.Resources, endpoint(a, e, b))
	for i, r := range out.Resources {
		out.Resources[i].Adopt = slices.Contains(e.Adopt, schema.Adoptable(r.ID.Kind))
	}
	d.add(out)
}

// add finishes b and keeps it.
func (d *deriver) add(b Binding) {
	slices.SortFunc(b.Resources, func(x, y resource.Resource) int { return x.ID.Compare(y.ID) })
	b.Hash = hash(b)
	d.bindings = append(d.bindings, b)
}

// clientNames lists the clients of an oauth2 binding: its own, the test client
// unless it is off, and each named consumer.
func clientNames(auth schema.Authentication, env Environment) []string {
	names := []string{resource.ClientOwn}
	if auth.Test.Or(!env.Production) {
		names = append(names, resource.ClientTest)
	}
	for _, c := range auth.Clients {
		names = append(names, c.Name)
	}
	return names
}

// methods says how each named client authenticates.
func methods(auth schema.Authentication) map[string]schema.AuthMethod {
	out := map[string]schema.AuthMethod{}
	for _, c := range auth.Clients {
		out[c.Name] = c.AuthMethod
	}
	return out
}

// rotations says how often the secret of each client is replaced: as the client
// says, or as the endpoint says for all.
func rotations(auth schema.Authentication, env Environment) map[string]schema.Rotation {
	out := map[string]schema.Rotation{}
	for _, name := range clientNames(auth, env) {
		if auth.Rotation != nil {
			out[name] = *auth.Rotation
		}
	}
	for _, c := range auth.Clients {
		if c.Rotation != nil {
			out[c.Name] = *c.Rotation
		}
	}
	return out
}

// CredentialPath is where the credential of a client is kept:
// <prefix>/<organization>/<project>/<agent>/<environment>/<client>.
func CredentialPath(env Environment, b resource.Binding, client string) string {
	return env.CredentialPrefix + "/" + b.Identity() + "/" + b.Environment + "/" + client
}

// client derives a client and its credential.
func client(env Environment, b resource.Binding, name string, method schema.AuthMethod, validity schema.Seconds, pos schema.Position) []resource.Resource {
	id := b.ClientID(name)
	return []resource.Resource{
		{
			ID:       resource.ID{Kind: resource.KindCredential, Binding: b, Name: name},
			Position: pos,
			State: resource.State{Credential: &resource.Credential{
				Path: CredentialPath(env, b, name), ClientID: id, TokenEndpoint: env.TokenEndpoint, Issuer: env.Issuer, Audience: b.Audience(), AuthMethod: method,
			}},
		},
		{
			ID:       resource.ID{Kind: resource.KindClient, Binding: b, Name: name},
			Position: pos,
			State: resource.State{Client: &resource.Client{
				ClientID: id, ApplicationID: resource.ApplicationID(id), Audience: b.Audience(), Validity: validity, AuthMethod: method,
			}},
		},
	}
}

// endpoint derives how the gateway authenticates the callers of b.
func endpoint(a schema.Agent, e schema.Environment, b resource.Binding) resource.Resource {
	out := &resource.Endpoint{Scheme: e.Authentication.Scheme, Attached: true, Interface: a.Interface}
	if auth := e.Authentication; auth.Scheme == schema.SchemeOAuth2 {
		out.Header, out.Prefix, out.ForwardToken = auth.Header, auth.Prefix, auth.ForwardToken
		out.Issuers, out.Audience = auth.Issuers, b.Audience()
	}
	return resource.Resource{
		ID:       resource.ID{Kind: resource.KindEndpoint, Binding: b},
		Position: a.At("environments." + e.Name + ".endpointAuthentication"),
		State:    resource.State{Endpoint: out},
	}
}

// hash names everything that is wanted of b, positions aside, so that moving
// a spec to another file changes nothing.
func hash(b Binding) string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	for _, r := range b.Resources {
		//nolint:errchkjson,musttag // encoding plain structs to a hash cannot fail
		_ = enc.Encode(struct {
			ID    resource.ID
			State resource.State
		}{r.ID, r.State})
	}
	_ = enc.Encode([]any{b.Scheme, b.Deletion, b.Suspend}) //nolint:errchkjson // as above
	if len(b.Rotations) > 0 {
		_ = enc.Encode(b.Rotations) //nolint:errchkjson // as above
	}
	for _, r := range b.Resources {
		if r.Adopt {
			_ = enc.Encode([]any{"adopt", r.ID}) //nolint:errchkjson // as above
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// later returns the suspension that ends last.
func later(a, b *schema.Suspend) *schema.Suspend {
	if a == nil || (b != nil && b.Until.After(a.Until)) {
		return b
	}
	return a
}
