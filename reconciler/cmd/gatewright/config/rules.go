package config

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// check finds what no schema can say: what depends on several settings, and
// what is allowed but unwise.
func (c *Config) check(k *checker, l *layers) {
	if c.Source.Branch != "" && c.Source.Tag != "" {
		k.report([]string{"source", "tag"}, "exclusive-keys", "both a branch and a tag are named", "take one of them out")
	}
	k.plainPassword([]string{"source", "repository"}, c.Source.Repository, "put it in source.auth.password or source.auth.token")
	c.Database.URL.key = "database"
	k.database(c.Database, l)
	k.listener(c)
	k.console(c, l)
	k.secret(l, &c.Source.Auth.Password, "source", "auth", "password")
	k.secret(l, &c.Source.Auth.Token, "source", "auth", "token")
	for _, name := range slices.Sorted(maps.Keys(c.Environments)) {
		e := c.Environments[name]
		k.environment(l, name, &e)
		c.Environments[name] = e
	}
}

// environment checks one environment.
func (k *checker) environment(l *layers, name string, e *Environment) {
	at := func(path ...string) []string { return append([]string{"environments", name}, path...) }
	if !resource.ValidName(name) {
		k.report(at(), "invalid-name", fmt.Sprintf("%q cannot name an environment", name),
			"use at most 63 lower-case letters, digits and hyphens")
	}
	if v := e.Token.Validity; v < time.Second || v%time.Second != 0 {
		k.report(at("token", "validity"), "invalid-value", fmt.Sprintf("%s is not in whole seconds", v), "write a duration such as 15m")
	}
	k.secret(l, &e.Thunder.ClientSecret, at("thunder", "clientSecret")...)
	k.login(l, &e.OpenBAO.Auth, at("openbao", "auth"))
	if e.Thunder.InsecureSkipVerify {
		k.warn(at("thunder", "insecureSkipVerify"), "insecure", "whoever answers in Thunder's place gets the client secret",
			"name the certificate to trust in caFile")
	}
	k.plainHTTP(at("thunder", "url"), e.Thunder.URL)
	k.plainHTTP(at("openbao", "address"), e.OpenBAO.Address)
	if e.Cluster.InCluster && (e.Cluster.Kubeconfig != "" || e.Cluster.Context != "") {
		k.report(at("cluster", "inCluster"), "exclusive-keys", "a kubeconfig and the cluster of the pod exclude each other", "take one of them out")
	}
	for _, km := range slices.Sorted(maps.Keys(e.Gateway.KeyManagers)) {
		if !validKeyManager(km) {
			k.report(at("gateway", "keyManagers", km), "invalid-name", fmt.Sprintf("%q cannot name a key manager", km),
				"use at most 63 letters, digits, hyphens and underscores")
		}
		if m := e.Gateway.KeyManagers[km]; m.Issuer != "" && m.JWKS == "" {
			k.report(at("gateway", "keyManagers", km, "issuer"), "missing-key", "an issuer of its own needs the address of its keys", "add jwks: URL")
		}
	}
}

// login checks that there is exactly one way to log in to OpenBAO.
func (k *checker) login(l *layers, a *OpenBAOAuth, at []string) {
	var ways []string
	if a.Token != nil {
		ways = append(ways, "token")
		k.secret(l, a.Token, append(slices.Clone(at), "token")...)
	}
	if a.AppRole != nil {
		ways = append(ways, "appRole")
		k.secret(l, &a.AppRole.SecretID, append(slices.Clone(at), "appRole", "secretID")...)
	}
	if a.Kubernetes != nil {
		ways = append(ways, "kubernetes")
	}
	switch len(ways) {
	case 0:
		k.report(at, "missing-key", "no way to log in is named", "add one of token, appRole and kubernetes")
	case 1:
	default:
		k.report(at, "exclusive-keys", "several ways to log in are named: "+strings.Join(ways, ", "), "keep one of them")
	}
}

// secret names r for messages, and warns about a secret that others can read.
func (k *checker) secret(l *layers, r *SecretRef, at ...string) {
	r.key = strings.Join(at, ".")
	if !r.Value.IsZero() && l.fromFile[r.key] {
		k.warn(at, "literal-secret", "the secret itself stands in the file", "write {file: PATH} or {env: NAME}")
	}
	if r.exposed() {
		k.warn(at, "exposed-secret", "everybody on this machine may read "+r.File, "chmod 600 "+r.File)
	}
}

// database checks the name of the inventory.
func (k *checker) database(d Database, l *layers) {
	at := []string{"database"}
	if d.URL.exposed() {
		k.warn(at, "exposed-secret", "everybody on this machine may read "+d.URL.File, "chmod 600 "+d.URL.File)
	}
	if d.URL.File != "" || d.URL.Env != "" {
		return
	}
	text := d.URL.Value.Reveal()
	if inventory.Redact(text) != text && (l.fromFile["database"] || l.fromFile["database.url"]) {
		k.warn(at, "literal-secret", "the password of the database stands in the file", "write {url: {file: PATH}} or {url: {env: NAME}}")
	}
	scheme, _, _ := strings.Cut(text, ":")
	if !slices.Contains([]string{"sqlite", "postgres", "postgresql"}, scheme) {
		k.report(at, "invalid-value", "the database is not of a known kind", "write sqlite:FILE or a postgres:// URL")
	}
}

// listener refuses to serve the network unless that is asked for.
func (k *checker) listener(c *Config) {
	if c.Listen == "" {
		return
	}
	at := []string{"listen"}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil || port == "" {
		k.report(at, "invalid-value", fmt.Sprintf("%q is not host:port", c.Listen), "write an address such as 127.0.0.1:8484")
		return
	}
	if !loopback(host) && !c.ListenPublic {
		k.report(at, "exposed-listener", fmt.Sprintf("%q can be reached from other machines", c.Listen),
			"write 127.0.0.1:"+port+", or allow it with listenPublicly: true")
	}
}

// loopback reports whether host is this machine alone.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// plainHTTP warns about secrets that cross a network in the clear.
func (k *checker) plainHTTP(at []string, address string) {
	u, err := url.Parse(address)
	if err != nil {
		k.report(at, "invalid-value", "the URL cannot be read", "write a URL such as https://host:8090")
		return
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		k.warn(at, "plain-http", "secrets cross the network unencrypted", "use https")
	}
}

// plainPassword refuses a password in a URL: it would show in messages.
func (k *checker) plainPassword(at []string, address, hint string) {
	if u, err := url.Parse(address); err == nil && u.User != nil {
		if _, ok := u.User.Password(); ok {
			k.report(at, "literal-secret", "a password stands in the URL", hint)
		}
	}
}

func validKeyManager(s string) bool {
	if s == "" || len(s) > 63 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}
