package child

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sysProcAttr has the child die with its parent, and keeps the signals of a
// terminal from it: the parent decides when a child ends.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// usageOf reads what a process has taken from /proc. A process that is gone
// has taken nothing.
func usageOf(pid int) usage {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return usage{}
	}
	// proc_pid_stat(5): the second field is in parentheses and may hold
	// anything; utime, stime and rss are the 14th, the 15th and the 24th.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 22 {
		return usage{}
	}
	number := func(field int) int64 {
		n, _ := strconv.ParseInt(string(fields[field-3]), 10, 64) // the kernel writes numbers
		return n
	}
	const ticks = 100 // USER_HZ is 100 on every architecture that Go runs on
	return usage{
		resident: number(24) * int64(os.Getpagesize()),
		cpu:      time.Duration(number(14)+number(15)) * (time.Second / ticks),
	}
}

// ownUsage returns the CPU time of this process.
func ownUsage() usage {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return usage{} // cannot fail for RUSAGE_SELF
	}
	return usage{cpu: time.Duration(r.Utime.Nano() + r.Stime.Nano())}
}

// limitData bounds the data segment, which since Linux 4.7 counts all private
// writable mappings, at more bytes beyond what stands. It is the backstop
// behind the watchdog. RLIMIT_AS does not serve: the Go runtime reserves
// address space that it never uses.
func limitData(more int64) error {
	held, err := dataHeld()
	if err != nil {
		return err
	}
	limit := uint64(held + more)
	if err := unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
		return fmt.Errorf("set RLIMIT_DATA: %w", err)
	}
	// No core file: it would hold the specs.
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("set RLIMIT_CORE: %w", err)
	}
	return nil
}

// dataHeld reads the size of the data segment.
func dataHeld() (int64, error) {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(statm)
	if len(fields) < 6 {
		return 0, errors.New("/proc/self/statm is short")
	}
	pages, err := strconv.ParseInt(string(fields[5]), 10, 64)
	if err != nil {
		return 0, err
	}
	return pages * int64(os.Getpagesize()), nil
}

// backstop has the kernel end the process some time after the watchdog should
// have. RLIMIT_CPU counts whole seconds of the life of the process.
func (s *server) backstop(begun usage) {
	soft := uint64((begun.cpu+s.limits.CPU)/time.Second) + 3
	// The hard limit stays: it could not be raised again. A failure leaves
	// the watchdog and the parent.
	_ = unix.Setrlimit(unix.RLIMIT_CPU, &unix.Rlimit{Cur: soft, Max: unix.RLIM_INFINITY})
}
