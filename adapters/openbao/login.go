package openbao

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/openbao/openbao/api/v2"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// login obtains a token. Sources that are files are read each time, since
// others replace them.
func (s *session) login(ctx context.Context, dead *identity) (*identity, error) {
	switch a := s.config.Auth; {
	case a.Token != nil:
		return s.adopt(ctx, a.Token, dead)
	case a.AppRole != nil:
		secret := a.AppRole.SecretID
		if a.AppRole.SecretIDFile != "" {
			var err error
			if secret, err = readSecret("secret id", a.AppRole.SecretIDFile); err != nil {
				return nil, err
			}
		}
		return s.ask(ctx, a.AppRole.Mount, map[string]any{"role_id": a.AppRole.RoleID, "secret_id": secret.Reveal()})
	default:
		jwt, err := readSecret("service account token", a.Kubernetes.TokenFile)
		if err != nil {
			return nil, err
		}
		return s.ask(ctx, a.Kubernetes.Mount, map[string]any{"role": a.Kubernetes.Role, "jwt": jwt.Reveal()})
	}
}

// readSecret reads a secret that somebody keeps in a file.
func readSecret(what, file string) (resource.Secret, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		f := fault.New(fault.Stalled, "LoginFailed", "cannot read the %s: %w", what, err)
		f.Hint = "let the configuration name a file that this process may read"
		return resource.Secret{}, f
	}
	value := strings.TrimSpace(string(b))
	if value == "" || !printable(value) {
		f := fault.New(fault.Stalled, "LoginFailed", "the %s in %s is empty or no text", what, file)
		f.Hint = "look at the file"
		return resource.Secret{}, f
	}
	return resource.NewSecret(value), nil
}

// ask logs in with a login method.
func (s *session) ask(ctx context.Context, mount string, credentials map[string]any) (*identity, error) {
	client, err := s.with(resource.Secret{})
	if err != nil {
		return nil, err
	}
	path := "auth/" + mount + "/login"
	secret, err := client.Logical().WriteWithContext(ctx, path, credentials)
	if err != nil {
		return nil, explainLogin(path, err)
	}
	if secret == nil || secret.Auth == nil || secret.Auth.ClientToken == "" {
		return nil, errNotOpenBAO
	}
	return s.identify(resource.NewSecret(secret.Auth.ClientToken), secret.Auth.LeaseDuration, secret.Auth.Renewable, true)
}

// explainLogin tells a refused login from a server that is not well.
func explainLogin(path string, err error) error {
	status, ok := asStatus(err)
	if !ok || status.foreign || status.status >= 500 && !status.says("JWT") || status.status == http.StatusTooManyRequests {
		return err
	}
	message := "the login was refused"
	hint := "look at the role that the configuration names, and whether its credentials are still valid"
	switch {
	case status.says(saysBadLogin):
		message, hint = "the role id or the secret id is wrong or expired", "issue a new secret id and put it into the configuration"
	case status.status == http.StatusNotFound && status.says(saysNoRoute):
		message, hint = "no login method is enabled there", "enable it, or name the right mount in the configuration"
	case status.says(saysNoNamespace):
		message, hint = "there is no such namespace", "create it, or name the right one in the configuration"
	case status.status == http.StatusForbidden && status.is(saysDenied):
		// The server says the same for a login method that does not exist.
		message, hint = "no login method is enabled there, or it does not believe the credentials", "enable it, or look at its configuration"
	case status.says("not authorized"):
		message, hint = "the service account is not bound to the role", "bind its name and namespace to the role"
	}
	f := fault.New(fault.Stalled, "LoginRefused", "%s: %s (status %d)", path, message, status.status)
	f.Hint = hint
	return f
}

// adopt takes a token that somebody else issued, and asks how long it lives.
func (s *session) adopt(ctx context.Context, t *Token, dead *identity) (*identity, error) {
	token := t.Value
	if t.File != "" {
		var err error
		if token, err = readSecret("token", t.File); err != nil {
			return nil, err
		}
	}
	if dead != nil && dead.token == token {
		return nil, errTokenDead()
	}
	about, err := s.lookup(ctx, token)
	if status, ok := asStatus(err); ok && status.status == http.StatusForbidden && !status.foreign {
		if status.is(saysDenied) {
			return nil, errTokenDead()
		}
		return s.identify(token, 0, false, false) // it may not look at itself
	}
	if err != nil {
		return nil, err
	}
	return s.identify(token, about.TTL, about.Renewable, false)
}

// tokenInfo is what a token may know about itself.
type tokenInfo struct {
	TTL       int  `json:"ttl"` // in seconds; 0 for a token that never ends
	Renewable bool `json:"renewable"`
}

// lookup asks the server what a token is. The api client would take the 404 of
// a missing namespace for an empty answer.
func (s *session) lookup(ctx context.Context, token resource.Secret) (tokenInfo, error) {
	var in struct {
		Data *tokenInfo `json:"data"`
	}
	err := s.reader.get(ctx, token.Reveal(), "auth/token/lookup-self", nil, func(_ int, body []byte) error {
		if json.Unmarshal(body, &in) != nil || in.Data == nil {
			return errNotOpenBAO
		}
		return nil
	})
	if err != nil {
		return tokenInfo{}, err
	}
	return *in.Data, nil
}

// identify makes an identity of a token.
func (s *session) identify(token resource.Secret, seconds int, renewable, ours bool) (*identity, error) {
	client, err := s.with(token)
	if err != nil {
		return nil, err
	}
	id := &identity{token: token, client: client, renewable: renewable, ours: ours, alive: &aliveness{}}
	if seconds > 0 {
		id.lease = time.Duration(seconds) * time.Second
		id.expires = time.Now().Add(id.lease)
	}
	return id, nil
}

// renewed returns id with the life that a renewal gave it.
func (id *identity) renewed(auth *api.SecretAuth) *identity {
	out := *id
	out.renewable = auth.Renewable
	out.expires = time.Now().Add(time.Duration(auth.LeaseDuration) * time.Second)
	return &out
}

// errNotRenewed says that renewing did not give the token a life worth having.
var errNotRenewed = errors.New("the token nears the end of its life")

// renew prolongs a token. Near its maximal life the server gives less and less;
// then a new login is due while the old token still works.
func (s *session) renew(ctx context.Context, id *identity) (*identity, error) {
	secret, err := id.client.Logical().WriteWithContext(ctx, "auth/token/renew-self", map[string]any{})
	if err != nil {
		return nil, err
	}
	if secret == nil || secret.Auth == nil {
		return nil, errNotOpenBAO
	}
	next := id.renewed(secret.Auth)
	if time.Until(next.expires) < id.lease/2 {
		return next, errNotRenewed
	}
	return next, nil
}

// describe names a token for people without telling it.
func (id *identity) describe() string {
	switch {
	case id.expires.IsZero():
		return "does not expire"
	case id.renewable:
		return fmt.Sprintf("expires in %s, renewable", time.Until(id.expires).Round(time.Second))
	default:
		return fmt.Sprintf("expires in %s, not renewable", time.Until(id.expires).Round(time.Second))
	}
}
