package command

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/gatewright/gatewright/adapters/gateway"
	"github.com/gatewright/gatewright/adapters/openbao"
	"github.com/gatewright/gatewright/adapters/thunder"
	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/config"
	"github.com/gatewright/gatewright/reconciler/desired"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/proof"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/target"
	"github.com/gatewright/gatewright/schema"
)

// sortedKeys lists the keys of m in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// declared is the environments as far as the configuration alone tells them:
// enough to check specs, without a target.
func declared(cfg *config.Config) []*loop.Environment {
	if cfg == nil {
		return nil
	}
	var out []*loop.Environment
	for _, name := range sortedKeys(cfg.Environments) {
		out = append(out, &loop.Environment{Environment: describe(cfg.Installation, name, cfg.Environments[name], thunder.Endpoints{})})
	}
	return out
}

// describe is what the derivation of resources has to know of an environment.
func describe(installation, name string, c config.Environment, at thunder.Endpoints) desired.Environment {
	known := map[string]resource.KeyManager{}
	for n, km := range c.Gateway.KeyManagers {
		known[n] = resource.KeyManager{Name: n, Issuer: km.Issuer, JWKSURI: km.JWKS}
	}
	return desired.Environment{
		Name: name, Installation: installation, Production: c.Production, Issuer: at.Issuer, TokenEndpoint: at.TokenEndpoint, JWKSURI: at.JWKSURI,
		CredentialPrefix: strings.Trim(c.OpenBAO.Mount, "/") + "/" + strings.Trim(c.OpenBAO.Prefix, "/"),
		Validity:         schema.Seconds(c.Token.Validity / time.Second), KeyManagers: known,
	}
}

// environments connects each configured environment to its targets. Nothing
// here fails because a target is down, but that Thunder has to have been reached
// once to learn its issuer.
func (a *App) environments(ctx context.Context, w *wired, m mode) ([]*loop.Environment, error) {
	if len(w.cfg.Environments) == 0 {
		return nil, usage("the configuration has no environments")
	}
	var out []*loop.Environment
	for _, name := range sortedKeys(w.cfg.Environments) {
		env, err := a.environment(ctx, w, name, m)
		if err != nil {
			return nil, fmt.Errorf("environment %s: %w", name, err)
		}
		out = append(out, env)
	}
	return out, nil
}

func (a *App) environment(ctx context.Context, w *wired, name string, m mode) (*loop.Environment, error) {
	c := w.cfg.Environments[name]
	identity, err := httpClient(c.Thunder.CAFile, c.Thunder.InsecureSkipVerify, c.Thunder.Timeout, max(c.Thunder.Reads, c.Thunder.Creates))
	if err != nil {
		return nil, fmt.Errorf("thunder: %w", err)
	}
	clients, err := a.thunder(w, c, identity)
	if err != nil {
		return nil, fmt.Errorf("thunder: %w", err)
	}
	credentials, err := a.openbao(ctx, w.cfg, c)
	if err != nil {
		return nil, fmt.Errorf("openbao: %w", err)
	}
	w.closers = append(w.closers, credentials)
	endpoints, err := a.gateway(w.cfg, name, c)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	at, err := learn(ctx, w, name, clients, m)
	if err != nil {
		return nil, err
	}
	limits := func(steps int) target.Limits {
		return target.Limits{Steps: steps, Observation: c.Limits.Observation, Step: c.Limits.Step}
	}
	gate := target.NewGate(endpoints, limits(c.Limits.Gateway))
	return &loop.Environment{
		Environment: describe(w.cfg.Installation, name, c, at), ReportDrift: c.Drift == config.DriftReport,
		Targets: map[resource.Kind]target.Target{
			resource.KindClient:     target.NewGate(clients, limits(c.Limits.Thunder)),
			resource.KindCredential: target.NewGate(credentials, limits(c.Limits.OpenBAO)),
			resource.KindEndpoint:   gate, resource.KindKeyManager: gate,
		},
		Watched: []target.Watcher{endpoints}, Finder: endpoints, Lister: clients,
		Prover: &proof.Prover{
			Identity: identity, Gateway: &http.Client{Timeout: 10 * time.Second},
			TokenEndpoint: dialled(c.Thunder.URL, at.TokenEndpoint), Slot: w.slots(c.Thunder).Take,
		},
	}, nil
}

// dialled is the token endpoint at the address by which we reach Thunder,
// which may differ from the public one that consumers use.
func dialled(base, public string) string {
	u, err := url.Parse(public)
	if err != nil {
		return public
	}
	return strings.TrimSuffix(base, "/") + u.Path
}

// learn asks Thunder for its issuer and endpoints. When it cannot be reached,
// what was learned before still counts, so that the other targets can be looked
// at.
func learn(ctx context.Context, w *wired, name string, t *thunder.Target, m mode) (thunder.Endpoints, error) {
	key := "endpoints:" + name
	at, err := t.Endpoints(ctx)
	text := strings.Join([]string{at.Issuer, at.TokenEndpoint, at.JWKSURI}, "\n")
	known, found, storeErr := w.store.Meta(ctx, key)
	if storeErr != nil {
		return at, storeErr
	}
	if err != nil {
		if parts := strings.Split(known, "\n"); found && len(parts) == 3 {
			return thunder.Endpoints{Issuer: parts[0], TokenEndpoint: parts[1], JWKSURI: parts[2]}, nil
		}
		if m == examine {
			return at, nil // what is wrong is among the findings
		}
		return at, err
	}
	if m == readWrite && known != text {
		return at, w.store.SetMeta(ctx, key, text)
	}
	return at, nil
}

