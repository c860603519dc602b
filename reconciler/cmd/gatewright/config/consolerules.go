package config

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
)

// at is the path of a setting of the console.
func at(path ...string) []string { return append([]string{"console"}, path...) }

// console checks who reaches the console, and who may use it.
//
//	reached by          needs                        otherwise
//	this machine        nothing                      one-time links
//	other machines      tls or behindProxy,          an error
//	                    and oidc or bearer
func (k *checker) console(c *Config, l *layers) {
	o := &c.Console
	k.consoleListener(o)
	k.publicURL(o)
	if o.Session.Idle > o.Session.Lifetime {
		k.report(at("session", "idle"), "invalid-value", fmt.Sprintf("%s is longer than the whole session, %s", o.Session.Idle, o.Session.Lifetime),
			"make it shorter, or session.lifetime longer")
	}
	for _, s := range o.TrustedProxies {
		switch p, ok := parseNetwork(s); {
		case !ok:
			k.report(at("trustedProxies"), "invalid-value", fmt.Sprintf("%q is no network", s), "write a network such as 10.0.0.0/8, or an address")
		case o.BehindProxy && p.Bits() == 0:
			k.warn(at("trustedProxies"), "insecure", "whoever connects is believed to be a proxy", "name the network of the proxy alone")
		}
	}
	if o.OIDC != nil {
		k.secret(l, &o.OIDC.ClientSecret, at("oidc", "clientSecret")...)
		k.plainHTTP(at("oidc", "issuer"), o.OIDC.Issuer)
	}
	if o.Bearer != nil {
		k.plainHTTP(at("bearer", "issuer"), o.Bearer.Issuer)
		k.plainHTTP(at("bearer", "jwksURL"), o.Bearer.JWKSURL)
	}
	k.roles(c)
	k.commits(o.Commits)
}

// consoleListener refuses to serve the network without TLS, or without a way to
// tell who somebody is.
func (k *checker) consoleListener(o *Console) {
	if o.Listen != "" {
		host, port, err := net.SplitHostPort(o.Listen)
		if err != nil || port == "" {
			k.report(at("listen"), "invalid-value", fmt.Sprintf("%q is not host:port", o.Listen), "write an address such as "+ConsoleListen)
			return
		}
		if !loopback(host) && o.TLS == nil && !o.BehindProxy {
			k.report(at("listen"), "exposed-listener", fmt.Sprintf("%q can be reached from other machines, unencrypted", o.Listen),
				"write 127.0.0.1:"+port+", add tls: {certFile: …, keyFile: …}, or say behindProxy: true if a proxy ends TLS before it")
		}
	}
	if o.reachable() && o.OIDC == nil && o.Bearer == nil {
		k.report(k.first(at("listen"), at("publicURL"), at("behindProxy")), "exposed-console",
			"the console can be reached from other machines, and nobody could log in there",
			"add console.oidc for people, console.bearer for machines, or both")
	}
}

// first is the first of some settings that somebody wrote.
func (k *checker) first(paths ...[]string) []string {
	for _, p := range paths {
		if _, ok := k.origins[strings.Join(p, ".")]; ok {
			return p
		}
	}
	return paths[0]
}

// publicURL checks the address that browsers know.
func (k *checker) publicURL(o *Console) {
	if o.PublicURL == "" {
		switch {
		case o.BehindProxy:
			k.report(at("behindProxy"), "missing-key", "the address of the proxy is not known", "add publicURL: https://console.example")
		case o.OIDC != nil && o.reachable():
			k.report(at("oidc"), "missing-key", "the identity provider has to know where to send people back to", "add publicURL: https://console.example")
		}
		return
	}
	u, err := url.Parse(o.PublicURL)
	switch {
	case err != nil:
		k.report(at("publicURL"), "invalid-value", "the URL cannot be read", "write a URL such as https://console.example")
	case strings.Trim(u.Path, "/") != "":
		k.report(at("publicURL"), "invalid-value", "the console is served at the root of a host", "take "+u.Path+" out")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		k.report(at("publicURL"), "plain-http", "sessions would cross the network unencrypted", "write https://"+u.Host)
	case u.Scheme == "http" && o.TLS != nil:
		k.report(at("publicURL"), "invalid-value", "with tls it is not an http:// URL", "write https://"+u.Host)
	}
}

// roles checks who may do what.
func (k *checker) roles(c *Config) {
	o := &c.Console
	users := o.OIDC != nil || o.Bearer != nil
	switch {
	case users && len(o.Roles) == 0:
		k.report(k.first(at("oidc"), at("bearer")), "missing-key", "nobody would have a role", "add console.roles: NAME: {claim: …, value: …, role: viewer}")
	case !users && len(o.Roles) > 0:
		k.warn(at("roles"), "unused", "nobody is asked for claims, and whoever opens the link is admin", "add console.oidc or console.bearer")
	}
	for _, name := range slices.Sorted(maps.Keys(o.Roles)) {
		r := o.Roles[name]
		if r.Project != "" && r.Organization == "" {
			k.report(at("roles", name, "project"), "missing-key", "a project belongs to an organization", "add organization")
		}
		if _, ok := c.Environments[r.Environment]; r.Environment != "" && !ok {
			k.warn(at("roles", name, "environment"), "unknown-environment", fmt.Sprintf("there is no environment %q", r.Environment),
				"write one of "+strings.Join(slices.Sorted(maps.Keys(c.Environments)), ", "))
		}
	}
}

// commits checks where changes of specs go.
func (k *checker) commits(c Commits) {
	if c.PullRequestURL == "" {
		return
	}
	k.plainPassword(at("commits", "pullRequestURL"), c.PullRequestURL, "take it out")
	if !strings.Contains(c.PullRequestURL, "{branch}") {
		k.report(at("commits", "pullRequestURL"), "invalid-value", "it does not say which branch", "write {branch} where its name goes")
	}
	if !c.Propose {
		k.warn(at("commits", "pullRequestURL"), "unused", "changes go to the branch that is followed, without a pull request", "say propose: true")
	}
}
