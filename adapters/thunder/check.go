package thunder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/target"
)

// checkLimit bounds each part of an examination.
const checkLimit = 10 * time.Second

// Check implements target.Checker. It looks in the order in which things are
// needed, and stops at what makes the rest pointless.
func (t *Target) Check(ctx context.Context) []target.Finding {
	var out []target.Finding
	for _, c := range []struct {
		name string
		look func(context.Context) (string, error)
		// goOn says that the rest still tells something if this failed.
		goOn bool
	}{
		{"reachable", t.checkReady, false},
		{"discovery", t.checkDiscovery, t.c.Issuer != "" || t.c.Resource != ""},
		{"system token", t.checkToken, false},
		{"version", t.checkVersion, true},
		{"organization unit", t.checkUnit, true},
		{"list", t.checkList, true},
	} {
		f := examine(ctx, "thunder "+c.name, c.look)
		out = append(out, f)
		if !f.OK && !c.goOn {
			break
		}
	}
	return out
}

func examine(ctx context.Context, name string, look func(context.Context) (string, error)) target.Finding {
	ctx, cancel := context.WithTimeoutCause(ctx, checkLimit, errors.New("it took too long"))
	defer cancel()
	message, err := look(ctx)
	if err == nil {
		return target.Finding{Name: name, OK: true, Message: message}
	}
	hint := fault.HintOf(err)
	if hint == "" {
		hint = hintLog
	}
	return target.Finding{Name: name, Message: err.Error(), Hint: hint}
}

// checkReady asks for readiness, which is about the server's databases only.
func (t *Target) checkReady(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.c.BaseURL+"/health/readiness", nil)
	if err != nil {
		return "", notURL(t.c.BaseURL)
	}
	a, err := exchange(t.c.HTTP, req, answerLimit, new(bytes.Buffer))
	if err == nil {
		err = success(a, http.StatusOK)
	}
	if err != nil {
		return "", err
	}
	return "ThunderID is ready at " + t.c.BaseURL, nil
}

func (t *Target) checkDiscovery(ctx context.Context) (string, error) {
	e, err := t.endpoints.get(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("issuer %s, token endpoint %s, keys %s", e.Issuer, e.TokenEndpoint, e.JWKSURI), nil
}

func (t *Target) checkToken(ctx context.Context) (string, error) {
	if _, err := t.api.tokens.get(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("client %q has the permission system for %s", t.c.ClientID, t.api.tokens.usedResource()), nil
}

// usedResource names the resource that tokens are for.
func (t *tokens) usedResource() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.resource == nil:
		return "no resource"
	case *t.resource == "":
		return "the default resource server"
	default:
		return *t.resource
	}
}

// checkVersion tells what it can of the version without changing anything:
// ThunderID does not say. An import that a creation then finds ignored says the
// rest.
func (t *Target) checkVersion(ctx context.Context) (string, error) {
	err := t.api.get(ctx, "/import", answerLimit, func(a answer) error {
		switch a.status {
		case http.StatusMethodNotAllowed:
			return nil
		case http.StatusNotFound:
			return tooOld("has no /import, which came with v0.36")
		default:
			return refusal(a)
		}
	})
	if err != nil {
		return "", err
	}
	m, err := t.endpoints.metadata(ctx)
	switch {
	case err != nil:
		return "", err
	case m.Revocation == "":
		return "", tooOld("has no revocation endpoint, which came with v0.47")
	default:
		return "ThunderID has what v1.0 has", nil
	}
}

func (t *Target) checkUnit(ctx context.Context) (string, error) {
	err := t.api.get(ctx, "/organization-units/"+url.PathEscape(t.c.OrganizationUnit), answerLimit, func(a answer) error {
		err := success(a, http.StatusOK)
		var f *fault.Error
		if a.status == http.StatusNotFound && errors.As(err, &f) {
			f.Hint = "set the organization unit in the configuration to one that exists; the seeded one is " + DefaultOrganizationUnit
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return "applications are created in " + t.c.OrganizationUnit, nil
}

// checkList tells whether the list works. That it does not is no fault.
func (t *Target) checkList(ctx context.Context) (string, error) {
	apps, err := t.list(ctx)
	var f *fault.Error
	switch {
	case errors.As(err, &f) && f.Reason == reasonListLimit:
		return f.Err.Error(), nil
	case err != nil:
		return "", err
	}
	ours := 0
	for _, a := range apps {
		if _, ok := t.identify(a); ok {
			ours++
		}
	}
	return fmt.Sprintf("%d applications, %d of them ours", len(apps), ours), nil
}
