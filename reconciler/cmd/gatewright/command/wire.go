package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatewright/gatewright/adapters/thunder"
	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/config"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/source"
	"github.com/gatewright/gatewright/reconciler/target"
	"github.com/gatewright/gatewright/schema"
)

// mode says what a command is about to do.
type mode int

const (
	// readOnly changes nothing.
	readOnly mode = iota
	// readWrite may change what the plan says.
	readWrite
	// examine changes nothing, and goes on without what it cannot reach.
	examine
)

// wired is the parts of gatewright, put together for one command.
type wired struct {
	cfg     *config.Config
	opening sync.Mutex
	source  *source.Source
	loader  *schema.Loader
	store   *inventory.Store
	engine  *loop.Engine
	closers []io.Closer
	// places are the slots of each Thunder, by its address.
	places map[string]*thunder.Slots
}

// close ends everything, the last part first.
func (w *wired) close(a *App) {
	for _, c := range slices.Backward(w.closers) {
		if err := c.Close(); err != nil {
			a.log.Warn("closing failed", "error", err)
		}
	}
}

// config loads the configuration and prints what is wrong with it.
func (a *App) config() (*config.Config, error) { return a.loadConfig(config.Options{}) }

func (a *App) loadConfig(o config.Options) (*config.Config, error) {
	cfg, ds, err := config.Load(&a.flags, o)
	if err != nil {
		return nil, &exit{code: ExitInvalid, err: err}
	}
	a.diagnose(ds)
	if err := invalid(ds); err != nil {
		return nil, err
	}
	return &cfg, nil
}

// wireSpecs puts together what reads and evaluates specs. cfg may be nil.
func (a *App) wireSpecs(cfg *config.Config) *wired {
	w := &wired{cfg: cfg}
	var limits schema.Limits
	if cfg != nil {
		e := cfg.Evaluation
		limits = schema.Limits{
			CPU: e.CPU, Wall: e.Wall, Memory: e.Memory, Output: e.Output, FileSize: e.FileSize, Files: e.Files,
		}
	}
	w.loader = schema.NewLoader(schema.Options{Limits: limits})
	w.closers = append(w.closers, w.loader)
	return w
}

// wire puts everything together.
func (a *App) wire(ctx context.Context, cfg *config.Config, m mode) (*wired, error) {
	w := a.wireSpecs(cfg)
	if err := a.complete(ctx, w, m); err != nil {
		w.close(a)
		return nil, err
	}
	return w, nil
}

// complete adds the inventory, the targets and the engine.
func (a *App) complete(ctx context.Context, w *wired, m mode) (err error) {
	if w.store, err = a.openStore(ctx, w.cfg, m); err != nil {
		return err
	}
	w.closers = append(w.closers, w.store)
	environments, err := a.environments(ctx, w, m)
	if err != nil {
		return err
	}
	host, _ := os.Hostname() // the process number tells enough without it
	w.engine = loop.New(loop.Engine{
		Source: lazySource{w, ctx}, Loader: w.loader, Store: w.store, Environments: environments, Log: a.log,
		Options: loop.Options{
			Interval: w.cfg.Interval, Rollout: w.cfg.Rollout,
			Limits:  massChange(w.cfg),
			History: inventory.RunRetention{Age: w.cfg.History.Age, Runs: w.cfg.History.Runs, Events: w.cfg.History.Events},
			Holder:  fmt.Sprintf("%s:%d", host, os.Getpid()),
		},
	})
	return nil
}

// inMemory is a database that nobody can name.
const inMemory = "sqlite::memory:"

// openStore opens the inventory. A command that only reads can do without an
// SQLite file: what is owned is then found by its marks.
func (a *App) openStore(ctx context.Context, cfg *config.Config, m mode) (*inventory.Store, error) {
	dsn, err := cfg.Database.DSN()
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	if dsn.Reveal() == inMemory {
		e := fault.New(fault.Stalled, inventory.Misnamed, "a database in memory ends with the command: no other command would see a suspension or a confirmation in it")
		e.Target, e.Op, e.Hint = "inventory", "open", "name a file, as sqlite:gatewright.db, or a PostgreSQL database"
		return nil, e
	}
	o := inventory.Options{Version: a.Version, ReadOnly: m != readWrite}
	if file, ok := strings.CutPrefix(dsn.Reveal(), "sqlite:"); ok && m != readWrite {
		if _, err := os.Stat(strings.TrimPrefix(file, "//")); errors.Is(err, os.ErrNotExist) {
			return inventory.Open(ctx, inMemory, inventory.Options{Version: a.Version})
		}
	}
	return inventory.Open(ctx, dsn.Reveal(), o)
}

// inventory opens the inventory alone, for reading.
func (a *App) inventory(ctx context.Context) (*inventory.Store, error) {
	cfg, err := a.config()
	if err != nil {
		return nil, err
	}
	return a.openStore(ctx, cfg, readOnly)
}

// open opens the configured repository, once.
func (w *wired) open(ctx context.Context) (*source.Source, error) {
	w.opening.Lock()
	defer w.opening.Unlock()
	if w.source != nil {
		return w.source, nil
	}
	if w.cfg == nil || w.cfg.Source.Repository == "" {
		return nil, usage("no repository is configured; name a directory, or set source.repository")
	}
	c := w.cfg.Source
	password, err := c.Auth.Password.Resolve()
	if err != nil {
		return nil, fmt.Errorf("source: password: %w", err)
	}
	token, err := c.Auth.Token.Resolve()
	if err != nil {
		return nil, fmt.Errorf("source: token: %w", err)
	}
	s, err := source.Open(ctx, source.Config{
		Repository: c.Repository, Branch: c.Branch, Tag: c.Tag, Path: c.Path, Poll: c.Poll, Timeout: c.Timeout,
		Auth: source.Auth{
			Username: c.Auth.Username, Password: password, Token: token,
			SSHKeyFile: c.Auth.SSHKey.File, KnownHostsFile: c.Auth.KnownHosts, CAFile: c.Auth.CAFile,
		},
		Limits: source.Limits{FileSize: w.cfg.Evaluation.FileSize, Files: w.cfg.Evaluation.Files},
	})
	if err != nil {
		return nil, err
	}
	w.source = s
	w.closers = append(w.closers, s)
	return s, nil
}

