package access

import (
	"context"
	"strings"
	"sync"
	"time"
)

// LinkLife is how long a one-time link works.
const LinkLife = 10 * time.Minute

// Link is what a one-time link is known by. It does not hold the link.
type Link struct {
	// Digest is that of its token.
	Digest string `json:"digest"`
	// Subject and Name are whoever it logs in.
	Subject string    `json:"subject"`
	Name    string    `json:"name,omitempty"`
	Ends    time.Time `json:"ends"`
}

// Links keeps the newest link. Whoever can write there can log in, so it has to
// be as hard to write as what the console changes.
type Links interface {
	// Put keeps a link in the place of the one before.
	Put(ctx context.Context, l Link) error
	// Take returns the link and forgets it, at once for all callers. The zero
	// Link means that there is none.
	Take(ctx context.Context, digest string) (Link, error)
}

// NewLink makes a link for somebody: the token that goes behind the # of its
// address, and what to keep of it.
func NewLink(subject, name string, now time.Time) (token string, l Link) {
	token = random()
	return token, Link{Digest: digest(token), Subject: plainLine(subject), Name: plainLine(name), Ends: now.Add(LinkLife)}
}

// LinkURL is the address that a person opens. The token is in the fragment,
// which browsers keep to themselves: no server, proxy or log sees it.
func LinkURL(base, token string) string {
	return strings.TrimSuffix(base, "/") + pathLink + "#" + token
}

// Is reports whether l is the link with a digest, in a time that does not tell
// how much of it was right.
func (l Link) Is(digest string) bool { return l.Digest != "" && same(l.Digest, digest) }

// Memory keeps links in this process.
type Memory struct {
	mu   sync.Mutex
	link Link
}

// Put implements Links.
func (m *Memory) Put(_ context.Context, l Link) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.link = l
	return nil
}

// Take implements Links.
func (m *Memory) Take(_ context.Context, digest string) (Link, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.link.Is(digest) {
		return Link{}, nil
	}
	l := m.link
	m.link = Link{}
	return l, nil
}
