package child

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMain makes the test binary its own child.
func TestMain(m *testing.M) {
	if os.Getenv(EnvMarker) != "" {
		if err := Serve(os.Stdin, os.Stdout, misbehave); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// sink keeps what misbehave makes from being optimised away.
var sink [][]byte

// misbehave does what a request asks.
func misbehave(request []byte) ([]byte, error) {
	switch string(request) {
	case "cpu":
		for { //nolint:staticcheck // it is to spin
		}
	case "memory":
		for {
			sink = append(sink, bytes.Repeat([]byte{1}, 1<<20))
		}
	case "jump": // in one step, past the watchdog
		sink = append(sink, bytes.Repeat([]byte{1}, 1<<30))
	case "wall":
		select {}
	case "output":
		return make([]byte, 1<<20), nil
	case "depth":
		return []byte{byte(recurse(0))}, nil
	case "crash":
		panic("a fault")
	case "exit":
		os.Exit(0)
	case "environment":
		return []byte(strings.Join(os.Environ(), "\n")), nil
	}
	return request, nil
}

// recurse never ends.
func recurse(n int) int { return recurse(n+1) + 1 } //nolint:staticcheck // it is to have no end

// testLimits are caps that a test can wait for.
var testLimits = Limits{CPU: 20 * time.Second, Wall: 20 * time.Second, Memory: 128 << 20, Output: 64 << 10}

// start starts a child of the test.
func start(t *testing.T, limits Limits) *Process {
	t.Helper()
	p, err := Start(context.Background(), []string{os.Args[0]}, limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestCaps(t *testing.T) {
	for request, want := range map[string]Cap{
		"cpu": CapCPU, "memory": CapMemory, "jump": CapMemory, "wall": CapWall, "output": CapOutput, "depth": CapDepth,
		"crash": CapCrash, "exit": CapCrash,
	} {
		t.Run(request, func(t *testing.T) {
			limits := testLimits
			switch Cap(request) {
			case CapCPU:
				limits.CPU = 300 * time.Millisecond
			case CapWall:
				limits.Wall = 300 * time.Millisecond
			}
			p := start(t, limits)
			if got, err := p.Call(context.Background(), []byte("hello")); err != nil || string(got) != "hello" {
				t.Fatalf("before: %q, %v", got, err)
			}
			_, err := p.Call(context.Background(), []byte(request))
			var capped *CapError
			if !errors.As(err, &capped) || capped.Cap != want && !raceRuntimeWins(want, capped.Cap) {
				t.Fatalf("got %v, want cap %s (stderr %.200s)", err, want, p.stderr)
			}
			if p.Alive() {
				t.Error("the child is kept")
			}
			if _, err := os.Stat("/proc/" + strconv.Itoa(p.proc.Pid)); err == nil {
				t.Error("the child is still there, or a zombie")
			}
		})
	}
}

func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]bool{
		"fatal error: runtime: out of memory: cannot allocate 4096-byte block\n":                                                                                                 true,
		"runtime/cgo: pthread_create failed\nfork/exec: cannot allocate memory\n":                                                                                                true,
		"ThreadSanitizer failed to allocate 0x1000 bytes\n":                                                                                                                      true,
		"SIGSEGV: segmentation violation\nPC=0x43261d m=4 sigcode=1 addr=0x0\n\ngoroutine 0 gp=0x1 m=4 mp=0x2 [idle]:\nruntime.(*spanQueue).tryDrain(0x1)\n":                     true,
		"panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x1]\n\ngoroutine 7 [running]:\n": false,
		"SIGSEGV: segmentation violation\nPC=0x1 m=0 sigcode=1 addr=0x7f00\n\ngoroutine 0 gp=0x1\n":                                                                              false,
		"": false,
	} {
		if got := outOfMemory(said); got != want {
			t.Errorf("%q: got %v", said, got)
		}
	}
}

// raceRuntimeWins reports whether the race detector's own runtime, which keeps
// a shadow of every stack, ran out of memory before the stack was too deep.
func raceRuntimeWins(want, got Cap) bool { return want == CapDepth && got == CapMemory }

func TestCallEndsWithItsContext(t *testing.T) {
	p := start(t, testLimits)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
	if _, err := p.Call(ctx, []byte("wall")); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

func TestEnvironmentIsEmpty(t *testing.T) {
	t.Setenv("SECRET", "hunter2")
	got, err := start(t, testLimits).Call(context.Background(), []byte("environment"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(got)) {
		if name, _, _ := strings.Cut(line, "="); !strings.HasPrefix(name, "GO") && name != EnvMarker {
			t.Errorf("the child has %s", line)
		}
	}
}

func TestStartOfWhatDoesNotServe(t *testing.T) {
	for name, argv := range map[string][]string{
		"absent": {"/nonexistent"}, "ends": {"/bin/true"}, "says something else": {"/bin/echo", "usage: echo"},
	} {
		t.Run(name, func(t *testing.T) {
			if p, err := Start(context.Background(), argv, testLimits); err == nil {
				p.Close()
				t.Error("it started")
			}
		})
	}
}

func TestFrames(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := writeFrame(&b, frameCall, []byte("abc")); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	if kind, payload, err := readFrame(bytes.NewReader(whole), 3); err != nil || kind != frameCall || string(payload) != "abc" {
		t.Errorf("got %d %q %v", kind, payload, err)
	}
	var size frameSizeError
	if _, _, err := readFrame(bytes.NewReader(whole), 2); !errors.As(err, &size) {
		t.Errorf("too long: %v", err)
	}
	for n := range whole {
		if _, _, err := readFrame(bytes.NewReader(whole[:n]), 3); err == nil {
			t.Errorf("cut after %d bytes: no error", n)
		}
	}
}
