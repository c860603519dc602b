//go:build !linux

package child

import (
	"syscall"
	"time"
)

// sysProcAttr keeps the signals of a terminal from the child. The end of its
// stdin tells the child that its parent is gone.
func sysProcAttr() *syscall.SysProcAttr { return nil }

// usageOf does not know what another process has taken: the child watches
// itself, and the parent watches the clock.
func usageOf(int) usage { return usage{} }

// processStart stands in for CPU time, which it is never less than.
var processStart = time.Now()

// ownUsage returns the time since the process started.
func ownUsage() usage { return usage{cpu: time.Since(processStart)} }

// limitData has no backstop here beside the watchdog.
func limitData(int64) error { return nil }

// backstop has nothing to set here.
func (s *server) backstop(usage) {}