// snapshot reads the specs that args name: a directory as it lies there, a
// revision of the repository, or its newest state.
func (w *wired) snapshot(ctx context.Context, args []string) (source.Snapshot, error) {
	if len(args) == 1 && isDirectory(args[0]) {
		sub := ""
		if w.cfg != nil && w.cfg.Source.Path != "" && isDirectory(filepath.Join(args[0], w.cfg.Source.Path)) {
			sub = w.cfg.Source.Path
		}
		return workingCopy(ctx, args[0], sub)
	}
	if len(args) == 1 && isFile(args[0]) {
		return source.Snapshot{}, usage("%s is a file; name the directory of the specs, or a revision", args[0])
	}
	s, err := w.open(ctx)
	if err != nil {
		if len(args) == 1 && code(err) == ExitUsage {
			return source.Snapshot{}, usage("%s is no directory, and no repository is configured", args[0])
		}
		return source.Snapshot{}, err
	}
	if len(args) == 1 {
		return s.At(ctx, args[0])
	}
	return s.Snapshot(ctx)
}

// workingCopy reads a directory as it lies there: as git sees it, or, where it
// is no working copy of git, all of it.
func workingCopy(ctx context.Context, dir, sub string) (source.Snapshot, error) {
	snap, err := source.WorkingCopy(ctx, dir, sub)
	var f *fault.Error
	if !errors.As(err, &f) || f.Reason != "NotARepository" {
		return snap, err
	}
	tree, err := schema.DirTree(filepath.Join(dir, sub), schema.DirOptions{})
	return source.Snapshot{Tree: tree, Revision: source.Revision{Dirty: true}}, err
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// isFile reports that a path leads to a file of a directory. A name without one
// may be that of a branch as well.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && filepath.Base(path) != path
}

// sourceName names what the specs are read from.
func (w *wired) sourceName(args []string) string {
	if len(args) == 1 && isDirectory(args[0]) {
		return args[0]
	}
	return inventory.Redact(w.cfg.Source.Repository)
}

// load evaluates a snapshot. Without an engine only the specs themselves are
// checked.
func (w *wired) load(ctx context.Context, snap source.Snapshot) (loop.State, error) {
	if w.engine == nil {
		e := loop.New(loop.Engine{Loader: w.loader, Environments: declared(w.cfg)})
		return e.Load(ctx, snap)
	}
	return w.engine.Load(ctx, snap)
}

// massChange is how much a plan may take away, in all and in each environment.
func massChange(cfg *config.Config) plan.Limits {
	whole := cfg.Safety.MassChange
	out := plan.Limits{Percent: whole.Percent, From: whole.From, Environments: map[string]plan.Limit{}}
	for name, e := range cfg.Environments {
		out.Environments[name] = plan.Limit{Percent: e.Safety.MassChange.Percent, From: e.Safety.MassChange.From}
	}
	return out
}

// leaseTime is after how long a writer that has died is no longer waited for.
const leaseTime = 15 * time.Second

// lease makes this process the one that writes.
func (w *wired) lease(ctx context.Context) (*inventory.Lease, error) {
	lease, err := w.store.AcquireLease(ctx, "writer", w.engine.Options.Holder, leaseTime)
	if _, ok := errors.AsType[*inventory.HeldError](err); ok {
		f := &fault.Error{Class: fault.Waiting, Op: "become the writer", Reason: "LeaseHeld", Err: err}
		f.Hint = "another gatewright converges with this inventory; stop it, or wait until it has ended"
		return nil, f
	}
	return lease, err
}

// checkSource examines the repository for doctor.
func (w *wired) checkSource(ctx context.Context) target.Finding {
	f := target.Finding{Name: "repository"}
	snap, err := w.snapshot(ctx, nil)
	if err != nil {
		f.Message, f.Hint = err.Error(), fault.HintOf(err)
		return f
	}
	f.OK, f.Message = true, fmt.Sprintf("revision %.12s of %s, %d files", snap.Revision.Hash, snap.Revision.Ref, len(snap.Tree))
	return f
}

// lazySource opens the repository when the engine first needs it, so that a
// command that was given a directory needs none.
type lazySource struct {
	w   *wired
	ctx context.Context //nolint:containedctx // Watch has to open before it can return a channel
}

// Snapshot implements loop.Source.
func (l lazySource) Snapshot(ctx context.Context) (source.Snapshot, error) {
	s, err := l.w.open(ctx)
	if err != nil {
		return source.Snapshot{}, err
	}
	return s.Snapshot(ctx)
}

// IsAncestor implements loop.Source.
func (l lazySource) IsAncestor(ctx context.Context, old, recent string) (bool, error) {
	s, err := l.w.open(ctx)
	if err != nil {
		return false, err
	}
	return s.IsAncestor(ctx, old, recent)
}

// Watch implements loop.Source.
func (l lazySource) Watch(ctx context.Context) <-chan struct{} {
	s, err := l.w.open(ctx)
	if err != nil {
		closed := make(chan struct{})
		close(closed)
		return closed
	}
	return s.Watch(ctx)
}
