package access

import (
	"context"
	"sync"
	"time"
)

// Lifetime is how long a session lasts.
type Lifetime struct {
	// Whole is from the login on; zero means 12 h.
	Whole time.Duration
	// Idle is without a request; zero means 2 h.
	Idle time.Duration
}

func (l Lifetime) withDefaults() Lifetime {
	if l.Whole <= 0 {
		l.Whole = 12 * time.Hour
	}
	if l.Idle <= 0 {
		l.Idle = 2 * time.Hour
	}
	return l
}

// maxSessions bounds the memory: the one that nobody used for longest ends.
const maxSessions = 4096

// session is somebody who has logged in.
type session struct {
	principal Principal
	begun     time.Time
	used      time.Time
	// over ends with the session, and with it the streams that it has opened.
	over context.Context
	end  context.CancelFunc
}

// sessions are those of this process.
type sessions struct {
	lifetime Lifetime
	now      func() time.Time

	mu sync.Mutex
	// byDigest has them by the digest of their id, so that a copy of the memory
	// logs nobody in.
	byDigest map[string]*session
}

func newSessions(l Lifetime, now func() time.Time) *sessions {
	return &sessions{lifetime: l.withDefaults(), now: now, byDigest: map[string]*session{}}
}

// begin starts a session and returns its id, which is always a new one: what
// the browser had before means nothing.
func (s *sessions) begin(p Principal) string {
	id, now := random(), s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byDigest) >= maxSessions {
		s.makeRoom(now)
	}
	one := &session{principal: p, begun: now, used: now}
	one.over, one.end = context.WithTimeout(context.Background(), s.lifetime.Whole)
	s.byDigest[digest(id)] = one
	return id
}

// makeRoom ends what has ended, or else the session that nobody used for
// longest.
func (s *sessions) makeRoom(now time.Time) {
	oldest := ""
	for key, one := range s.byDigest {
		switch {
		case s.ended(one, now):
			s.forget(key)
		case oldest == "" || one.used.Before(s.byDigest[oldest].used):
			oldest = key
		}
	}
	if len(s.byDigest) >= maxSessions {
		s.forget(oldest)
	}
}

// ended reports whether nobody may go on with a session.
func (s *sessions) ended(one *session, now time.Time) bool {
	return now.Sub(one.begun) >= s.lifetime.Whole || now.Sub(one.used) >= s.lifetime.Idle
}

// forget ends a session.
func (s *sessions) forget(key string) {
	if one := s.byDigest[key]; one != nil {
		one.end()
		delete(s.byDigest, key)
	}
}

// find returns the session with an id, and notes that it was used.
func (s *sessions) find(id string) (session, bool) {
	key, now := digest(id), s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.byDigest[key]
	if one == nil {
		return session{}, false
	}
	if s.ended(one, now) {
		s.forget(key)
		return session{}, false
	}
	one.used = now
	return *one, true
}

// end ends the session with an id.
func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(digest(id))
}
