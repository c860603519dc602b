//go:build unix

package main

import (
	"net"
	"net/http"
	"net/http/httptest"

	"github.com/rogpeppe/go-internal/testscript"
)

// healthz stands in for a daemon that answers with a status.
func healthz(ts *testscript.TestScript, w *world, args []string) {
	status := number(ts, args[0])
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(status) })
	srv := httptest.NewServer(mux)
	w.closers = append(w.closers, srv.Close)
	address := srv.Listener.Addr().String()
	_, port, err := net.SplitHostPort(address)
	ts.Check(err)
	ts.Setenv("HEALTH", address)
	ts.Setenv("HEALTH_PORT", port)
}
