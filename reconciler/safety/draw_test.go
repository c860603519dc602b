package safety_test

import (
	"maps"
	"slices"

	"pgregory.net/rapid"

	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target/memory"
	"github.com/gatewright/gatewright/schema"
)

const (
	issuer     = "https://id.example"
	keyManager = "ThunderKeyManager"
	partnerKM  = "Partner"
)

// environments are those of the configuration: one without a test client and
// one with it.
func environments() []desired.Environment {
	out := []desired.Environment{{Name: "development"}, {Name: "production", Production: true}}
	for i := range out {
		out[i].Issuer, out[i].TokenEndpoint, out[i].JWKSURI = issuer, issuer+"/oauth2/token", issuer+"/oauth2/jwks"
		out[i].CredentialPrefix, out[i].Validity = "secret/agents", 900
		out[i].KeyManagers = map[string]resource.KeyManager{keyManager: {}, partnerKM: {Issuer: "https://partner.example"}}
	}
	return out
}

// drawAuthentication draws what a spec says of one environment.
func drawAuthentication(t *rapid.T) schema.Authentication {
	schemes := []schema.Scheme{schema.SchemeOAuth2, schema.SchemeOAuth2, schema.SchemeOAuth2, schema.SchemeAPIKey, schema.SchemeNone}
	auth := schema.Authentication{Scheme: rapid.SampledFrom(schemes).Draw(t, "scheme")}
	if auth.Scheme != schema.SchemeOAuth2 {
		return auth
	}
	auth.Header, auth.Prefix = rapid.SampledFrom([]string{"Authorization", "X-Token"}).Draw(t, "header"), "Bearer"
	auth.Issuers = []string{keyManager}
	if rapid.IntRange(0, 3).Draw(t, "second issuer") == 0 {
		auth.Issuers = append(auth.Issuers, partnerKM)
	}
	auth.Validity = rapid.SampledFrom([]schema.Seconds{0, 60, 3600}).Draw(t, "validity")
	auth.Test = rapid.SampledFrom([]schema.Choice{schema.Unsaid, schema.Yes, schema.No}).Draw(t, "test")
	auth.Rotation = drawRotation(t)
	for _, name := range []string{"mobile", "partner-x"} {
		if rapid.Bool().Draw(t, name) {
			c := schema.Client{Name: name, Rotation: drawRotation(t)}
			if rapid.IntRange(0, 3).Draw(t, "key") == 0 {
				c.AuthMethod = schema.AuthPrivateKey
			}
			auth.Clients = append(auth.Clients, c)
		}
	}
	return auth
}

// drawRotation draws a schedule, or none.
func drawRotation(t *rapid.T) *schema.Rotation {
	if rapid.Bool().Draw(t, "scheduled") {
		return nil
	}
	return &schema.Rotation{Every: 3600, Overlap: rapid.SampledFrom([]schema.Seconds{0, 600}).Draw(t, "overlap")}
}

// drawAgents draws specs: none, some or all of a few agents in one or two
// environments.
func drawAgents(t *rapid.T) []schema.Agent {
	deletions := []schema.Deletion{"", schema.DeletionPrune, schema.DeletionProtect, schema.DeletionOrphan}
	var out []schema.Agent
	for _, organization := range []string{"acme", "globex"} {
		for _, name := range []string{"booking", "search"} {
			if rapid.IntRange(0, 3).Draw(t, "absent") == 0 {
				continue
			}
			a := schema.Agent{
				Name: name, Organization: organization, Project: "travel", Kind: schema.KindCustomAPI,
				Deletion: rapid.SampledFrom(deletions).Draw(t, "deletion"),
			}
			for _, env := range []string{"development", "production"} {
				if rapid.Bool().Draw(t, env) {
					a.Environments = append(a.Environments, schema.Environment{Name: env, Authentication: drawAuthentication(t)})
				}
			}
			out = append(out, a)
		}
	}
	return out
}

// derive is what specs ask for.
func derive(t *rapid.T, agents []schema.Agent) desired.Set {
	set, diagnostics := desired.From(agents, environments())
	if diagnostics.HasErrors() {
		t.Fatal(diagnostics)
	}
	return set
}

