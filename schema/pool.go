package schema

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/gatewright/gatewright/schema/internal/child"
)

// idleLife is how long a worker without work is kept.
const idleLife = time.Minute

// pool keeps one worker and replaces it as need be. It is safe for concurrent
// use; requests wait for one another.
type pool struct {
	argv   []string
	limits child.Limits

	// inline answers in place of a worker, without caps. It is for fuzzing, where
	// the way to a worker and back takes most of the time.
	inline func(request) (reply, error)

	mu      sync.Mutex
	process *child.Process
	codec   *codec // of process
	probing bool   // the limits of process are those of a probe
	idle    *time.Timer
	closed  bool
}

// errClosed says that a loader was used after it was closed.
var errClosed = errors.New("load specs: the loader is closed")

// do has the worker answer a request. A probe has an eighth of the time. The
// error is a *[child.CapError] or one of the machinery.
func (p *pool) do(ctx context.Context, req request, probe bool) (reply, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inline != nil {
		return p.inline(req)
	}
	if err := p.ready(ctx, probe); err != nil {
		return reply{}, err
	}
	message, err := p.codec.write(req)
	if err != nil {
		p.dropLocked()
		return reply{}, fmt.Errorf("write the request: %w", err)
	}
	answer, err := p.process.Call(ctx, message)
	if err != nil {
		p.dropLocked()
		return reply{}, err
	}
	p.idle.Reset(idleLife)
	rep, err := readReply(p.codec, answer)
	if err != nil || p.process.Resident() > p.limits.Memory/2 {
		p.dropLocked()
	}
	return rep, err
}

// ready makes sure that there is a worker with the right limits.
func (p *pool) ready(ctx context.Context, probe bool) error {
	if p.closed {
		return errClosed
	}
	if p.process != nil && p.probing == probe {
		return nil
	}
	p.dropLocked()
	argv, err := p.command()
	if err != nil {
		return err
	}
	limits := p.limits
	if probe {
		limits.CPU, limits.Wall = limits.CPU/8, limits.Wall/8
	}
	if p.process, err = child.Start(ctx, argv, limits); err != nil {
		return fmt.Errorf("load specs: %w", err)
	}
	p.probing, p.codec = probe, newCodec()
	if p.idle == nil {
		p.idle = time.AfterFunc(idleLife, p.expire)
	}
	return nil
}

// command returns the command line of the worker.
func (p *pool) command() ([]string, error) {
	if len(p.argv) > 0 {
		return p.argv, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("load specs: find the worker's program: %w", err)
	}
	return []string{self, workerArgument}, nil
}

// dropLocked ends the worker, if there is one.
func (p *pool) dropLocked() {
	if p.process != nil {
		p.process.Close()
		p.process, p.codec = nil, nil
	}
}

// expire ends a worker that had no work.
func (p *pool) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropLocked()
}

// close ends the worker for good.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.idle != nil {
		p.idle.Stop()
	}
	p.dropLocked()
}
