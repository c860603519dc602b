package openbao

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/openbao/openbao/api/v2"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// session holds the token that calls are made with: it logs in when the first
// call needs it, renews ahead of expiry in the background, and logs in again
// once when a call finds the token dead. It is safe for concurrent use.
//
// The api client's LifetimeWatcher is not used: it reports the end of a token
// when the token has no time left, so that calls in between fail, and since
// v2.7.1 it reports a revoked one only when the lease would have ended.
type session struct {
	config Config
	base   *api.Client // without a token
	reader *reader
	log    *slog.Logger

	// turn is held by whoever logs in or renews; a channel, so that waiting
	// for it ends with the context.
	turn chan struct{}

	mu      sync.Mutex
	current *identity
	failed  error     // of the last login
	retry   time.Time // before it, failed is the answer
	changed chan struct{}

	stop context.CancelFunc
	done chan struct{}
}

// identity is one token. It does not change.
type identity struct {
	token  resource.Secret
	client *api.Client
	// lease is the token's life when it was issued, 0 if it never ends.
	lease     time.Duration
	renewable bool
	// expires is zero for a token that never ends.
	expires time.Time
	// ours reports that we logged in for it, and so may revoke it.
	ours bool
	// alive is when the server last said that the token is a token.
	alive *aliveness
}

// aliveness is shared by the identities of one token.
type aliveness struct {
	mu sync.Mutex
	at time.Time
}

// failureFor is how long a failed login is the answer to those that come after,
// so that a thousand reads are not a thousand logins.
const failureFor = time.Second

// aliveFor is how long one look at the token counts, for the same reason.
const aliveFor = 5 * time.Second

func newSession(ctx context.Context, c Config, base *api.Client, r *reader) *session {
	ctx, stop := context.WithCancel(ctx)
	s := &session{
		config: c, base: base, reader: r, log: c.Logger, turn: make(chan struct{}, 1), changed: make(chan struct{}, 1),
		stop: stop, done: make(chan struct{}),
	}
	go s.keep(ctx)
	return s
}

// close ends the renewal, waits for it, and gives back a token of our own.
func (s *session) close() {
	s.stop()
	<-s.done
	s.mu.Lock()
	id := s.current
	s.current = nil
	s.mu.Unlock()
	if id == nil || !id.ours {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if _, err := id.client.Logical().WriteWithContext(ctx, "auth/token/revoke-self", nil); err != nil {
		s.log.Debug("token not revoked, it will expire", slog.String("target", name), slog.String("error", explainSilence(err).Error()))
	}
}

// do makes a call with a token. If the server says that the token is none, it
// logs in anew and makes the call once more; nothing happened the first time.
func (s *session) do(ctx context.Context, call func(context.Context, *identity) error) error {
	id, err := s.identity(ctx, nil)
	if err != nil {
		return err
	}
	err = call(ctx, id)
	if status, ok := asStatus(err); !ok || status.status != http.StatusForbidden || status.foreign {
		return err
	}
	dead, lookup := s.dead(ctx, id)
	if lookup != nil {
		return lookup
	}
	if !dead {
		return err
	}
	if id, err = s.identity(ctx, id); err != nil {
		return err
	}
	return call(ctx, id)
}

// identity returns the current token, or logs in. A token that is named as dead
// is not returned.
func (s *session) identity(ctx context.Context, dead *identity) (*identity, error) {
	if id, err, ok := s.settled(dead); ok {
		return id, err
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-s.turn }()
	if id, err, ok := s.settled(dead); ok {
		return id, err
	}
	id, err := s.login(ctx, dead)
	s.settle(ctx, id, err)
	return id, err
}

// settled returns what is known without a call.
func (s *session) settled(dead *identity) (*identity, error, bool) { //nolint:revive // the error is part of what is known
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.current
	usable := id != nil && (dead == nil || id.token != dead.token) && (id.expires.IsZero() || time.Now().Before(id.expires))
	switch {
	case usable:
		return id, nil, true
	case s.failed != nil && time.Now().Before(s.retry):
		return nil, s.failed, true
	default:
		return nil, nil, false //nolint:nilnil // nothing is settled
	}
}

// settle keeps the outcome of a login or a renewal and wakes the renewal.
func (s *session) settle(ctx context.Context, id *identity, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.current, s.failed = id, nil
	case ctx.Err() == nil:
		s.failed, s.retry = err, time.Now().Add(failureFor)
	default:
		return // the caller gave up, which says nothing about the server
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// dead asks whether a token that was refused is no token any more. The answer
// to a refused call does not say so for certain; looking the token up does.
func (s *session) dead(ctx context.Context, id *identity) (bool, error) {
	id.alive.mu.Lock()
	defer id.alive.mu.Unlock()
	s.mu.Lock()
	replaced := s.current != nil && s.current.token != id.token
	s.mu.Unlock()
	if replaced {
		return true, nil
	}
	if time.Since(id.alive.at) < aliveFor {
		return false, nil
	}
	_, err := s.lookup(ctx, id.token)
	switch status, ok := asStatus(err); {
	case err == nil, ok && status.status == http.StatusForbidden && !status.is(saysDenied):
		// A token without the default policy may not look at itself, and is
		// told so in other words than one that is no token.
		id.alive.at = time.Now()
		return false, nil
	case ok && status.status == http.StatusForbidden:
		return true, nil
	default:
		return false, err
	}
}

// with returns a client that uses a token.
func (s *session) with(token resource.Secret) (*api.Client, error) {
	c, err := api.NewClient(s.base.CloneConfig())
	if err != nil {
		return nil, err
	}
	c.SetToken(token.Reveal())
	if s.config.Namespace != "" {
		c.SetNamespace(s.config.Namespace)
	}
	return c, nil
}

// errTokenDead says that a token that somebody else issued has died.
func errTokenDead() *fault.Error {
	f := fault.New(fault.Stalled, "TokenDead", "the token is expired, revoked or unknown")
	f.Hint = "put a new token into the configuration, or log in by appRole or kubernetes, which renews itself"
	return f
}

// isFault reports whether err is explained already.
func isFault(err error) bool {
	var f *fault.Error
	return errors.As(err, &f)
}
