package desired

import (
	"crypto/sha256"
	"encoding/hex"
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
//
// Installations that share an identity provider have a probe client each.
func (e Environment) Probe() resource.Binding {
	name := "probe"
	if e.Installation != "" && e.Installation != DefaultInstallation {
		name += "-" + e.Installation
		if !resource.ValidName(name) {
			sum := sha256.Sum256([]byte(e.Installation))
			name = "probe-" + hex.EncodeToString(sum[:8])
		}
	}
	return resource.Binding{Organization: "gatewright", Project: "probe", Agent: name, Environment: e.Name}
}

// DefaultInstallation is the name of an installation that has none of its own.
const DefaultInstallation = "gatewright"

// IsProbe reports whether b is the binding of a probe client, of whichever
// installation.
func IsProbe(b resource.Binding) bool { return Probes().Has(b) }

// Probes is the scope of the bindings of all probe clients.
func Probes() resource.Selector {
	return resource.Selector{Organization: "gatewright", Project: "probe"}
}

// probes adds the probe client of each environment that has OAuth at all.
func (d *deriver) probes() {
	enabled := map[string]bool{}
	for _, b := range d.bindings {
		if b.Enabled() {
			enabled[b.Binding.Environment] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(enabled)) {
		b := d.environments[name].Probe()
		d.add(Binding{
			Binding: b, Scheme: schema.SchemeOAuth2, Deletion: schema.DeletionPrune,
			Resources: client(d.environments[name], b, resource.ClientOwn, schema.AuthSecretBasic, probeValidity, schema.Position{}),
		})
	}
}
