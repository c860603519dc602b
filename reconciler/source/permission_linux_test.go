package source_test

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/source"
)

// asNobody runs f on a thread whose file accesses are those of a user without
// rights, so that root sees permission denied as well.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	const nobody = 65534
	done := make(chan error, 1)
	go func() {
		// Never unlocked: the thread ends with the goroutine.
		runtime.LockOSThread()
		if err := unix.Setfsgid(nobody); err != nil {
			done <- err
			return
		}
		if err := unix.Setfsuid(nobody); err != nil {
			done <- err
			return
		}
		f()
		done <- nil
	}()
	if err := <-done; err != nil {
		t.Fatalf("become another user: %v", err)
	}
}

func TestPermissionDenied(t *testing.T) {
	t.Parallel()
	for _, name := range []string{".git/objects", ".git/objects/pack", ".git/refs/heads/main", ".git/HEAD", ".git"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			r.commit("one", map[string]string{"a": "a"})
			r.git("repack", "-q", "-a", "-d")
			mode := os.FileMode(0)
			if err := os.Chmod(r.path(name), mode); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(r.path(name), 0o755) })
			var err error
			attempt := func() {
				var s *source.Source
				if s, err = source.Open(background(), source.Config{Repository: r.dir}); err == nil {
					_, err = s.Snapshot(background())
					_ = s.Close()
				}
			}
			if os.Geteuid() == 0 {
				asNobody(t, attempt)
			} else {
				attempt()
			}
			wantFault(t, err, fault.Stalled, "PermissionDenied")
		})
	}
}
