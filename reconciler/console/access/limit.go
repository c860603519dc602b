package access

import (
	"net/netip"
	"sync"
	"time"
)

// A peer may fail this often within this time, then it has to wait for the
// rest of it. Links and tokens cannot be guessed; this is about what trying
// costs us.
const (
	maxFailures   = 20
	failureWindow = time.Minute
	// maxPeers bounds the table.
	maxPeers = 1024
)

// failures counts those of a peer since the first one.
type failures struct {
	since time.Time
	count int
}

// limiter slows down peers whose logins fail. Sessions that stand are not
// affected.
type limiter struct {
	now func() time.Time

	mu    sync.Mutex
	peers map[netip.Prefix]failures
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, peers: map[netip.Prefix]failures{}}
}

// wait is how long a peer has to wait before its next login; zero means that it
// need not.
func (l *limiter) wait(peer netip.Addr) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, ok := l.peers[network(peer)]
	if !ok || f.count < maxFailures {
		return 0
	}
	return max(0, failureWindow-l.now().Sub(f.since))
}

// failed counts a login that failed.
func (l *limiter) failed(peer netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key, now := network(peer), l.now()
	f, ok := l.peers[key]
	if !ok && len(l.peers) >= maxPeers {
		l.makeRoom(now)
	}
	if !ok || now.Sub(f.since) >= failureWindow {
		f = failures{since: now}
	}
	f.count++
	l.peers[key] = f
}

// makeRoom forgets the peers that need not wait any more, or else the one that
// failed least.
func (l *limiter) makeRoom(now time.Time) {
	var least netip.Prefix
	for key, f := range l.peers {
		switch {
		case now.Sub(f.since) >= failureWindow:
			delete(l.peers, key)
		case !least.IsValid() || f.count < l.peers[least].count:
			least = key
		}
	}
	if len(l.peers) >= maxPeers {
		delete(l.peers, least)
	}
}

// network is what counts as one peer: an address of IPv4, and for IPv6 the
// network of one customer, who has 2⁶⁴ addresses.
func network(peer netip.Addr) netip.Prefix {
	peer = peer.Unmap().WithZone("")
	bits := peer.BitLen()
	if peer.Is6() {
		bits = 64
	}
	p, err := peer.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // an address that cannot be read: all such are one peer
	}
	return p
}
