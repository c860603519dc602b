package loop

import (
	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/proof"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// distrust forgets which secret an application was given, where the identity
// provider refused a credential when it was last tried. The mark of an
// application names the secret that we gave it; who changes the secret alone
// leaves the mark as it is. So the plan gives the stored one again, to each
// client of the binding and to the probe's, since either may be meant.
func distrust(p *Planned) {
	refused, environments := map[resource.Binding]bool{}, map[string]bool{}
	for b, row := range p.Recorded {
		if row.Reason == proof.InvalidClient {
			refused[b], environments[b.Environment] = true, true
		}
	}
	if len(refused) == 0 {
		return
	}
	for id, o := range p.Observed {
		meant := refused[id.Binding] || desired.IsProbe(id.Binding) && environments[id.Binding.Environment]
		if id.Kind != resource.KindClient || !meant || o.State.Client == nil {
			continue
		}
		c := *o.State.Client
		c.SecretDigest = ""
		o.State.Client = &c
		p.Observed[id] = o
	}
}
