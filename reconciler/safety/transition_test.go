package safety_test

import (
	"context"
	"time"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target/memory"
	"github.com/gatewright/gatewright/schema"
)

// transition is a change of what is wanted, or of what stands.
type transition struct {
	from, to []schema.Agent
	// accident is what happens to the world beside the change of the specs.
	accident func(*memory.World)
	// clock is how late it is when each process starts: those that make what was
	// before, and the last for the transition. Nil means that no time passes.
	clock []time.Duration
	// ask asks for something by command.
	ask func(context.Context, *inventory.Store) error
	// kept are the clients of booking whose consumers notice nothing: at every
	// point the secret that they had at the start gets them a token.
	kept []string
	// precaution is an effect that may be left out after a crash: it was planned
	// before it was known whether it would be needed.
	precaution string
	// again is an application that may be written once more after a crash: its
	// secret was not stored yet, since nothing names it before it is proved.
	again string
}

// booking is the binding that transitions are about.
var booking = resource.Binding{Organization: "acme", Project: "travel", Agent: "booking", Environment: "production"}

// idOf names a resource of booking.
func idOf(kind resource.Kind, name string) resource.ID {
	return resource.ID{Kind: kind, Binding: booking, Name: name}
}

// transitions are all that a person or an accident can ask of gatewright.
// Another row is all that another one takes.
func transitions() map[string]transition {
	oauth2, apiKey, none := schema.SchemeOAuth2, schema.SchemeAPIKey, schema.SchemeNone
	own := []string{resource.ClientOwn}
	rotated, spare := specs(rotating(spec("booking", oauth2))), idOf(resource.KindClient, resource.Spare(resource.ClientOwn)).String()
	return map[string]transition{
		"enable":                       {from: specs(spec("booking", none)), to: specs(spec("booking", oauth2))},
		"enable with consumers":        {from: specs(spec("booking", none)), to: specs(spec("booking", oauth2, "mobile", "partner"))},
		"enable a new agent":           {from: specs(), to: specs(spec("booking", oauth2, "mobile"))},
		"enable two agents":            {from: specs(), to: specs(spec("booking", oauth2), spec("chat", oauth2))},
		"disable":                      {from: specs(spec("booking", oauth2)), to: specs(spec("booking", none))},
		"disable with consumers":       {from: specs(spec("booking", oauth2, "mobile", "partner")), to: specs(spec("booking", none))},
		"oauth2 to apiKey":             {from: specs(spec("booking", oauth2, "mobile")), to: specs(spec("booking", apiKey))},
		"apiKey to oauth2":             {from: specs(spec("booking", apiKey)), to: specs(spec("booking", oauth2, "mobile"))},
		"apiKey to none":               {from: specs(spec("booking", apiKey)), to: specs(spec("booking", none))},
		"none to apiKey":               {from: specs(spec("booking", none)), to: specs(spec("booking", apiKey))},
		"add a client":                 {from: specs(spec("booking", oauth2)), to: specs(spec("booking", oauth2, "mobile")), kept: own},
		"add two clients":              {from: specs(spec("booking", oauth2)), to: specs(spec("booking", oauth2, "mobile", "partner")), kept: own},
		"remove a client":              {from: specs(spec("booking", oauth2, "mobile")), to: specs(spec("booking", oauth2)), kept: own},
		"exchange a client":            {from: specs(spec("booking", oauth2, "mobile")), to: specs(spec("booking", oauth2, "web")), kept: own},
		"change the validity":          {from: specs(spec("booking", oauth2, "mobile")), to: specs(lasting(spec("booking", oauth2, "mobile"), 60)), kept: []string{resource.ClientOwn, "mobile"}},
		"change the header":            {from: specs(spec("booking", oauth2)), to: specs(headed(spec("booking", oauth2), "X-Token")), kept: own},
		"an audience that was changed": {from: specs(spec("booking", oauth2)), to: specs(spec("booking", oauth2)), accident: audience, kept: own},
		"prune":                        {from: specs(spec("booking", oauth2)), to: specs()},
		"prune with consumers":         {from: specs(spec("booking", oauth2, "mobile", "partner")), to: specs()},
		"protect":                      {from: specs(kept(spec("booking", oauth2, "mobile"))), to: specs(), kept: []string{resource.ClientOwn, "mobile"}},
		"orphan":                       {from: specs(orphan(spec("booking", oauth2, "mobile"))), to: specs(), kept: []string{resource.ClientOwn, "mobile"}},
		"orphan in an overlap":         {from: specs(orphan(rotating(spec("booking", oauth2)))), to: specs(), clock: hours(0, 3, 3.5)},
		"orphan after an overlap":      {from: specs(orphan(rotating(spec("booking", oauth2)))), to: specs(), clock: hours(0, 3, 4.5)},
		"rename":                       {from: specs(spec("booking", oauth2, "mobile")), to: specs(spec("reservation", oauth2, "mobile"))},
		"a client that was deleted":    {from: specs(spec("booking", oauth2)), to: specs(spec("booking", oauth2)), accident: lose(resource.KindClient)},
		"a credential that was lost":   {from: specs(spec("booking", oauth2)), to: specs(spec("booking", oauth2)), accident: lose(resource.KindCredential)},
		"both lost":                    {from: specs(spec("booking", oauth2)), to: specs(spec("booking", oauth2)), accident: lose(resource.KindCredential, resource.KindClient)},
		"an overwritten secret":        {from: specs(spec("booking", oauth2)), to: specs(spec("booking", oauth2)), accident: overwrite, precaution: "update client " + booking.String()},
		"rotate on schedule":           {from: rotated, to: rotated, clock: hours(0, 3), kept: own, again: spare},
		"rotate back":                  {from: rotated, to: rotated, clock: hours(0, 3, 7), again: "client " + booking.String()},
		"end of an overlap":            {from: rotated, to: rotated, clock: hours(0, 3, 4.5)},
		"disable in an overlap":        {from: rotated, to: specs(spec("booking", none)), clock: hours(0, 3, 3.5)},
		"prune in an overlap":          {from: rotated, to: specs(), clock: hours(0, 3, 3.5)},
		"rotate when asked":            {from: specs(spec("booking", oauth2)), to: specs(spec("booking", oauth2)), clock: hours(0, 3.5), ask: rotation(false), kept: own, again: spare},
		"cut an overlap":               {from: rotated, to: rotated, clock: hours(0, 3, 3.5), ask: rotation(true), again: "client " + booking.String()},
		"adopt":                        {from: specs(), to: specs(adopting(spec("booking", oauth2))), accident: strangers},
		"an endpoint that was opened":  {from: specs(spec("booking", oauth2)), to: specs(spec("booking", oauth2)), accident: unlock, kept: own},
	}
}

