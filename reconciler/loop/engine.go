package loop

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/proof"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/source"
	"github.com/gatewright/gatewright/reconciler/target"
	"github.com/gatewright/gatewright/schema"
)

// Source is where specs come from.
type Source interface {
	Snapshot(ctx context.Context) (source.Snapshot, error)
	IsAncestor(ctx context.Context, old, recent string) (bool, error)
	Watch(ctx context.Context) <-chan struct{}
}

// Loader turns a tree into specs.
type Loader interface {
	Load(ctx context.Context, tree schema.Tree) (schema.Result, error)
}

// Environment is one environment with the targets that hold its state.
type Environment struct {
	desired.Environment
	// Targets has the target of each kind.
	Targets map[resource.Kind]target.Target
	// Watched are the targets that tell of changes, for a daemon.
	Watched []target.Watcher
	// Finder finds endpoints that no spec names, for Draft; it may be nil.
	Finder target.Finder
	// Lister lists clients of others, for Draft; it may be nil.
	Lister target.Lister
	Prover *proof.Prover
	// ReportDrift leaves drift as it is and only tells of it, where a spec does
	// not say what to do.
	ReportDrift bool
}

// Engine holds what every pass needs. Its exported fields are set before the
// first call and not changed after.
type Engine struct {
	Source       Source
	Loader       Loader
	Environments []*Environment
	Store        *inventory.Store
	Log          *slog.Logger
	Options      Options
	Metrics      Metrics

	probes *probeTokens
	used   *usedTokens
	loaded *loaded
	// running is the daemon of this process, if one runs.
	running *atomic.Pointer[daemon]
	woken   chan struct{}
	// recovered reports that what an earlier process left unsettled is settled.
	recovered *atomic.Bool
}

// Options are the settings of an engine.
type Options struct {
	// Interval is how often everything is looked at, whatever the events say.
	Interval time.Duration
	// Workers is how many bindings are worked on at once.
	Workers int
	// Rollout is how long a change of an endpoint may take to reach the gateway
	// before the binding is reported as waiting.
	Rollout time.Duration
	// Lag is how long a gateway may go on answering by its former policy after
	// it reports a change as programmed.
	Lag time.Duration
	// Reprove is how long the proof of an endpoint counts, at most: what does
	// not show when it is looked at, such as a client's secret that somebody
	// changed, shows when it is tried.
	Reprove time.Duration
	// Limits bound what one plan may take away.
	Limits plan.Limits
	// AllowMassChange lifts Limits, and lets a plan prune for a revision that
	// does not descend from the last one or holds no spec.
	AllowMassChange bool
	// Confirmed is the revision for which alone the same is lifted. So it is for
	// the one whose confirmation is stored.
	Confirmed string
	// History is how much of it the inventory keeps; the zero value keeps all.
	History inventory.RunRetention
	// Holder names this process in leases and runs.
	Holder string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// What sets off a pass.
const (
	TriggerApply    = "apply"
	triggerStart    = "start"
	triggerPush     = "push"
	triggerInterval = "interval"
	triggerRetry    = "retry"
	triggerWatch    = "watch"
	triggerOrder    = "order"
)

func (o Options) withDefaults() Options {
	if o.Interval == 0 {
		o.Interval = time.Minute
	}
	if o.Workers == 0 {
		o.Workers = 16
	}
	if o.Rollout == 0 {
		o.Rollout = time.Minute
	}
	if o.Lag == 0 {
		o.Lag = 15 * time.Second
	}
	if o.Reprove == 0 {
		o.Reprove = time.Hour
	}
	if o.Limits.Percent == 0 && o.Limits.From == 0 && o.Limits.Environments == nil {
		o.Limits = plan.Limits{Percent: 30, From: 10}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// New readies an engine.
func New(e Engine) *Engine {
	e.Options = e.Options.withDefaults()
	e.probes = &probeTokens{byEnvironment: map[string]proof.Token{}}
	e.used = &usedTokens{byBinding: map[resource.Binding]proof.Token{}}
	e.loaded = &loaded{turn: make(chan struct{}, 1)}
	e.running, e.woken, e.recovered = &atomic.Pointer[daemon]{}, make(chan struct{}, 1), &atomic.Bool{}
	return &e
}

// environment finds an environment by name.
func (e *Engine) environment(name string) *Environment {
	for _, env := range e.Environments {
		if env.Name == name {
			return env
		}
	}
	return nil
}
