package command

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/config"
	"github.com/gatewright/gatewright/reconciler/console"
	"github.com/gatewright/gatewright/reconciler/fault"
)

// consoleCommand serves the console without a daemon.
func (a *App) consoleCommand() *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "console",
		Short: "Serve the console alone, beside a daemon with the same inventory",
		Long: "Serve the console: how everything stands, an API to try with a token, credentials, and\n" +
			"changes of specs. It converges nothing: a daemon with the same inventory does that,\n" +
			"which can serve the console by itself (console.listen).\n\n" +
			"By default only this machine reaches it, and you log in with a link that is printed\n" +
			"at the start and works once; `gatewright console link` prints another.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			cfg, err := a.consoleConfig(listen)
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
			served, err := a.startConsole(ctx, w)
			if err != nil {
				return err
			}
			return <-served
		},
	}
	cmd.PersistentFlags().StringVar(&listen, "listen", "", "where to serve it (default: console.listen, or "+config.ConsoleListen+")")
	cmd.AddCommand(a.consoleLink(&listen))
	return cmd
}

// consoleConfig is the configuration with an address for the console.
func (a *App) consoleConfig(listen string) (*config.Config, error) {
	if listen != "" {
		a.flags.Override("listen", "console.listen", listen)
	}
	cfg, err := a.config()
	if err == nil && cfg.Console.Listen == "" {
		cfg.Console.Listen = config.ConsoleListen
	}
	return cfg, err
}

// startConsole serves the console until ctx ends. The channel gives the result
// when it has ended, and whoever started it waits for that before it closes what
// the console uses.
func (a *App) startConsole(ctx context.Context, w *wired) (<-chan error, error) {
	c := &w.cfg.Console
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		f := &fault.Error{Class: fault.Stalled, Op: "listen for the console", Reason: "ListenFailed", Err: err}
		f.Hint = "is it served there already? `gatewright console link` prints a link; --listen and console.listen name another address"
		return nil, f
	}
	c.Listen = bound(c.Listen, l)
	certificate, handler, err := a.consoleHandler(ctx, w)
	if err == nil {
		err = a.tellConsole(ctx, w, l)
	}
	if err != nil {
		return nil, joinClose(err, l)
	}
	served := make(chan error, 1)
	go func() { served <- console.Serve(ctx, l, handler, certificate, a.log) }()
	return served, nil
}

// bound is where l listens, by the name that was configured: the port may have
// been left to the system.
func bound(listen string, l net.Listener) string {
	host, port, err := net.SplitHostPort(listen)
	at, unread := netip.ParseAddrPort(l.Addr().String())
	if err != nil || unread != nil || port != "0" {
		return listen
	}
	return net.JoinHostPort(host, strconv.Itoa(int(at.Port())))
}

// joinClose closes l because of err.
func joinClose(err error, l net.Listener) error {
	if cerr := l.Close(); cerr != nil {
		return fmt.Errorf("%w; close the listener: %w", err, cerr)
	}
	return err
}

// serveConsole serves the console beside the loop, if the configuration asks for
// it. The loop goes on without one that cannot be served: what protects the APIs
// does not hang on a port or a certificate of a page. end waits until it is not
// served any more, after ctx has ended.
func (a *App) serveConsole(ctx context.Context, w *wired) (end func()) {
	if w.cfg.Console.Listen == "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	served, err := a.startConsole(ctx, w)
	if err != nil {
		a.log.Error("the console is not served", "error", err, "hint", fault.HintOf(err))
		return cancel
	}
	told := make(chan struct{})
	go func() {
		defer close(told)
		if err := <-served; err != nil {
			a.log.Error("the console is not served any more", "error", err)
		}
	}()
	return func() {
		cancel()
		<-told
	}
}
