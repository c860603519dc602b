package access

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// origin is where a request comes from, as far as that can be believed.
type origin struct {
	peer netip.Addr
	// host is the name that the browser asked for, without a port.
	host string
}

// forwarding are the headers by which proxies tell what they have received.
// Anybody can write them.
var forwarding = []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Forwarded"}

// originOf believes the headers of a proxy that is trusted, and nobody else's.
func (a *Access) originOf(r *http.Request) origin {
	o := origin{peer: peerOf(r.RemoteAddr), host: hostname(r.Host)}
	if !a.trusts(o.peer) {
		return o
	}
	if h := last(r.Header.Values("X-Forwarded-Host")); h != "" {
		o.host = hostname(h)
	}
	// Each proxy appends whom it was asked by; what stands before the first that
	// is not ours was written by a stranger.
	for _, hop := range slices.Backward(list(r.Header.Values("X-Forwarded-For"))) {
		addr, err := netip.ParseAddr(hop)
		if err != nil {
			break
		}
		if o.peer = addr.Unmap(); !a.trusts(o.peer) {
			break
		}
	}
	return o
}

// trusts reports whether a peer is one of our proxies.
func (a *Access) trusts(peer netip.Addr) bool {
	return slices.ContainsFunc(a.Proxies, func(p netip.Prefix) bool { return p.Contains(peer) })
}

// undeclared reports that a request passed a proxy that nobody has told us of.
func (a *Access) undeclared(r *http.Request) bool {
	return len(a.Proxies) == 0 && slices.ContainsFunc(forwarding, func(h string) bool { return r.Header.Get(h) != "" })
}

// serves reports whether the console has a name. A page that a stranger's name
// resolves to this address for (DNS rebinding) has another one.
func (a *Access) serves(host string) bool {
	switch {
	case a.Links != nil && loopbackName(host):
		return true
	case a.PublicURL == nil:
		// Nothing but bearer tokens, which no browser sends by itself.
		return true
	default:
		return strings.EqualFold(host, a.PublicURL.Hostname())
	}
}

// loopbackName reports whether a name is of this machine alone, whatever a name
// server says.
func loopbackName(host string) bool {
	return strings.EqualFold(host, "localhost") || host == "127.0.0.1" || host == "::1"
}

// peerOf is the address of a peer; the zero one if it cannot be read.
func peerOf(remote string) netip.Addr {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// hostname is a host without its port and brackets.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// list are the members of a header that is a list.
func list(values []string) []string {
	var out []string
	for _, v := range values {
		for one := range strings.SplitSeq(v, ",") {
			if one = strings.TrimSpace(one); one != "" {
				out = append(out, one)
			}
		}
	}
	return out
}

func last(values []string) string {
	all := list(values)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
}

// peerKey is the key of a peer in a context.
type peerKey struct{}

// Peer returns who sent a request that has passed Guard: behind a proxy that is
// trusted, whoever asked the proxy.
func Peer(ctx context.Context) netip.Addr {
	addr, _ := ctx.Value(peerKey{}).(netip.Addr)
	return addr
}
