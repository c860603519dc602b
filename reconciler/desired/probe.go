package desired

import (
	"maps"
	"slices"

	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// probeValidity is the life of the probe client's tokens: long enough for a
// pass, short enough to be worthless afterwards.
const probeValidity schema.Seconds = 300

// Probe is the binding of the probe client of an environment. It has a client
// and a credential and no endpoint: its tokens are true tokens of the
// environment's issuer that open nothing, which is what proves that an
// endpoint refuses tokens that were meant for another audience. A token of
// another agent or of gatewright itself would prove as much and would be
// handed to an upstream if the endpoint were open.
func Probe(environment string) resource.Binding {
	return resource.Binding{Organization: "gatewright", Project: "probe", Agent: "probe", Environment: environment}
}

// IsProbe reports whether b is the binding of a probe client.
func IsProbe(b resource.Binding) bool { return b == Probe(b.Environment) }

// probes adds the probe client of each environment that has OAuth at all.
func (d *deriver) probes() {
	enabled := map[string]bool{}
	for _, b := range d.bindings {
		if b.Enabled() {
			enabled[b.Binding.Environment] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(enabled)) {
		b := Probe(name)
		d.add(Binding{
			Binding: b, Scheme: schema.SchemeOAuth2, Deletion: schema.DeletionPrune,
			Resources: client(d.environments[name], b, resource.ClientOwn, probeValidity, schema.Position{}),
		})
	}
}
