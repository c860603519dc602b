//go:build unix

// Package postgrestest gives the tests of a package a PostgreSQL server that
// they share: the one that GATEWRIGHT_POSTGRES_DSN names, or a private one that
// starts with the first test that asks and ends with [Stop].
package postgrestest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// server is started once.
var server = sync.OnceValues(startPostgres)

// DSN names the server, or skips the test with the reason why there is none.
// In CI there must be one.
func DSN(t *testing.T) string {
	t.Helper()
	dsn, err := server()
	switch {
	case err == nil:
		return dsn
	case errors.Is(err, errNoPostgres) && os.Getenv("CI") != "true":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
	return ""
}

var schemas atomic.Int64

// Fresh returns the name of a new, empty schema of the test's own.
func Fresh(t *testing.T) string {
	t.Helper()
	DSN(t)
	dsn, err := Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return dsn
}

// Schema returns the name of a new, empty schema, for a program that is no
// test.
func Schema(ctx context.Context) (string, error) {
	dsn, err := server()
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("t%d_%s", schemas.Add(1), strings.ToLower(rand.Text()[:8]))
	if err := execute(ctx, dsn, "CREATE SCHEMA "+name); err != nil {
		return "", err
	}
	sep := "?"
	if strings.Contains(dsn, "?") {
		sep = "&"
	}
	return dsn + sep + "search_path=" + name, nil
}

// Disconnect ends every other connection to the database, as a server does that
// starts anew.
func Disconnect(ctx context.Context, dsn string) error {
	return execute(ctx, dsn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
}

func execute(ctx context.Context, dsn, statement string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}

// errNoPostgres says why the PostgreSQL half of the suite cannot run.
var errNoPostgres = errors.New("no PostgreSQL: install postgresql, or name a server in GATEWRIGHT_POSTGRES_DSN")

// running is the private server, if one was started.
var running struct {
	dir    string
	cmd    *exec.Cmd
	exited chan error
}

// startPostgres returns the name of the server that GATEWRIGHT_POSTGRES_DSN
// names, or starts a private one that listens on a socket in a directory of
// its own and ends with this process.
func startPostgres() (string, error) {
	if dsn := os.Getenv("GATEWRIGHT_POSTGRES_DSN"); dsn != "" {
		return dsn, nil
	}
	bin, err := postgresBin()
	if err != nil {
		return "", err
	}
	cred, err := unprivileged()
	if err != nil {
		return "", err
	}
	// A socket's path is short, so it is not below the test's directory.
	dir, err := os.MkdirTemp("/tmp", "gwpg")
	if err != nil {
		return "", err
	}
	running.dir = dir
	if cred != nil {
		if err := os.Chown(dir, int(cred.Uid), int(cred.Gid)); err != nil {
			return "", err
		}
	}
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("s3cr3t-pw\n"), 0o644); err != nil { //nolint:gosec // the server reads it as another user
		return "", err
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"), "-U", "gatewright",
		"-A", "scram-sha-256", "--pwfile", password, "--no-sync", "-E", "UTF8", "--locale=C")
	initdb.Dir, initdb.SysProcAttr = dir, &syscall.SysProcAttr{Credential: cred}
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if err := serve(bin, dir, cred); err != nil {
		return "", err
	}
	dsn := "postgres://gatewright:s3cr3t-pw@/postgres?host=" + dir
	return dsn, awaitPostgres(dsn)
}

// postgresBin finds the newest server that Debian installed.
func postgresBin() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", errNoPostgres
}

// unprivileged is whom the server runs as, since it refuses root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // no credential is needed
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoPostgres, err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// serve starts the server. The kernel ends it when the thread that started it
// ends, so that thread is kept until the server is gone.
func serve(bin, dir string, cred *syscall.Credential) error {
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(bin, "postgres"), "-D", filepath.Join(dir, "data"), "-k", dir,
		"-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=100", "-c", "shared_buffers=16MB")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred, Pdeathsig: syscall.SIGQUIT}
	running.cmd, running.exited = cmd, make(chan error, 1)
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		started <- cmd.Start()
		running.exited <- cmd.Wait()
	}()
	return <-started
}

// awaitPostgres waits until the server answers.
func awaitPostgres(dsn string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, dsn)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case err := <-running.exited:
			out, _ := os.ReadFile(filepath.Join(running.dir, "log"))
			return fmt.Errorf("postgres ended: %w\n%s", err, out)
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// Stop ends the private server, if one was started. TestMain calls it last.
func Stop() {
	if running.cmd != nil && running.cmd.Process != nil {
		_ = running.cmd.Process.Signal(syscall.SIGQUIT)
		<-running.exited //nolint:errcheck // it was told to end
	}
	if running.dir != "" {
		_ = os.RemoveAll(running.dir)
	}
}
