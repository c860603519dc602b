package child

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"
)

// EnvMarker is set in the environment of every child, and is all that tells a
// binary that it was started as one.
const EnvMarker = "GATEWRIGHT_EVALUATE_WORKER"

// Process is the parent's end of a child. It is not safe for concurrent use.
type Process struct {
	limits Limits
	in     *os.File // the child's stdin
	out    *os.File // the child's stdout
	stderr *tail
	proc   *os.Process
	exited chan struct{} // closed when the child was waited for
	dead   bool
}

// Start starts a child with argv and waits until its limits are in force. An
// error is one of the machinery: argv is no program that serves.
func Start(ctx context.Context, argv []string, limits Limits) (*Process, error) {
	if os.Getenv(EnvMarker) != "" {
		return nil, errors.New("start worker: this process is a worker itself: its main function has to call schema.WorkerMain first")
	}
	p := &Process{limits: limits, stderr: &tail{}, exited: make(chan struct{})}
	if err := p.spawn(argv); err != nil {
		return nil, fmt.Errorf("start worker %s: %w", argv[0], err)
	}
	if err := p.handshake(ctx); err != nil {
		p.Close()
		return nil, fmt.Errorf("start worker %s: %w (hint: the program's main function has to call schema.WorkerMain first)", argv[0], err)
	}
	return p, nil
}

// spawn starts the process. The goroutine that starts it is bound to its
// thread and stays until the child ended, because the kernel sends the death
// signal when that thread ends and not when the process does.
func (p *Process) spawn(argv []string) error {
	childIn, in, err := os.Pipe()
	if err != nil {
		return err
	}
	out, childOut, err := os.Pipe()
	if err != nil {
		return errors.Join(err, childIn.Close(), in.Close())
	}
	p.in, p.out = in, out
	cmd := exec.Command(argv[0], argv[1:]...) //nolint:gosec // our own binary
	cmd.Stdin, cmd.Stdout, cmd.Stderr = childIn, childOut, p.stderr
	cmd.Dir = "/"
	cmd.Env = []string{EnvMarker + "=1", "GOMAXPROCS=2", "GOTRACEBACK=single"}
	cmd.SysProcAttr = sysProcAttr()
	// A grandchild that kept stderr open must not keep Wait from returning.
	cmd.WaitDelay = time.Second
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.exited)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how a child ended is told by what it said before
		}
	}()
	err = errors.Join(<-started, childIn.Close(), childOut.Close())
	if err != nil {
		return errors.Join(err, in.Close(), out.Close())
	}
	p.proc = cmd.Process
	return nil
}

// handshake hands the limits over and waits for the child to enforce them.
func (p *Process) handshake(ctx context.Context) error {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(p.limits); err != nil {
		return err
	}
	if err := writeFrame(p.in, frameLimits, b.Bytes()); err != nil {
		return p.explain(err)
	}
	stop := p.killOn(ctx, time.After(30*time.Second))
	kind, _, err := readFrame(p.out, 64)
	if cause := stop(); cause != nil {
		return cause
	}
	if err != nil {
		return p.explain(err)
	}
	if kind != frameReady {
		return fmt.Errorf("it answered with a frame of kind %d", kind)
	}
	return nil
}

// explain adds what the child said last to err.
func (p *Process) explain(err error) error {
	p.kill()
	<-p.exited
	if line := p.stderr.firstLine(); line != "" {
		return fmt.Errorf("%w: it said %q", err, line)
	}
	return err
}

// Call hands request to the child and returns its answer. When a cap is passed
// the error is a *[CapError]; when ctx ends, its cause. After any error the
// process is gone.
func (p *Process) Call(ctx context.Context, request []byte) ([]byte, error) {
	if p.dead {
		return nil, errors.New("call worker: it has ended")
	}
	guard := p.supervise(ctx)
	sent := make(chan error, 1)
	go func() { sent <- writeFrame(p.in, frameCall, request) }()
	kind, payload, err := readFrame(p.out, p.limits.Output)
	if cause := guard(); cause != nil {
		p.Close()
		<-sent //nolint:errcheck // it failed, too, or is of no use
		return nil, cause
	}
	if err == nil && kind == frameReply {
		return payload, <-sent
	}
	p.Close()
	<-sent //nolint:errcheck // it failed, too, or is of no use
	return nil, p.verdict(kind, payload, err)
}

// verdict turns the end of a child into the cap that ended it.
func (p *Process) verdict(kind byte, payload []byte, err error) error {
	var tooLong frameSizeError
	said := p.stderr.String()
	limit := CapCrash
	switch {
	case err == nil && kind == frameCap:
		limit = Cap(payload)
	case err == nil:
		return fmt.Errorf("call worker: unexpected frame of kind %d", kind)
	case errors.As(err, &tooLong):
		limit = CapOutput
	case strings.Contains(said, "stack overflow") || strings.Contains(said, "goroutine stack exceeds"):
		limit = CapDepth
	case outOfMemory(said):
		limit = CapMemory
	case strings.Contains(said, "SIGXCPU"):
		limit = CapCPU
	}
	return &CapError{Cap: limit, Limits: p.limits}
}

// outOfMemory reports whether a child that said this ended because the kernel
// gave it no more memory. Go's runtime mostly says so. Its collector, though,
// does not look at what it is given for its queues (newSpanSPMC in Go 1.26), and
// ends on its own stack with what lies at address 0.
func outOfMemory(said string) bool {
	for _, words := range []string{"out of memory", "cannot allocate memory", "failed to allocate"} {
		if strings.Contains(said, words) {
			return true
		}
	}
	return strings.HasPrefix(said, "SIGSEGV") && strings.Contains(said, "addr=0x0\n") && strings.Contains(said, "\ngoroutine 0 ")
}

// Alive reports whether the process can take another call.
func (p *Process) Alive() bool { return !p.dead }

// Resident returns the memory that the child holds, in bytes; zero where the
// system does not say.
func (p *Process) Resident() int64 { return usageOf(p.proc.Pid).resident }

// CPU returns the CPU time that the child has taken; zero where the system does
// not say.
func (p *Process) CPU() time.Duration { return usageOf(p.proc.Pid).cpu }

// Close ends the child and waits for it.
func (p *Process) Close() {
	if p.dead {
		return
	}
	p.dead = true
	p.kill()
	<-p.exited
	_ = p.in.Close()  // only the descriptors are given back; nothing is
	_ = p.out.Close() // buffered on either side of a pipe
}

// kill ends the child at once; a child that ended already is no error.
func (p *Process) kill() { _ = p.proc.Kill() }

// tail keeps the first bytes of what a child says on stderr. The first say
// which fault it was; a Go program's stack follows and is of no use here.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

// Write keeps what fits and never fails.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := 4096 - len(t.buf); room > 0 {
		t.buf = append(t.buf, b[:min(room, len(b))]...)
	}
	return len(b), nil
}

// String returns what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}

// firstLine returns the first line of what was kept.
func (t *tail) firstLine() string {
	line, _, _ := strings.Cut(strings.TrimSpace(t.String()), "\n")
	return line
}

var _ io.Writer = (*tail)(nil)