// slots are the places at a Thunder, one set for all environments that share it.
func (w *wired) slots(c config.Thunder) *thunder.Slots {
	at := strings.TrimRight(c.URL, "/")
	if w.places[at] == nil {
		if w.places == nil {
			w.places = map[string]*thunder.Slots{}
		}
		w.places[at] = thunder.NewSlots(c.Creates)
	}
	return w.places[at]
}

func (a *App) thunder(w *wired, c config.Environment, identity *http.Client) (*thunder.Target, error) {
	secret, err := c.Thunder.ClientSecret.Resolve()
	if err != nil {
		return nil, fmt.Errorf("client secret: %w", err)
	}
	return thunder.New(thunder.Config{
		BaseURL: c.Thunder.URL, ClientID: c.Thunder.ClientID, ClientSecret: secret, Resource: c.Thunder.Resource,
		OrganizationUnit: c.Thunder.OrganizationUnit, Installation: w.cfg.Installation,
		Issuer: c.Thunder.Issuer, TokenEndpoint: c.Thunder.TokenEndpoint, JWKSURI: c.Thunder.JWKS,
		HTTP: identity, Slots: w.slots(c.Thunder), Reads: c.Thunder.Reads, Logger: a.log,
	})
}

func (a *App) openbao(ctx context.Context, cfg *config.Config, c config.Environment) (*openbao.Target, error) {
	o := c.OpenBAO
	auth, err := openbaoAuth(o.Auth)
	if err != nil {
		return nil, err
	}
	return openbao.New(ctx, openbao.Config{
		Address: o.Address, Namespace: o.Namespace, Mount: o.Mount, Prefix: o.Prefix, Auth: auth, Installation: cfg.Installation,
		TLS: openbao.TLS{CAFile: o.CAFile}, Reads: o.Reads, Timeout: o.Timeout, Logger: a.log,
	})
}

// openbaoAuth takes over how to log in. Files are named and not read, so that
// the adapter can read them again.
func openbaoAuth(c config.OpenBAOAuth) (openbao.Auth, error) {
	switch {
	case c.Token != nil && c.Token.File != "":
		return openbao.Auth{Token: &openbao.Token{File: c.Token.File}}, nil
	case c.Token != nil:
		token, err := c.Token.Resolve()
		if err != nil {
			return openbao.Auth{}, fmt.Errorf("token: %w", err)
		}
		return openbao.Auth{Token: &openbao.Token{Value: token}}, nil
	case c.AppRole != nil:
		role := &openbao.AppRole{Mount: c.AppRole.Mount, RoleID: c.AppRole.RoleID, SecretIDFile: c.AppRole.SecretID.File}
		if role.SecretIDFile == "" {
			secret, err := c.AppRole.SecretID.Resolve()
			if err != nil {
				return openbao.Auth{}, fmt.Errorf("secret id: %w", err)
			}
			role.SecretID = secret
		}
		return openbao.Auth{AppRole: role}, nil
	case c.Kubernetes != nil:
		return openbao.Auth{Kubernetes: &openbao.Kubernetes{Mount: c.Kubernetes.Mount, Role: c.Kubernetes.Role, TokenFile: c.Kubernetes.TokenFile}}, nil
	default:
		return openbao.Auth{}, errors.New("the configuration does not say how to log in")
	}
}

func (a *App) gateway(cfg *config.Config, name string, c config.Environment) (*gateway.Target, error) {
	kube, err := clusterConfig(c.Cluster)
	if err != nil {
		return nil, err
	}
	g := c.Gateway
	return gateway.New(gateway.Config{
		RESTConfig: kube, Environment: name, Installation: cfg.Installation, FieldManager: g.FieldManager, TraitName: g.Trait,
		APIKeyName: g.APIKey.Name, APIKeyIn: g.APIKey.In, Adopt: g.Force, GatewayURL: g.URL,
		APIGateway:        gateway.ObjectName{Namespace: g.APIGateway.Namespace, Name: g.APIGateway.Name},
		ManageKeyManagers: g.ManageKeyManagers, Logger: a.log,
	})
}

// clusterConfig finds the Kubernetes API server.
func clusterConfig(c config.Cluster) (*rest.Config, error) {
	if c.InCluster {
		return rest.InClusterConfig()
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.Kubeconfig
	kube, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: c.Context}).ClientConfig()
	if err != nil {
		f := fault.New(fault.Stalled, "KubeconfigUnreadable", "kubeconfig: %w", err)
		f.Hint = "name a kubeconfig, and a context in it, under cluster in the configuration"
		return nil, f
	}
	return kube, nil
}

// httpClient is a client with a time limit and enough idle connections for
// calls side by side. It follows no redirect: what it sends are credentials.
func httpClient(caFile string, insecure bool, timeout time.Duration, parallel int) (*http.Client, error) {
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert,errcheck // so documented
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 4*parallel, 2*parallel
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: insecure} //nolint:gosec // asked for by name
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("certificates: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificates: %s holds none", caFile)
		}
		t.TLSClientConfig.RootCAs = pool
	}
	return &http.Client{
		Transport: t, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}
