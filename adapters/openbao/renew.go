package openbao

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// keep renews the token at two thirds of its life until ctx ends. What it
// cannot mend is left to the next call, which logs in and reports.
func (s *session) keep(ctx context.Context) {
	defer close(s.done)
	failures := 0
	for {
		wait, due := s.nextRenewal(failures)
		timer := time.NewTimer(wait)
		if !due {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-s.changed:
			timer.Stop()
			continue
		case <-timer.C:
		}
		if s.prolong(ctx) {
			failures = 0
		} else {
			failures++
		}
	}
}

// nextRenewal is how long to wait; not due means until there is another token.
func (s *session) nextRenewal(failures int) (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.current
	if id == nil || id.expires.IsZero() || !id.renewable && s.config.Auth.Token != nil && s.config.Auth.Token.File == "" {
		return 0, false
	}
	left := time.Until(id.expires)
	if left <= 0 {
		return 0, false // the next call logs in
	}
	if failures > 0 {
		// A third of the life is left for further tries: at halves of what
		// remains, but not faster than a second, nor than the back-off.
		return max(left/2, min(time.Second<<min(failures-1, 5), left), 100*time.Millisecond), true
	}
	return max(left-id.lease/3, 0), true
}

// prolong renews the token or, where that gives nothing, logs in anew.
func (s *session) prolong(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return false
	}
	s.mu.Lock()
	id := s.current
	s.mu.Unlock()
	if id == nil {
		return true
	}
	next, err := id, errNotRenewed
	if id.renewable {
		next, err = s.renew(ctx, id)
	}
	if err != nil {
		fresh, lerr := s.login(ctx, s.exhausted(id, err))
		switch {
		case lerr == nil:
			next, err = fresh, nil
		case next != nil && errors.Is(err, errNotRenewed):
			err = lerr // the old token goes on for what it has left
		default:
			next, err = id, lerr
		}
	}
	s.settleRenewal(next)
	if err != nil && ctx.Err() == nil {
		s.log.Warn("token not renewed", slog.String("target", name), slog.String("error", explainRenewal(err)))
	}
	return err == nil
}

// exhausted names the token that a new login must not return: adopting the same
// token from the same file again would be no progress, unless it was renewed.
func (s *session) exhausted(id *identity, err error) *identity {
	if s.config.Auth.Token != nil && !errors.Is(err, errNotRenewed) {
		return nil // a lost answer; looking at the token again tells
	}
	return id
}

// settleRenewal keeps the token without counting a failure against callers, who
// can go on with what the old token has left.
func (s *session) settleRenewal(id *identity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = id
}

// explainRenewal prints an error for the log.
func explainRenewal(err error) string {
	if isFault(err) {
		return err.Error()
	}
	if status, ok := asStatus(err); ok {
		return status.Error()
	}
	return explainSilence(err).Error()
}
