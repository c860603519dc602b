package openbao_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/adapters/openbao"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// TestConfig: only what no server could make right is refused, and no error
// repeats a secret.
func TestConfig(t *testing.T) {
	t.Parallel()
	good := openbao.Config{
		Address: "http://127.0.0.1:1", Mount: "a/b", Installation: "i",
		Auth: openbao.Auth{Token: &openbao.Token{Value: resource.NewSecret(canary)}},
	}
	tests := map[string]struct {
		change func(*openbao.Config)
		says   string
	}{
		"good":                      {func(*openbao.Config) {}, ""},
		"no address":                {func(c *openbao.Config) { c.Address = "" }, "address"},
		"password in address":       {func(c *openbao.Config) { c.Address = "http://u:" + canary + "@h" }, "address"},
		"path in address":           {func(c *openbao.Config) { c.Address = "http://h/v1" }, "address"},
		"mount climbs":              {func(c *openbao.Config) { c.Mount = "a/../b" }, "mount"},
		"no mount":                  {func(c *openbao.Config) { c.Mount = "" }, "mount"},
		"prefix with a space":       {func(c *openbao.Config) { c.Prefix = "a b" }, "prefix"},
		"namespace climbs":          {func(c *openbao.Config) { c.Namespace = ".." }, "namespace"},
		"no installation":           {func(c *openbao.Config) { c.Installation = "" }, "installation"},
		"installation of two lines": {func(c *openbao.Config) { c.Installation = "a\nb" }, "installation"},
		"no auth":                   {func(c *openbao.Config) { c.Auth = openbao.Auth{} }, "exactly one"},
		"two auths":                 {func(c *openbao.Config) { c.Auth.Kubernetes = &openbao.Kubernetes{Role: "r"} }, "exactly one"},
		"token twice":               {func(c *openbao.Config) { c.Auth.Token.File = "f" }, "token"},
		"no CA":                     {func(c *openbao.Config) { c.TLS.CAFile = "/does/not/exist" }, "tls"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := good
			token := *good.Auth.Token
			c.Auth.Token = &token
			tt.change(&c)
			tg, err := openbao.New(context.Background(), c)
			if (err == nil) != (tt.says == "") || err != nil && (!strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), canary)) {
				t.Errorf("want an error that says %q, got %v", tt.says, err)
			}
			if err == nil {
				_ = tg.Close()
			}
		})
	}
}
