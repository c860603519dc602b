package gateway

import (
	"context"
	"fmt"

	"k8s.io/utils/lru"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

// Target keeps endpoints and key managers. It is safe for concurrent use.
type Target struct {
	cfg Config
	// control holds Components and ReleaseBindings, data RestApis and gateways.
	control, data *client
	releases      *lru.Cache
	lists         listCache
	passes        passCache
	versions      versions
}

var (
	_ target.Target  = (*Target)(nil)
	_ target.Watcher = (*Target)(nil)
)

// cachedReleases is how many verdicts about releases are remembered. One takes
// about a kilobyte.
const cachedReleases = 32768

// New returns a target. It reaches for no server.
func New(cfg Config) (*Target, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	t := &Target{cfg: cfg, releases: lru.New(cachedReleases)}
	if t.control, err = newClient(cfg.RESTConfig); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	t.data = t.control
	if cfg.DataPlane != nil {
		if t.data, err = newClient(cfg.DataPlane); err != nil {
			return nil, fmt.Errorf("gateway: data plane: %w", err)
		}
	}
	return t, nil
}

// Name implements target.Target.
func (t *Target) Name() string { return t.cfg.Name }

// Observe implements target.Observer.
func (t *Target) Observe(ctx context.Context, resources []resource.Resource) ([]resource.Observed, error) {
	out := make([]resource.Observed, len(resources))
	var endpoints, keyManagers []int
	for i, r := range resources {
		out[i].ID = r.ID
		switch r.ID.Kind {
		case resource.KindEndpoint:
			endpoints = append(endpoints, i)
		case resource.KindKeyManager:
			keyManagers = append(keyManagers, i)
		default:
			out[i].Err = t.wrongKind("observe", r.ID)
		}
	}
	if len(keyManagers) > 0 {
		t.observeKeyManagers(ctx, resources, keyManagers, out)
	}
	if len(endpoints) > 0 {
		t.observeEndpoints(ctx, resources, endpoints, out)
	}
	return t.observed(out)
}

// observed turns a failure that left nothing observed into Observe's own.
func (t *Target) observed(out []resource.Observed) ([]resource.Observed, error) {
	for _, o := range out {
		if o.Err == nil || !fault.IsUnreachable(o.Err) {
			return out, nil
		}
	}
	if len(out) == 0 {
		return out, nil
	}
	return nil, out[0].Err
}

// Apply implements target.Applier.
func (t *Target) Apply(ctx context.Context, step plan.Step, _ target.Input) (target.Outcome, error) {
	switch step.ID.Kind {
	case resource.KindEndpoint:
		return t.applyEndpoint(ctx, step)
	case resource.KindKeyManager:
		return t.applyKeyManager(ctx, step)
	default:
		return target.Outcome{}, t.wrongKind(string(step.Action), step.ID)
	}
}

func (t *Target) wrongKind(op string, id resource.ID) error {
	return t.fault(fault.New(fault.Stalled, "WrongKind", "the gateway keeps endpoints and key managers, not a %s", id.Kind), op, id)
}

// fault completes f with where it came up.
func (t *Target) fault(f *fault.Error, op string, id resource.ID) *fault.Error {
	f.Target, f.Op, f.Resource = t.cfg.Name, op, id.String()
	return f
}
