//go:build unix

package inventory_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestSilence: the server ends transactions of ours that are silent, unless the
// URL says when.
func TestSilence(t *testing.T) {
	t.Parallel()
	dsn := freshPostgres(t)
	for more, want := range map[string]string{
		"": "10s",
		"&idle_in_transaction_session_timeout=3000":                "3s",
		"&options=-c%20idle_in_transaction_session_timeout%3D4000": "4s",
	} {
		if got, err := open(t, dsn+more).Setting(t.Context(), "idle_in_transaction_session_timeout"); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", more, got, err, want)
		}
	}
}

// TestSilentServer: a start does not hang for ever whose server falls silent
// while it has the lock of the migrations.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	dsn := freshPostgres(t)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	behind := q.Get("host")
	if !strings.HasPrefix(behind, "/") {
		t.Skip("the server that GATEWRIGHT_POSTGRES_DSN names has no socket to stand before")
	}
	dir, freeze := before(t, filepath.Join(behind, ".s.PGSQL.5432"))
	q.Set("host", dir)
	u.RawQuery = q.Encode()
	s := open(t, u.String())
	held, unlock, err := s.HoldMigrations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	freeze()
	select {
	case <-held.Done():
		if cause := context.Cause(held); !strings.Contains(cause.Error(), "the lock of the migrations was lost") {
			t.Errorf("cause = %v", cause)
		}
	case <-time.After(40 * time.Second):
		t.Fatal("nothing was noticed of a silent server")
	}
	unlock()
}

// before stands before a server's socket until freeze, and passes on nothing
// after it.
func before(t *testing.T, socket string) (dir string, freeze func()) {
	t.Helper()
	dir = t.TempDir()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	frozen := make(chan struct{})
	pass := func(to io.Writer, from io.Reader) {
		for buf := make([]byte, 4096); ; {
			n, err := from.Read(buf)
			select {
			case <-frozen:
				return
			default:
			}
			if err != nil {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			var d net.Dialer
			up, err := d.DialContext(context.WithoutCancel(t.Context()), "unix", socket)
			if err != nil {
				_ = c.Close()
				continue
			}
			t.Cleanup(func() { _, _ = c.Close(), up.Close() })
			go pass(up, c)
			go pass(c, up)
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		conns.Wait()
	})
	return dir, sync.OnceFunc(func() { close(frozen) })
}
