package gateway

import "time"

// releaseKey is what a verdict depends on.
type releaseKey struct{ namespace, name, instance string }

// remembered is a verdict and when its release was last seen.
type remembered struct {
	*verdict
	at time.Time
}

// remember keeps a verdict.
func (t *Target) remember(key releaseKey, v *verdict) { t.releases.Add(key, remembered{v, time.Now()}) }

// known returns the verdict about a release, if there is one.
func (t *Target) known(key releaseKey) *verdict {
	v, _ := t.releases.Get(key)
	r, _ := v.(remembered)
	return r.verdict
}

// recall puts those verdicts about wanted releases into out that are young
// enough to be believed unseen.
func (t *Target) recall(out map[releaseKey]*verdict, want map[releaseKey]bool) {
	now := time.Now()
	for k := range want {
		v, _ := t.releases.Get(k)
		if r, ok := v.(remembered); ok && now.Sub(r.at) < verdictLife {
			out[k] = r.verdict
		}
	}
}
