package plan_test

import (
	"testing"

	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// An endpoint is locked to an issuer once its gateway runs with it, unless the
// endpoint was locked before and somebody has opened it.
func TestEndpointWaitsForItsKeyManager(t *testing.T) {
	t.Parallel()
	issuer := resource.KeyManager{Name: "ThunderKeyManager", Issuer: "https://thunder.example", JWKSURI: "https://thunder.example/jwks"}
	manager := resource.ID{Kind: resource.KindKeyManager, Binding: resource.Binding{Environment: "production"}, Name: issuer.Name}
	b := resource.Binding{Organization: "acme", Project: "travel", Agent: "booking", Environment: "production"}
	credential := resource.ID{Kind: resource.KindCredential, Binding: b, Name: resource.ClientOwn}
	client, endpoint := credential, resource.ID{Kind: resource.KindEndpoint, Binding: b}
	client.Kind = resource.KindClient
	clientID := b.ClientID(resource.ClientOwn)
	wanted := map[resource.ID]resource.State{
		credential: {Credential: &resource.Credential{Path: "p", ClientID: clientID}},
		client:     {Client: &resource.Client{ClientID: clientID, ApplicationID: resource.ApplicationID(clientID)}},
		endpoint:   {Endpoint: &resource.Endpoint{Scheme: schema.SchemeOAuth2, Issuers: []string{issuer.Name}, Audience: b.Audience(), Attached: true}},
	}
	resources := make([]resource.Resource, 0, len(wanted))
	for _, id := range []resource.ID{credential, client, endpoint} {
		resources = append(resources, resource.Resource{ID: id, State: wanted[id]})
	}
	former := issuer
	former.Issuer = "https://former.example"
	pending := resource.Rollout{Class: string(fault.Waiting), Message: "not yet deployed"}
	for name, tt := range map[string]struct {
		manager resource.KeyManager
		awaited bool
		rollout resource.Rollout
		proved  bool
		want    plan.Action
	}{
		"it is there":                     {issuer, true, resource.Rollout{}, false, plan.Update},
		"it is not deployed":              {issuer, true, pending, false, plan.Skip},
		"it is not deployed, and we were": {issuer, true, pending, true, plan.Update},
		"it is written now":               {former, true, resource.Rollout{}, false, plan.Skip},
		"it is written, and nobody tells": {former, false, resource.Rollout{}, false, plan.Update},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := plan.Compute(plan.Input{
				Desired: desired.Set{
					KeyManagers: []resource.Resource{{ID: manager, State: resource.State{KeyManager: &issuer}}},
					Bindings:    []desired.Binding{{Binding: b, Scheme: schema.SchemeOAuth2, Resources: resources}},
				},
				Proved: map[resource.Binding]bool{b: tt.proved},
				Observed: map[resource.ID]resource.Observed{
					manager: {
						ID: manager, Found: true, Owner: resource.OwnerUs, Awaited: tt.awaited, Rollout: tt.rollout,
						State: resource.State{KeyManager: &tt.manager},
					},
					endpoint: {
						ID: endpoint, Found: true, Owner: resource.OwnerUs,
						State: resource.State{Endpoint: &resource.Endpoint{Scheme: schema.SchemeAPIKey, Attached: true}},
					},
				},
			})
			for _, s := range p.Steps {
				if s.ID == endpoint && (s.Action != tt.want || s.Action == plan.Skip && s.Class != fault.Waiting) {
					t.Errorf("%s, %s: %s", s.Action, s.Class, s.Reason)
				}
			}
		})
	}
}
