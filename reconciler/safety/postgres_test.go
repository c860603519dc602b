//go:build unix

package safety_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/inventory/postgrestest"
)

// postgres is a schema of a server behind a wire that sees each commit before
// it is carried out and after it, before its answer has come.
type postgres struct {
	dsn string
	wire
}

func (p *postgres) fresh(t *testing.T) {
	t.Helper()
	if p.dsn == "" {
		p.dsn = postgrestest.Fresh(t)
		p.listen(t, p.dsn)
		return
	}
	// Tables that are made anew cost more than all else of a point.
	conn, err := pgx.Connect(t.Context(), p.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if _, err := conn.Exec(t.Context(), emptyTables); err != nil {
		t.Fatal(err)
	}
}

// emptyTables empties all tables of the schema but those of the migrations.
const emptyTables = `DO $$ DECLARE t text; BEGIN
	SELECT string_agg(quote_ident(tablename), ', ') INTO t FROM pg_tables
		WHERE schemaname = current_schema() AND tablename NOT LIKE '%migration%';
	EXECUTE 'TRUNCATE ' || t || ' RESTART IDENTITY';
END $$`

func (p *postgres) open(ctx context.Context, l *life) (*inventory.Store, error) {
	p.live(l)
	return inventory.Open(ctx, p.through, inventory.Options{})
}

// wire is between a process and its server.
type wire struct {
	server  net.Addr
	through string
	mu      sync.Mutex
	life    *life
}

// listen opens the wire to the server that dsn names.
func (w *wire) listen(t *testing.T, dsn string) {
	t.Helper()
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	network, address := pgNetwork(c)
	w.server = addr{network, address}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	w.through = (&url.URL{
		Scheme: "postgres", User: url.UserPassword(c.User, c.Password), Host: l.Addr().String(), Path: "/" + c.Database,
		RawQuery: url.Values{"sslmode": {"disable"}, "search_path": {c.RuntimeParams["search_path"]}}.Encode(),
	}).String()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go w.carry(conn)
		}
	}()
}

// addr is a net.Addr.
type addr struct{ network, address string }

func (a addr) Network() string { return a.network }
func (a addr) String() string  { return a.address }

func pgNetwork(c *pgx.ConnConfig) (network, address string) {
	if c.Host != "" && c.Host[0] == '/' {
		return "unix", fmt.Sprintf("%s/.s.PGSQL.%d", c.Host, c.Port)
	}
	return "tcp", net.JoinHostPort(c.Host, fmt.Sprint(c.Port))
}

// live says whose connections come from now on.
func (w *wire) live(l *life) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.life = l
}

// carry carries one connection until one end or the process has ended.
func (w *wire) carry(client net.Conn) {
	defer client.Close()
	w.mu.Lock()
	l := w.life
	w.mu.Unlock()
	server, err := net.Dial(w.server.Network(), w.server.String())
	if err != nil {
		return
	}
	defer server.Close()
	ended := make(chan struct{}, 2)
	go func() {
		defer func() { ended <- struct{}{} }()
		if first, err := message(client, 0); err == nil {
			if _, err := server.Write(first); err == nil {
				relay(server, client, l, "before a commit", func(m []byte) bool { return m[0] == 'Q' && bytes.EqualFold(m[5:len(m)-1], []byte("commit")) })
			}
		}
	}()
	go func() {
		defer func() { ended <- struct{}{} }()
		relay(client, server, l, "after a commit", func(m []byte) bool { return m[0] == 'C' && bytes.HasPrefix(m[5:], []byte("COMMIT\x00")) })
	}()
	select {
	case <-ended:
	case <-l.dead:
	}
}

// relay passes messages on. One that is told is a point of a life, and is not
// passed on where that ends.
func relay(to io.Writer, from io.Reader, l *life, point string, told func([]byte) bool) {
	for {
		m, err := message(from, 1)
		if err != nil || told(m) && !l.at(point) {
			return
		}
		if _, err := to.Write(m); err != nil {
			return
		}
	}
}

// message reads one message of the protocol: a type of so many bytes, a length
// that counts itself, and the rest.
func message(r io.Reader, kind int) ([]byte, error) {
	head := make([]byte, kind+4)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint32(head[kind:])) - 4
	if n < 0 || n > 1<<26 {
		return nil, io.ErrUnexpectedEOF
	}
	out := slices.Concat(head, make([]byte, n))
	_, err := io.ReadFull(r, out[kind+4:])
	return out, err
}
