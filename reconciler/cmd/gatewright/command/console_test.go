package command

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/config"
)

// TestDaemonWithoutConsole: a console that cannot be served does not keep the
// daemon from its work.
func TestDaemonWithoutConsole(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	taken, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var log bytes.Buffer
	a := &App{log: slog.New(slog.NewTextHandler(&log, nil))}
	end := a.serveConsole(t.Context(), &wired{cfg: &config.Config{Console: config.Console{Listen: taken.Addr().String()}}})
	end()
	if said := log.String(); !strings.Contains(said, "level=ERROR") || !strings.Contains(said, "address already in use") || !strings.Contains(said, "gatewright console link") {
		t.Errorf("the log says %q", said)
	}
}
