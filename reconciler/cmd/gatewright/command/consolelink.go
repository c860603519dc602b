package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/config"
	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/view"
	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
)

// consoleLink makes a link for a console that runs. It needs no way to ask it:
// the inventory has what the link is known by, and whoever can write there could
// do all that the console does.
func (a *App) consoleLink(listen *string) *cobra.Command {
	return &cobra.Command{
		Use:   "link",
		Short: "Print a link that logs you in at the console of this configuration, once",
		Long: "Print a link that logs you in at the console that runs with this configuration, as the\n" +
			"user who runs this command. It works once and for " + access.LinkLife.String() + "; the one before stops working.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.consoleConfig(*listen)
			if err != nil {
				return err
			}
			if err := linksOnly(cfg); err != nil {
				return err
			}
			store, err := a.openStore(cmd.Context(), cfg, readWrite)
			if err != nil {
				return err
			}
			defer store.Close()
			link, ends, err := makeLink(cmd.Context(), store, cfg)
			if err != nil {
				return err
			}
			if a.output == "json" {
				return view.Encode(a.Out, madeLink{URL: link, Until: ends})
			}
			_, err = fmt.Fprintln(a.Out, link)
			return err
		},
	}
}

// madeLink is what `console link -o json` prints.
type madeLink struct {
	URL   string    `json:"url"`
	Until time.Time `json:"until"`
}

// linksOnly refuses where people log in otherwise.
func linksOnly(cfg *config.Config) error {
	if cfg.Console.Links() {
		return nil
	}
	f := &fault.Error{Class: fault.Stalled, Op: "make a link", Reason: "NoLinks", Err: errors.New("nobody logs in at this console with a link")}
	f.Hint = "machines send a bearer token of " + cfg.Console.Issuer()
	if o := cfg.Console.OIDC; o != nil {
		f.Hint = "open " + cfg.Console.Address().String() + " and log in at " + o.Issuer
	}
	return f
}

// makeLink makes a link for whoever runs this process.
func makeLink(ctx context.Context, store *inventory.Store, cfg *config.Config) (string, time.Time, error) {
	token, link := access.NewLink(osUser(), realName(), time.Now())
	if err := newStoredLinks(store, cfg.Console).Put(ctx, link); err != nil {
		return "", time.Time{}, err
	}
	return access.LinkURL(cfg.Console.Address().String(), token), link.Ends.UTC().Truncate(time.Second), nil
}

// realName is the full name of the user, or empty.
func realName() string {
	if u, err := user.Current(); err == nil {
		return u.Name
	}
	return ""
}

// storedLinks keeps the link of one console in the inventory. There is one at a
// time: a link that was used cannot come back because somebody else made one at
// the same moment.
type storedLinks struct {
	store *inventory.Store
	key   string
	mu    sync.Mutex
}

func newStoredLinks(store *inventory.Store, c config.Console) *storedLinks {
	host, _ := os.Hostname() // replicas on several machines share an inventory; one machine needs no name
	address := c.Listen
	if h, port, err := net.SplitHostPort(address); err == nil && h == "localhost" {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	return &storedLinks{store: store, key: "console-link:" + host + ":" + address}
}

// Put implements access.Links.
func (s *storedLinks) Put(ctx context.Context, l access.Link) error {
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("keep a link: %w", err)
	}
	return s.store.SetMeta(ctx, s.key, string(text))
}

// Take implements access.Links.
func (s *storedLinks) Take(ctx context.Context, digest string) (access.Link, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, ok, err := s.store.Meta(ctx, s.key)
	if err != nil || !ok || text == "" {
		return access.Link{}, err
	}
	var l access.Link
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return access.Link{}, fmt.Errorf("the link that is kept: %w", err)
	}
	if !l.Is(digest) {
		return access.Link{}, nil
	}
	// It is used up before anybody is let in.
	return l, s.store.SetMeta(ctx, s.key, "")
}
