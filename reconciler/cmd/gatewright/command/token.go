package command

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/view"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// token mints an access token with a stored credential.
func (a *App) token() *cobra.Command {
	var client string
	var verbose bool
	var far *server
	cmd := &cobra.Command{
		Use:   "token ORGANIZATION/PROJECT/AGENT@ENVIRONMENT",
		Short: "Get an access token for an agent with a stored credential",
		Long: "Ask the environment's identity provider for an access token (client_credentials grant)\n" +
			"with a credential from OpenBAO, and print it. By default the credential is that of the\n" +
			"test client, or the agent's own where there is none.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("%s takes one argument, organization/project/agent@environment", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := resource.ParseBinding(args[0])
			if err != nil {
				return usage("%w", err)
			}
			if far.given() {
				t, endpoint, err := far.mint(cmd.Context(), b, client)
				if err != nil {
					return err
				}
				return a.tellToken(t, endpoint, b, client, verbose)
			}
			cfg, err := a.config()
			if err != nil {
				return err
			}
			w, err := a.wire(cmd.Context(), cfg, readOnly)
			if err != nil {
				return err
			}
			defer w.close(a)
			return a.mint(cmd.Context(), w, b, client, verbose)
		},
	}
	cmd.Flags().StringVar(&client, "client", "", "the client whose credential is used: own, test or a named consumer")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "also print the token's claims and a ready curl command, to standard error")
	far = serverFlags(cmd)
	return cmd
}

// minted is the JSON form of a token.
type minted struct {
	AccessToken string         `json:"access_token"`
	TokenType   string         `json:"token_type"`
	ExpiresIn   int            `json:"expires_in"`
	ClientID    string         `json:"client_id"`
	Claims      map[string]any `json:"claims"`
	URL         string         `json:"url,omitempty"`
}

// mint gets a token and prints it.
func (a *App) mint(ctx context.Context, w *wired, b resource.Binding, client string, verbose bool) error {
	env := w.engine.Environment(b.Environment)
	if env == nil {
		return usage("the configuration has no environment %q", b.Environment)
	}
	t, _, err := w.engine.AnyToken(ctx, env, b, client)
	if err != nil {
		return err
	}
	endpoint := w.engine.Endpoint(ctx, env, b)
	return a.tellToken(minted{
		AccessToken: t.Access.Reveal(), TokenType: "Bearer", ExpiresIn: int(time.Until(t.Expiry).Seconds()),
		ClientID: t.ClientID, Claims: t.Claims, URL: endpoint.URL,
	}, endpoint, b, client, verbose)
}

// tellToken prints a token.
func (a *App) tellToken(t minted, endpoint resource.Observed, b resource.Binding, client string, verbose bool) error {
	if a.output == "json" {
		return view.Encode(a.Out, t)
	}
	if _, err := fmt.Fprintln(a.Out, t.AccessToken); err != nil {
		return err
	}
	if !verbose {
		return nil
	}
	claims, err := json.MarshalIndent(t.Claims, "", "  ")
	if err != nil {
		return fmt.Errorf("print claims: %w", err)
	}
	fmt.Fprintf(a.Err, "%s\n%s\n", claims, curl(endpoint, b, client))
	return nil
}

// curl is a command that calls the API with a token of its own.
func curl(o resource.Observed, b resource.Binding, client string) string {
	header, prefix, url := "Authorization", "Bearer", o.URL
	if e := o.State.Endpoint; e != nil && e.Header != "" {
		header, prefix = e.Header, e.Prefix
	}
	if prefix != "" {
		prefix += " "
	}
	if url == "" {
		url = "URL-OF-THE-API"
	}
	get := "gatewright token " + b.String()
	if client != "" {
		get += " --client " + client
	}
	return fmt.Sprintf("curl -i -H \"%s: %s$(%s)\" %s/", header, prefix, get, url)
}