// specs are agents beside one that never changes, so that no repository is empty.
func specs(agents ...schema.Agent) []schema.Agent {
	return append([]schema.Agent{spec("search", schema.SchemeOAuth2)}, agents...)
}

// spec is an agent in production.
func spec(name string, scheme schema.Scheme, clients ...string) schema.Agent {
	auth := schema.Authentication{Scheme: scheme}
	if scheme == schema.SchemeOAuth2 {
		auth.Header, auth.Prefix, auth.Issuers = "Authorization", "Bearer", []string{keyManager}
		for _, c := range clients {
			auth.Clients = append(auth.Clients, schema.Client{Name: c})
		}
	}
	return schema.Agent{
		Name: name, Organization: "acme", Project: "travel", Kind: schema.KindCustomAPI,
		Environments: []schema.Environment{{Name: "production", Authentication: auth}},
	}
}

func lasting(a schema.Agent, validity schema.Seconds) schema.Agent {
	a.Environments[0].Authentication.Validity = validity
	return a
}

func headed(a schema.Agent, header string) schema.Agent {
	a.Environments[0].Authentication.Header, a.Environments[0].Authentication.Prefix = header, ""
	return a
}

func kept(a schema.Agent) schema.Agent {
	a.Deletion = schema.DeletionProtect
	return a
}

func orphan(a schema.Agent) schema.Agent {
	a.Deletion = schema.DeletionOrphan
	return a
}

// adopting is a that takes over what stands under its names.
func adopting(a schema.Agent) schema.Agent {
	a.Environments[0].Adopt = []schema.Adoptable{schema.AdoptClient, schema.AdoptCredential, schema.AdoptEndpoint}
	return a
}

// strangers puts what belongs to others under the names of booking: a client and
// its credential that agree, and an endpoint that is closed in another way.
func strangers(w *memory.World) {
	secret, id := resource.NewSecret("somebody-else-chose-this"), booking.ClientID(resource.ClientOwn)
	for at, state := range map[resource.ID]resource.State{
		idOf(resource.KindClient, resource.ClientOwn):     {Client: &resource.Client{ClientID: id, SecretDigest: secret.Digest(id)}},
		idOf(resource.KindCredential, resource.ClientOwn): {Credential: &resource.Credential{ClientID: id, ClientSecret: secret, SecretDigest: secret.Digest(id)}},
		idOf(resource.KindEndpoint, ""):                   {Endpoint: &resource.Endpoint{Scheme: schema.SchemeAPIKey, Attached: true}},
	} {
		w.Things[at] = &memory.Thing{State: state, Owner: resource.OwnerOther, Adoptable: true}
	}
}

// rotating is a with a secret that is replaced every two hours.
func rotating(a schema.Agent) schema.Agent {
	a.Environments[0].Authentication.Rotation = &schema.Rotation{Every: 2 * 3600, Overlap: 3600}
	return a
}

// rotation asks for another secret by command.
func rotation(cut bool) func(context.Context, *inventory.Store) error {
	return func(ctx context.Context, s *inventory.Store) error {
		overlap := schema.Seconds(3600)
		return s.AskRotation(ctx, inventory.Rotation{
			Binding: booking, Client: resource.ClientOwn, Overlap: &overlap, Cut: cut, Reason: "it leaked", Author: "ada",
			At: start.Add(3*time.Hour + time.Minute),
		})
	}
}

// start is when the first process of each transition starts.
var start = time.Now()

func hours(hs ...float64) []time.Duration {
	var out []time.Duration
	for _, h := range hs {
		out = append(out, time.Duration(h*float64(time.Hour)))
	}
	return out
}

func audience(w *memory.World) {
	t := w.Things[idOf(resource.KindClient, resource.ClientOwn)]
	t.State.Client.Audience = "urn:another"
	t.Version++
}

func lose(kinds ...resource.Kind) func(*memory.World) {
	return func(w *memory.World) {
		for _, k := range kinds {
			w.Remove(idOf(k, resource.ClientOwn))
		}
	}
}

func overwrite(w *memory.World) {
	w.Overwrite(idOf(resource.KindCredential, resource.ClientOwn), resource.NewSecret("somebody-else-put-this-here"))
}

func unlock(w *memory.World) {
	t := w.Things[idOf(resource.KindEndpoint, "")]
	*t.State.Endpoint = resource.Endpoint{Scheme: schema.SchemeNone}
	t.Version++
}
