package config

import (
	"net"
	"net/netip"
	"net/url"
	"time"
)

// Console is the console: where it is served, who may use it, and how it
// commits changes of specs.
type Console struct {
	Listen         string          `json:"listen"`
	PublicURL      string          `json:"publicURL,omitempty"`
	TLS            *TLS            `json:"tls,omitempty"`
	BehindProxy    bool            `json:"behindProxy"`
	TrustedProxies []string        `json:"trustedProxies"`
	Session        Session         `json:"session"`
	OIDC           *OIDC           `json:"oidc,omitempty"`
	Bearer         *Bearer         `json:"bearer,omitempty"`
	Roles          map[string]Role `json:"roles"`
	Contact        string          `json:"contact"`
	Commits        Commits         `json:"commits"`
}

// ConsoleListen is where `gatewright console` serves if nothing is configured.
const ConsoleListen = "127.0.0.1:8485"

// TLS names a certificate and its key.
type TLS struct {
	CertFile string `json:"certFile"`
	KeyFile  string `json:"keyFile"`
}

// Session is how long people stay logged in.
type Session struct {
	Lifetime time.Duration `json:"lifetime"`
	Idle     time.Duration `json:"idle"`
}

// OIDC is the provider that people log in with.
type OIDC struct {
	Issuer       string    `json:"issuer"`
	ClientID     string    `json:"clientID"`
	ClientSecret SecretRef `json:"clientSecret,omitzero"`
	Scopes       []string  `json:"scopes"`
	SubjectClaim string    `json:"subjectClaim,omitempty"`
	CAFile       string    `json:"caFile,omitempty"`
}

// Bearer is the issuer of the tokens of machines.
type Bearer struct {
	Issuer       string `json:"issuer"`
	Audience     string `json:"audience"`
	JWKSURL      string `json:"jwksURL,omitempty"`
	SubjectClaim string `json:"subjectClaim"`
	CAFile       string `json:"caFile,omitempty"`
}

// Role says who has a role, and where.
type Role struct {
	Claim        string `json:"claim"`
	Value        string `json:"value"`
	Role         string `json:"role"`
	Organization string `json:"organization,omitempty"`
	Project      string `json:"project,omitempty"`
	Environment  string `json:"environment,omitempty"`
}

// Commits is how changes of specs are committed.
type Commits struct {
	Propose        bool   `json:"propose"`
	BranchPrefix   string `json:"branchPrefix"`
	PullRequestURL string `json:"pullRequestURL,omitempty"`
}

// Address is the address that browsers know; nil means that none is known.
func (c Console) Address() *url.URL {
	text := c.PublicURL
	if host, _, err := net.SplitHostPort(c.Listen); text == "" && err == nil && loopback(host) {
		text = "http://" + c.Listen
		if c.TLS != nil {
			text = "https://" + c.Listen
		}
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil
	}
	u.Path = ""
	return u
}

// Issuer is who issues the tokens of machines; empty if nobody does.
func (c Console) Issuer() string {
	if c.Bearer == nil {
		return ""
	}
	return c.Bearer.Issuer
}

// Links reports that whoever runs the console logs in with a one-time link, and
// nobody else does.
func (c Console) Links() bool { return c.OIDC == nil && !c.reachable() }

// reachable reports whether other machines may reach the console.
func (c Console) reachable() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	if c.Listen != "" && (err != nil || !loopback(host)) {
		return true
	}
	u, err := url.Parse(c.PublicURL)
	return c.BehindProxy || c.PublicURL != "" && (err != nil || !loopback(u.Hostname()))
}

// Proxies are the networks of TrustedProxies that can be read.
func (c Console) Proxies() []netip.Prefix {
	if !c.BehindProxy {
		return nil
	}
	var out []netip.Prefix
	for _, s := range c.TrustedProxies {
		if p, ok := parseNetwork(s); ok {
			out = append(out, p)
		}
	}
	return out
}

// parseNetwork reads a network, or one address.
func parseNetwork(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), true
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), true
}
