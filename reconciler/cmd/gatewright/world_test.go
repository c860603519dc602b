//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"k8s.io/client-go/rest"

	"github.com/gatewright/gatewright/fixtures/agent"
	"github.com/gatewright/gatewright/fixtures/faulty"
	"github.com/gatewright/gatewright/fixtures/gateway"
	"github.com/gatewright/gatewright/fixtures/kube"
	"github.com/gatewright/gatewright/fixtures/openbao"
	"github.com/gatewright/gatewright/fixtures/openchoreo"
	"github.com/gatewright/gatewright/fixtures/thunder"
)

// The secrets that are planted beside those that gatewright makes.
const (
	adminSecret = "planted-secret-of-thunder"
	rootToken   = "planted-token-of-openbao"
	userToken   = "planted-token-of-the-cluster"
)

// standIns are what works on the cluster that the scripts share.
var standIns struct {
	cluster *kube.Cluster
	gateway *gateway.Gateway
	stop    func()
}

// install puts the stand-ins of OpenChoreo's controllers and of the gateway
// onto the cluster, once.
func install(ctx context.Context, c *kube.Cluster) error {
	ctx, cancel := context.WithCancel(ctx)
	quiet := slog.New(slog.DiscardHandler)
	upstream := httptest.NewServer(agent.Handler())
	var wait sync.WaitGroup
	standIns.stop = func() {
		cancel()
		if standIns.gateway != nil {
			_ = standIns.gateway.Stop() // the cluster ends, too
		}
		wait.Wait()
		upstream.Close()
	}
	if err := openchoreo.Install(ctx, c.Config()); err != nil {
		return err
	}
	wait.Go(func() { _ = openchoreo.Run(ctx, c.Config(), openchoreo.Options{Logger: quiet}) }) // scripts notice
	at, err := url.Parse(upstream.URL)
	if err != nil {
		return err
	}
	standIns.cluster = c
	standIns.gateway, err = gateway.Start(ctx, c.Config(), gateway.Options{Upstream: at, Logger: quiet})
	return err
}

type worldKey struct{}

// world is what one script works with.
type world struct {
	dir, organization, environment string

	thunder *thunder.Server
	bao     *openbao.Server
	cluster *faulty.Proxy
	// user is who calls the cluster: a transport. A command that has
	// ended may have left a call behind that still reads it.
	user atomic.Value
	// urls are the addresses of the three.
	urls    map[string]string
	closers []func()
	// served ends what serves a console, and returns its exit status and what it
	// has said.
	served func() (int, string)

	mu      sync.Mutex
	secrets map[string]bool
	writes  []string
}

func (w *world) close() {
	for _, f := range w.closers {
		f()
	}
}

// start starts the targets and tells the cluster of the agents.
func (w *world) start(ctx context.Context, agents []string) error {
	w.urls = map[string]string{}
	w.secrets[adminSecret], w.secrets[rootToken], w.secrets[userToken] = true, true, true
	identity := w.serve("thunder", thunder.Classify)
	server, err := thunder.New(thunder.Options{PublicURL: w.urls["thunder"], ClientSecret: adminSecret})
	if err != nil {
		return err
	}
	w.thunder = server
	identity(server)
	w.bao = openbao.New(openbao.Options{RootToken: rootToken})
	w.serve("bao", nil)(w.sniff(w.bao))
	if err := w.front(); err != nil {
		return err
	}
	return errors.Join(w.seed(ctx, agents), w.configure())
}

// serve listens for a target and returns how to say what answers.
func (w *world) serve(name string, classify func(method, path string) faulty.Class) func(http.Handler) {
	var next http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if changes(r, classify) {
			w.mu.Lock()
			w.writes = append(w.writes, name+" "+r.Method+" "+r.URL.Path)
			w.mu.Unlock()
		}
		next.ServeHTTP(rw, r)
	}))
	w.urls[name] = srv.URL
	w.closers = append(w.closers, func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	return func(h http.Handler) { next = h }
}

