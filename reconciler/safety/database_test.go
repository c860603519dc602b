//go:build unix

package safety_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"modernc.org/sqlite"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/inventory/postgrestest"
)

// full asks for every crash point on both databases in place of a sample.
var full = flag.Bool("full", false, "every crash point on both databases")

func TestMain(m *testing.M) {
	sqlite.RegisterConnectionHook(commits)
	code := m.Run()
	postgrestest.Stop()
	os.Exit(code)
}

// database is where a process keeps its inventory.
type database interface {
	// fresh readies an empty database.
	fresh(t *testing.T)
	// open opens it for a life, whose points its commits are.
	open(ctx context.Context, l *life) (*inventory.Store, error)
}

// sqliteFile is a file, a new one each time.
type sqliteFile struct{ path string }

// lives has the life that each file is open for.
var lives sync.Map

// commits makes points of the commits of a connection. One that is refused is
// rolled back, as it is when its process ends before it.
func commits(conn sqlite.ExecQuerierContext, dsn string) error {
	path, _, _ := strings.Cut(strings.TrimPrefix(dsn, "file://"), "?")
	l, ok := lives.Load(path)
	if !ok || !strings.Contains(dsn, "mode=rw&") {
		return nil
	}
	conn.(sqlite.HookRegisterer).RegisterCommitHook(func() int32 {
		if l.(*life).at("before a commit") {
			return 0
		}
		return 1
	})
	return nil
}

func (f *sqliteFile) fresh(t *testing.T) {
	t.Helper()
	f.path = filepath.Join(t.TempDir(), "gatewright.db")
}

func (f *sqliteFile) open(ctx context.Context, l *life) (*inventory.Store, error) {
	lives.Store(f.path, l)
	return inventory.Open(ctx, "sqlite://"+f.path, inventory.Options{})
}
