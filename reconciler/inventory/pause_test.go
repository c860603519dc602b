//go:build unix

package inventory_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
)

// pauseEnv makes the test binary a process that stands in the midst of what it
// names at the database that it names: "writing DSN", "migrating DSN".
const pauseEnv = "GATEWRIGHT_TEST_INVENTORY_PAUSE"

// standStill says "ready" in the midst of a transaction, and how it ended once
// it is told to go on.
func standStill(what string) {
	err := func() error {
		ctx := context.Background()
		what, dsn, _ := strings.Cut(what, " ")
		s, err := inventory.Open(ctx, dsn, inventory.Options{})
		if err != nil {
			return err
		}
		goOn := func() error {
			fmt.Println("ready")
			_, err := os.Stdin.Read(make([]byte, 1))
			return err
		}
		if what == "migrating" {
			held, unlock, err := s.HoldMigrations(ctx)
			if err != nil {
				return err
			}
			defer unlock()
			if err := goOn(); err != nil {
				return err
			}
			select {
			case <-held.Done():
				return context.Cause(held)
			case <-time.After(5 * time.Second):
				return nil
			}
		}
		lease, err := s.AcquireLease(ctx, "production", "child", time.Second)
		if err != nil {
			return err
		}
		return s.HoldLease(ctx, lease, goOn)
	}()
	if err != nil {
		fmt.Printf("%s, unreachable %v: %v\n", fault.ClassOf(err), fault.IsUnreachable(err), err)
	}
	os.Exit(0)
}

// TestPaused stops a process in the midst of a transaction, as a paused
// container or a suspended machine does: its locks keep no other replica from
// becoming the writer or from starting, and it finds out when it goes on.
func TestPaused(t *testing.T) {
	t.Parallel()
	for _, p := range []struct{ what, says string }{
		{"writing", "transient, unreachable true"},
		{"migrating", "the lock of the migrations was lost"},
	} {
		t.Run(p.what, func(t *testing.T) {
			t.Parallel()
			dsn := freshPostgres(t)
			other := open(t, dsn)
			cmd, says := pause(t, p.what+" "+dsn)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if p.what == "writing" {
				l, err := other.AcquireLease(ctx, "production", "other", time.Minute)
				if err != nil {
					t.Fatalf("the lease of a paused process: %v", err)
				}
				defer release(t, l)
			} else {
				_, unlock, err := other.HoldMigrations(ctx)
				if err != nil {
					t.Fatalf("the lock of a paused process: %v", err)
				}
				defer unlock()
			}
			if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			if got := says("\n"); !strings.Contains(got, p.says) {
				t.Errorf("the paused process says %q, want %q", got, p.says)
			}
		})
	}
}

// pause starts a process that stands still, stops it, and returns what tells it
// to go on and reads what came of it.
func pause(t *testing.T, what string) (cmd *exec.Cmd, says func(string) string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(exe)
	cmd.Env = append(os.Environ(), pauseEnv+"="+what)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewReader(stdout)
	if line, err := lines.ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the process that stands still: %q, %v\n%s", line, err, stderr.String())
	}
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	return cmd, func(word string) string {
		if _, err := stdin.Write([]byte(word)); err != nil {
			t.Fatal(err)
		}
		line, _ := lines.ReadString('\n') // the end of the process is an empty line
		return line
	}
}