// changes tells a request that changes something from a question. Logins and
// reviews of access are questions.
func changes(r *http.Request, classify func(method, path string) faulty.Class) bool {
	if classify != nil {
		return classify(r.Method, r.URL.Path) == faulty.Write
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, "LIST":
		return false
	default:
		return !strings.Contains(r.URL.Path, "accessreviews") && !strings.Contains(r.URL.Path, "-self")
	}
}

// sniff notes every secret that is stored in OpenBAO.
func (w *world) sniff(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		var stored struct {
			Data struct {
				Secret string `json:"client_secret"`
			} `json:"data"`
		}
		if json.Unmarshal(body, &stored) == nil && stored.Data.Secret != "" {
			w.mu.Lock()
			w.secrets[stored.Data.Secret] = true
			w.mu.Unlock()
		}
		next.ServeHTTP(rw, r)
	})
}

// front puts a proxy of this world's own before the API server, which may
// misbehave without the other scripts noticing.
func (w *world) front() error {
	if err := w.become(kube.AdminUser); err != nil {
		return err
	}
	at, err := url.Parse(standIns.cluster.URL())
	if err != nil {
		return err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(at)
			r.Out.Header.Del("Authorization") // user has one of its own
		},
		Transport: transport(func(r *http.Request) (*http.Response, error) { return w.user.Load().(transport)(r) }),
	}
	w.cluster = faulty.New(proxy, faulty.Options{})
	w.serve("cluster", nil)(w.cluster)
	return nil
}

type transport func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// become makes a user of the cluster of whoever asks through the proxy.
func (w *world) become(user string) error {
	cfg, err := standIns.cluster.ConfigFor(user)
	if err != nil {
		return err
	}
	as, err := rest.TransportFor(cfg)
	if err != nil {
		return err
	}
	w.user.Store(transport(as.RoundTrip))
	return nil
}

// seed creates the agents, and a gateway for them that trusts our Thunder.
func (w *world) seed(ctx context.Context, agents []string) error {
	var seeds []openchoreo.AgentSeed
	for _, name := range agents {
		seeds = append(seeds, openchoreo.AgentSeed{
			Namespace: w.organization, Project: "travel", Component: name, Environments: []string{w.environment},
		})
	}
	cfg := standIns.cluster.Config()
	if err := openchoreo.Seed(ctx, cfg, openchoreo.SeedOptions{}, seeds...); err != nil {
		return err
	}
	return gateway.Install(ctx, cfg, gateway.Environment{
		Namespace: w.organization, Name: w.environment,
		KeyManagers: []gateway.KeyManager{{
			Name: "ThunderKeyManager", Issuer: w.urls["thunder"],
			JWKS: gateway.JWKS{Remote: &gateway.RemoteJWKS{URI: w.urls["thunder"] + "/oauth2/jwks"}},
		}},
	})
}

// configure writes gatewright.yaml and the files that it names.
func (w *world) configure() error {
	kubeconfig := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: %q}}]
users: [{name: u, user: {token: %s}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
`, w.urls["cluster"], userToken)
	config := fmt.Sprintf(`installation: %s
source: {repository: specs, branch: main}
database: sqlite:gatewright.db
environments:
  %s:
    thunder: {url: %q, clientID: automation-client, clientSecret: {file: thunder-secret}}
    openbao: {address: %q, auth: {token: {file: openbao-token}}}
    cluster: {kubeconfig: kubeconfig}
    gateway:
      url: %q
      apiGateway: {namespace: %q, name: %q}
`, w.organization, w.environment, w.urls["thunder"], w.urls["bao"], standIns.gateway.URL(),
		openchoreo.GatewayNamespace(w.organization, w.environment), openchoreo.GatewayName(w.organization, w.environment))
	var errs []error
	for name, content := range map[string]string{
		"thunder-secret": adminSecret, "openbao-token": rootToken, "kubeconfig": kubeconfig, "gatewright.yaml": config,
	} {
		errs = append(errs, os.WriteFile(filepath.Join(w.dir, name), []byte(content), 0o600))
	}
	return errors.Join(errs...)
}
