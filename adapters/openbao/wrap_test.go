package openbao_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/adapters/openbao"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
)

// wrap asks for a wrapped credential, through a gate as the core does.
func (b *bench) wrap(tg *openbao.Target, n int, life time.Duration) (resource.Secret, time.Time, error) {
	b.t.Helper()
	return target.NewGate(tg, target.Limits{}).Wrap(context.Background(), resource.Resource{ID: id(n), State: b.state(n, "")}, life)
}

// unwrap uses a wrapping token, without any other.
func (b *bench) unwrap(token resource.Secret) (int, string) {
	b.t.Helper()
	status, out := b.askAs(token.Reveal(), http.MethodPost, "sys/wrapping/unwrap", "")
	data, _ := out["data"].(map[string]any)
	fields, _ := data["data"].(map[string]any)
	secret, _ := fields["client_secret"].(string)
	return status, secret
}

func TestWrap(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tg := b.target(b.config())
	out := b.created(tg, 0)
	before, writes := time.Now(), b.writes()
	token, ends, err := b.wrap(tg, 0, 2*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if left := ends.Sub(before); left < time.Minute || left > 3*time.Minute {
		t.Errorf("the token ends in %s, want about 2m", left)
	}
	if status, secret := b.unwrap(token); status != http.StatusOK || secret != out.Secret.Reveal() {
		t.Errorf("unwrapped: status %d, the secret: %t", status, secret == out.Secret.Reveal())
	}
	if status, secret := b.unwrap(token); status != http.StatusBadRequest || secret != "" {
		t.Errorf("unwrapped twice: status %d, want 400", status)
	}
	if n := b.writes() - writes; n != 0 {
		t.Errorf("%d writes of handing it over", n)
	}
	if logs := b.logs.String(); strings.Contains(logs, token.Reveal()) || strings.Contains(logs, out.Secret.Reveal()) {
		t.Error("a secret is in the logs")
	}
}

func TestWrapRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	without := b.config()
	without.Auth = openbao.Auth{Token: &openbao.Token{Value: resource.NewSecret(b.token(strings.ReplaceAll(b.policy(), `"read", `, ""), "1h"))}}
	tests := map[string]struct {
		config openbao.Config
		class  fault.Class
		reason string
		why    string
	}{
		"not there": {b.config(), fault.Waiting, "NoCredential", "nothing was made yet"},
		"no rights": {without, fault.Stalled, "PermissionDenied", "wrapping needs the right to read"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token, _, err := b.wrap(b.target(tt.config), 7, time.Minute)
			f, ok := errors.AsType[*fault.Error](err)
			if !ok || f.Class != tt.class || f.Reason != tt.reason || !token.IsZero() {
				t.Errorf("%v (%+v), want class %s, reason %s: %s", err, f, tt.class, tt.reason, tt.why)
			}
		})
	}
}
