package thunder

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// Slots are the places for calls that cost a server a hash: a creation, a
// change of a secret, and each request for a token. Whoever makes such calls to
// one server shares them: beyond a few at a time the server gains nothing, and
// stops answering what takes it more than ten seconds (v1.0.0).
type Slots struct {
	places *semaphore.Weighted
}

// NewSlots returns n places; zero means 4.
func NewSlots(n int) *Slots {
	if n == 0 {
		n = defaultCreates
	}
	return &Slots{places: semaphore.NewWeighted(int64(n))}
}

// Take waits for a place, which is to be released. The error is that of ctx.
func (s *Slots) Take(ctx context.Context) (release func(), err error) {
	if err := s.places.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	return func() { s.places.Release(1) }, nil
}