// drawKeyManagers puts what the gateways trust into a world: mostly what is
// wanted, now and then nothing or another issuer.
func drawKeyManagers(t *rapid.T, w *memory.World) {
	for _, env := range environments() {
		for _, name := range []string{keyManager, partnerKM} {
			id := resource.ID{Kind: resource.KindKeyManager, Binding: resource.Binding{Environment: env.Name}, Name: name}
			km := resource.KeyManager{Name: name, Issuer: env.KeyManagers[name].Issuer}
			if km.Issuer == "" {
				km.Issuer = issuer
			}
			switch rapid.IntRange(0, 9).Draw(t, "key manager") {
			case 0:
				continue
			case 1:
				km.Issuer = "https://elsewhere.example"
			}
			w.Things[id] = &memory.Thing{State: resource.State{KeyManager: &km}}
		}
	}
}

// sorted lists the ids of a map in order, so that draws repeat.
func sorted[V any](m map[resource.ID]V) []resource.ID {
	return slices.SortedFunc(maps.Keys(m), resource.ID.Compare)
}

// meddle does what people and accidents do to a world.
func meddle(t *rapid.T, w *memory.World, wanted desired.Set) {
	for _, id := range sorted(w.Things) {
		if id.Kind != resource.KindKeyManager {
			meddleWith(t, w, id)
		}
	}
	for _, b := range wanted.Bindings {
		for _, r := range b.Resources {
			if w.Things[r.ID] == nil && rapid.IntRange(0, 9).Draw(t, "theirs") == 0 {
				// No spec here asks to adopt it.
				w.Things[r.ID] = &memory.Thing{State: theirs(r), Owner: resource.OwnerOther, Adoptable: rapid.Bool().Draw(t, "adoptable")}
			}
		}
	}
}

// meddleWith changes one thing, or leaves it.
func meddleWith(t *rapid.T, w *memory.World, id resource.ID) {
	thing := w.Things[id]
	switch rapid.IntRange(0, 11).Draw(t, "accident") {
	case 0:
		delete(w.Things, id)
	case 1:
		thing.Owner = resource.OwnerOther
	case 2, 3:
		drift(t, thing)
	case 4:
		if c := thing.State.Credential; c != nil {
			w.Overwrite(id, resource.NewSecret("somebody-else-put-this-here"))
		}
	case 5:
		if c := thing.State.Credential; c != nil {
			c.ClientSecret, c.SecretDigest = resource.Secret{}, ""
			thing.Version++
		}
	}
}

// drift changes a field of a thing by hand.
func drift(t *rapid.T, thing *memory.Thing) {
	thing.Version++
	switch s := thing.State; {
	case s.Client != nil:
		if rapid.Bool().Draw(t, "audience") {
			s.Client.Audience = "urn:another"
		} else {
			s.Client.SecretDigest = "of another secret"
		}
	case s.Credential != nil:
		s.Credential.TokenEndpoint = "https://elsewhere.example/token"
	case s.Endpoint != nil:
		switch rapid.IntRange(0, 3).Draw(t, "endpoint") {
		case 0:
			*s.Endpoint = resource.Endpoint{Scheme: schema.SchemeNone}
		case 1:
			s.Endpoint.Altered = "it holds only on working days"
		case 2:
			s.Endpoint.Audience = "urn:another"
		case 3:
			*s.Endpoint = resource.Endpoint{Scheme: schema.SchemeAPIKey, Attached: true}
		}
	}
}

// theirs is something of somebody else under an id that we would use.
func theirs(r resource.Resource) resource.State {
	switch {
	case r.State.Client != nil:
		return resource.State{Client: &resource.Client{ClientID: r.State.Client.ClientID, SecretDigest: "theirs"}}
	case r.State.Credential != nil:
		return resource.State{Credential: &resource.Credential{ClientID: r.State.Credential.ClientID, SecretDigest: "theirs"}}
	default:
		return resource.State{Endpoint: &resource.Endpoint{Scheme: schema.SchemeAPIKey, Attached: true}}
	}
}
