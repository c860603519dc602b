package child

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
)

// memorySlack is what a process may hold beside the memory of its requests:
// its own program, the runtime's tables, garbage not yet returned.
const memorySlack = 64 << 20

// maxStack bounds the stack of one goroutine, so that a text nested without
// end is stopped by its depth and not by the memory of the machine.
const maxStack = 64 << 20

// Handler answers one request.
type Handler func(request []byte) ([]byte, error)

// Serve answers requests from in on out until in ends. It puts the limits that
// come first on in into force. It returns an error only when it could not
// serve; a request that passes a cap ends the process.
func Serve(in io.Reader, out io.Writer, handle Handler) error {
	kind, payload, err := readFrame(in, 4096)
	if err != nil || kind != frameLimits {
		return errors.Join(errors.New("serve: the first frame has to hold the limits"), err)
	}
	var limits Limits
	if err := gob.NewDecoder(bytes.NewReader(payload)).Decode(&limits); err != nil {
		return fmt.Errorf("serve: read the limits: %w", err)
	}
	s := &server{limits: limits, out: out}
	if err := s.confine(); err != nil {
		return fmt.Errorf("serve: put the limits into force: %w", err)
	}
	if err := writeFrame(out, frameReady, nil); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	for request := range s.requests(in) {
		if err := s.answer(request, handle); err != nil {
			return fmt.Errorf("serve: %w", err)
		}
	}
	return nil
}

// server is the child's end.
type server struct {
	limits Limits

	mu  sync.Mutex // guards out: the watchdog and the answer both write
	out io.Writer
}

// requests reads the requests ahead of their being answered, so that the end
// of the parent, which closes in, is seen in the middle of an endless one.
func (s *server) requests(in io.Reader) <-chan []byte {
	c := make(chan []byte)
	go func() {
		for {
			kind, payload, err := readFrame(in, maxRequest)
			if err != nil || kind != frameCall {
				os.Exit(0)
			}
			c <- payload
		}
	}()
	return c
}

// answer answers one request.
func (s *server) answer(request []byte, handle Handler) error {
	begun, done := ownUsage(), make(chan struct{})
	s.backstop(begun)
	go s.watchdog(begun, done)
	reply, err := handle(request)
	close(done)
	if err != nil {
		return err
	}
	if int64(len(reply)) > s.limits.Output {
		s.end(CapOutput)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return writeFrame(s.out, frameReply, reply)
}

// confine puts into force what holds for the life of the process.
func (s *server) confine() error {
	debug.SetMaxStack(maxStack)
	debug.SetGCPercent(200)
	// Below the cap, so that the collector works harder before it is passed.
	debug.SetMemoryLimit(s.limits.Memory / 4 * 3)
	return limitData(s.limits.Memory + 2*memorySlack)
}

// end tells the parent which cap was passed and ends the process, if need be
// without the frame: the parent sees the end as well.
func (s *server) end(c Cap) {
	s.mu.Lock() // never given back: nothing may be written after the frame
	_ = writeFrame(s.out, frameCap, []byte(c))
	os.Exit(3)
}
