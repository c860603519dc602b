//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/e2e/harness"
	"github.com/gatewright/gatewright/fixtures/hand"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

const ownToken = "with its own token"

// call calls every protected API, and says how each has answered.
func call(ctx context.Context, s *harness.Stack, tried []binding) error {
	by := s.Hand()
	protected := slices.DeleteFunc(slices.Clone(tried), func(b binding) bool { return b.authentication.Scheme != schema.SchemeOAuth2 })
	wrong := 0
	for n, b := range protected {
		tokens, err := tokens(ctx, by, b, protected[(n+1)%len(protected)])
		if err != nil {
			return err
		}
		for _, how := range slices.Sorted(maps.Keys(tokens)) {
			got, err := request(ctx, by.GatewayURL, b, tokens[how])
			if err != nil {
				return err
			}
			want := http.StatusUnauthorized
			if how == ownToken {
				want = http.StatusOK
			}
			verdict := "ok    "
			if got != want {
				verdict, wrong = "WRONG ", wrong+1
			}
			fmt.Printf("%s%s %d %s\n", verdict, b, got, how)
		}
	}
	fmt.Printf("\n%d protected APIs, %d wrong answers\n", len(protected), wrong)
	if wrong > 0 {
		return fmt.Errorf("%d answers are wrong", wrong)
	}
	return nil
}

// tokens are those to call with: none, the agent's own and another agent's.
func tokens(ctx context.Context, by hand.Hand, b, other binding) (map[string]string, error) {
	own, err := by.Token(ctx, harness.Credential(b.Binding, resource.ClientOwn))
	if err != nil {
		return nil, err
	}
	out := map[string]string{"without a token": "", ownToken: own}
	if other.Binding != b.Binding {
		out["with another agent's token"], err = by.Token(ctx, harness.Credential(other.Binding, resource.ClientOwn))
	}
	return out, err
}

// request calls an API with a token where its spec expects it.
func request(ctx context.Context, gateway string, b binding, token string) (int, error) {
	url := gateway + "/" + b.Environment + "-" + b.Organization + "-" + b.Agent + "/hello"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	if token != "" {
		req.Header.Set(b.authentication.Header, strings.TrimSpace(b.authentication.Prefix+" "+token))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, resp.Body) // so that the connection is used again
	return resp.StatusCode, resp.Body.Close()
}
