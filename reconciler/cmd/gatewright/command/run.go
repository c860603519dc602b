package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/config"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
)

// run is the daemon.
func (a *App) run() *cobra.Command {
	var massChange bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon: converge on every push and every interval",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// First of all: the first process of a container is told nothing that
			// it does not ask for.
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			cfg, err := a.config()
			if err != nil {
				return err
			}
			if err := a.daemonLogger(cfg); err != nil {
				return err
			}
			w, err := a.patiently(ctx, cfg)
			if err != nil || w == nil {
				return err
			}
			defer w.close(a)
			w.engine.Options.AllowMassChange = massChange
			return a.serve(ctx, w)
		},
	}
	cmd.Flags().BoolVar(&massChange, "allow-mass-change", false, "carry out plans even if they take much away at once")
	return cmd
}

// startRetry is how often a daemon tries to start whose targets have never
// been reached.
const startRetry = 5 * time.Second

// patiently wires the daemon, and waits for what cannot be reached yet. The
// result is nil if ctx ended before.
func (a *App) patiently(ctx context.Context, cfg *config.Config) (*wired, error) {
	for {
		w, err := a.wire(ctx, cfg, readWrite)
		if err != nil && ctx.Err() != nil {
			return nil, nil //nolint:nilnil,nilerr // as below: what was begun was cut off
		}
		if err == nil || !fault.IsUnreachable(err) {
			return w, err
		}
		a.log.Warn("waiting to start", "error", err, "hint", fault.HintOf(err))
		select {
		case <-time.After(startRetry):
		case <-ctx.Done():
			return nil, nil //nolint:nilnil // neither is a result: the daemon was stopped
		}
	}
}

// serve runs the daemon until ctx ends: while it holds the writer's lease it
// converges, when the lease is lost it waits for it again. The console is there
// all the time: a replica that waits serves it as well.
func (a *App) serve(ctx context.Context, w *wired) error {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	w.engine.Metrics = loop.NewMetrics(registry)
	end, err := a.listen(ctx, w, registry)
	if err != nil {
		return err
	}
	defer end()
	defer a.serveConsole(ctx, w)()
	for ctx.Err() == nil {
		lease := a.awaitLease(ctx, w)
		if lease == nil {
			break
		}
		a.log.Info("converging", "repository", w.sourceName(nil), "environments", len(w.engine.Environments), "interval", w.engine.Options.Interval.String())
		err := w.engine.Run(lease.Context())
		if ctx.Err() == nil {
			a.log.Warn("stopped converging", "reason", err)
		}
		if err := lease.Release(); err != nil {
			a.log.Warn("the lease could not be given back; it ends by itself", "error", err)
		}
	}
	a.log.Info("stopped")
	return nil
}

// leaseRetry is how often a daemon that waits for the lease asks for it.
const leaseRetry = 2 * time.Second

// awaitLease waits until this process is the writer; nil means that ctx ended
// before.
func (a *App) awaitLease(ctx context.Context, w *wired) *inventory.Lease {
	told := ""
	for {
		lease, err := w.lease(ctx)
		var held *inventory.HeldError
		switch {
		case err == nil:
			return lease
		case ctx.Err() != nil:
			return nil
		case errors.As(err, &held):
			if held.Holder != told {
				a.log.Info("waiting: another process is the writer", "holder", held.Holder, "until", held.Until)
				told = held.Holder
			}
		default:
			a.log.Error("the lease could not be asked for", "error", err, "hint", fault.HintOf(err))
		}
		select {
		case <-time.After(leaseRetry):
		case <-ctx.Done():
			return nil
		}
	}
}

// listen serves health and metrics, if the configuration asks for it.
func (a *App) listen(ctx context.Context, w *wired, registry *prometheus.Registry) (end func(), err error) {
	address := w.cfg.Listen
	if address == "" {
		return func() {}, nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprintln(rw, "ok") })
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for health and metrics: %w", err)
	}
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("health and metrics are not served", "error", err)
		}
	}()
	a.log.Info("serving health and metrics", "address", l.Addr().String())
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx) // what is left is cut off
	}, nil
}
