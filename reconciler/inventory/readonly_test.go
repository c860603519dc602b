package inventory_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/inventory"
)

func TestReadOnly(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		if dsn == "sqlite::memory:" {
			t.Skip("a database in memory is nobody else's to read")
		}
		writer := open(t, dsn)
		b := full(binding("acme", "travel", "a", "production"))
		if err := writer.SaveBindings(t.Context(), []inventory.Binding{b}); err != nil {
			t.Fatal(err)
		}
		reader, err := inventory.Open(t.Context(), dsn, inventory.Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		if _, ok, err := reader.Binding(t.Context(), b.Binding); !ok || err != nil {
			t.Errorf("Binding = %t, %v", ok, err)
		}
		_, err = reader.BeginRun(t.Context(), inventory.Run{})
		checkFault(t, err, fault.Stalled, "ReadOnly", "")
		_, err = reader.AcquireLease(t.Context(), "production", "x", time.Minute)
		checkFault(t, err, fault.Stalled, "ReadOnly", "")
	})
}

// TestReadOnlyDirectory needs a user whom permissions stop.
func TestReadOnlyDirectory(t *testing.T) {
	t.Parallel()
	path := made(t)
	dir := filepath.Dir(path)
	out := asNobody(t, dir, "TestHelperOpen", path)
	for _, want := range []string{
		"write: inventory: open sqlite:" + path + ": ", "[DatabaseReadOnly]", "read: 26 bindings",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("output lacks %q:\n%s", want, out)
		}
	}
}

// asNobody makes dir and what is in it readable alone, and runs a test of this
// binary as a user without rights.
func asNobody(t *testing.T, dir, test, path string) string {
	t.Helper()
	cmd := exec.Command(copyOfTest(t), "-test.run", "^"+test+"$", "-test.v")
	cmd.Env = append(os.Environ(), "GATEWRIGHT_TEST_PATH="+path)
	cmd.Dir = "/"
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	for p := dir; p != "/" && p != os.TempDir(); p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o555); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(p, 0o755) })
	}
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// copyOfTest is this binary where everybody may run it.
func copyOfTest(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "gwtest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	data, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "inventory.test")
	if err := os.WriteFile(out, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestHelperOpen is run by TestReadOnlyDirectory in a process of its own.
func TestHelperOpen(t *testing.T) {
	path := os.Getenv("GATEWRIGHT_TEST_PATH")
	if path == "" {
		t.Skip("it is a part of TestReadOnlyDirectory")
	}
	var f *fault.Error
	if _, err := inventory.Open(t.Context(), "sqlite://"+path, inventory.Options{}); !errors.As(err, &f) {
		t.Fatalf("Open of a read-only file = %v", err)
	}
	t.Logf("write: %v [%s] hint: %s", f, f.Reason, f.Hint)
	s, err := inventory.Open(t.Context(), "sqlite://"+path, inventory.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, err := s.Bindings(t.Context(), inventory.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("read: %d bindings", len(all))
}
