package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/config"
	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/view"
	"github.com/gatewright/gatewright/reconciler/fault"
)

// healthTimeout is how long a daemon may take to say that it lives. Container
// engines give a health check 5 s or more.
const healthTimeout = 3 * time.Second

// health asks the daemon that runs with the same configuration how it is, for
// container engines and init systems whose images hold no other program.
func (a *App) health() *cobra.Command {
	return &cobra.Command{
		Use:   "health",
		Short: "Ask the daemon of this configuration whether it lives; exit status 0 or 1",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.quietConfig()
			if err != nil {
				return err
			}
			address, err := healthAddress(cfg.Listen)
			if err == nil {
				err = askHealth(cmd.Context(), "http://"+address+"/healthz")
			}
			if err != nil {
				// Whatever the class of err: engines know healthy and unhealthy.
				return &exit{code: ExitFailed, err: err}
			}
			if a.output == "json" {
				return view.Encode(a.Out, healthAnswer{Healthy: true, Address: address})
			}
			_, err = fmt.Fprintln(a.Out, "healthy")
			return err
		},
	}
}

// quietConfig is config without its warnings: the daemon has told them, and an
// engine asks every few seconds and keeps what was said.
func (a *App) quietConfig() (*config.Config, error) {
	cfg, ds, err := config.Load(&a.flags, config.Options{})
	if err != nil {
		return nil, &exit{code: ExitInvalid, err: err}
	}
	if ds.HasErrors() {
		a.diagnose(ds)
	}
	return &cfg, invalid(ds)
}

// healthAnswer is what `health -o json` prints.
type healthAnswer struct {
	Healthy bool   `json:"healthy"`
	Address string `json:"address"`
}

// healthAddress is where a daemon that listens on an address is reached from
// its own machine.
func healthAddress(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port == "0" {
		e := &fault.Error{Err: fmt.Errorf("the daemon of this configuration cannot be asked: listen is %q", listen)}
		e.Hint = "set listen to an address with a port, such as 127.0.0.1:8484"
		return "", e
	}
	if addr, err := netip.ParseAddr(host); host == "" || err == nil && addr.IsUnspecified() {
		host = "127.0.0.1"
		if addr.Is6() {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port), nil
}

// askHealth sends one request, past any proxy, and reports an answer that is
// not 200.
func askHealth(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, healthTimeout, fmt.Errorf("no answer within %s", healthTimeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("ask the daemon: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%s: %w", url, context.Cause(ctx))
		}
		e := &fault.Error{Err: fmt.Errorf("ask the daemon: %w", err)}
		e.Hint = "the daemon listens once it has reached its targets; its log says what it waits for"
		return e
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<10))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return fmt.Errorf("ask the daemon: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the daemon is not healthy: %s answers %s", url, resp.Status)
	}
	return nil
}
