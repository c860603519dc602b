package child

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// usage is what a process has taken so far.
type usage struct {
	resident int64
	cpu      time.Duration
}

// supervisePeriod is how often the parent looks at a child that is working.
// The child looks at itself more often; the parent is there for a child that
// no longer can.
const supervisePeriod = 50 * time.Millisecond

// killOn kills the child when ctx ends or late fires, until the function that
// it returns is called, which says why it was killed, if it was.
func (p *Process) killOn(ctx context.Context, late <-chan time.Time) func() error {
	done, cause := make(chan struct{}), make(chan error, 1)
	go func() {
		var why error
		select {
		case <-done:
		case <-ctx.Done():
			why = context.Cause(ctx)
		case <-late:
			why = errors.New("it did not answer")
		}
		if why != nil {
			p.kill()
		}
		cause <- why
	}()
	return func() error {
		close(done)
		return <-cause
	}
}

// supervise kills the child when it passes a limit or ctx ends, until the
// function that it returns is called, which says why it was killed, if it was.
func (p *Process) supervise(ctx context.Context) func() error {
	done, cause := make(chan struct{}), make(chan error, 1)
	go func() {
		why := p.watch(ctx, done)
		if why != nil {
			p.kill()
		}
		cause <- why
	}()
	return func() error {
		close(done)
		return <-cause
	}
}

// watch returns the reason to kill the child, or nil when done.
func (p *Process) watch(ctx context.Context, done <-chan struct{}) error {
	wall := time.NewTimer(p.limits.Wall)
	defer wall.Stop()
	tick := time.NewTicker(supervisePeriod)
	defer tick.Stop()
	// Read at the first tick: most calls end before it.
	var begin usage
	first := true
	for {
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("call worker: %w", context.Cause(ctx))
		case <-wall.C:
			return &CapError{Cap: CapWall, Limits: p.limits}
		case <-tick.C:
		}
		now := usageOf(p.proc.Pid)
		if first {
			begin, first = now, false
		}
		if now.resident > p.limits.Memory+memorySlack {
			return &CapError{Cap: CapMemory, Limits: p.limits}
		}
		if now.cpu-begin.cpu > p.limits.CPU {
			return &CapError{Cap: CapCPU, Limits: p.limits}
		}
	}
}
