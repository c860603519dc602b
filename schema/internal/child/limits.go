// Package child runs untrusted work in a child process under caps.
//
// A [Process] is the parent's end: it starts the child, hands it one request
// at a time, and kills it when a cap is passed. [Serve] is the child's end. A
// child has an empty environment, dies with its parent, and leaves no zombie.
// The package knows nothing of what a request means.
package child

import (
	"fmt"
	"time"
)

// Limits are the caps of one request. All must be positive.
type Limits struct {
	CPU    time.Duration
	Wall   time.Duration
	Memory int64
	Output int64
}

// Cap names the limit that a request passed.
type Cap string

// The caps. CapCrash is a child that died without naming a cap.
const (
	CapCPU    Cap = "cpu"
	CapWall   Cap = "wall"
	CapMemory Cap = "memory"
	CapOutput Cap = "output"
	CapDepth  Cap = "depth"
	CapCrash  Cap = "crash"
)

// CapError says that a request was stopped by a cap. The child is gone.
type CapError struct {
	Cap    Cap
	Limits Limits
}

// Error names the cap and its value.
func (e *CapError) Error() string {
	switch e.Cap {
	case CapCPU:
		return fmt.Sprintf("it takes more than %v of CPU time", e.Limits.CPU)
	case CapWall:
		return fmt.Sprintf("it takes longer than %v", e.Limits.Wall)
	case CapMemory:
		return fmt.Sprintf("it needs more than %s of memory", size(e.Limits.Memory))
	case CapOutput:
		return fmt.Sprintf("its result is larger than %s", size(e.Limits.Output))
	case CapDepth:
		return "it is nested too deeply"
	default:
		return "the evaluator crashed on it"
	}
}

// size prints n bytes in the largest unit that keeps it short.
func size(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%d MB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%d kB", n>>10)
	default:
		return fmt.Sprintf("%d bytes", n)
	}
}
