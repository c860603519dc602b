package console

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Limits of the server. A look at the targets may take a minute and a try of an
// API half of one, so the time to answer is longer than both.
const (
	headerTime = 5 * time.Second
	readTime   = 30 * time.Second
	writeTime  = 3 * time.Minute
	idleTime   = 2 * time.Minute
	maxHeader  = 64 << 10
	// What is under way at the end has so long; streams that never end by
	// themselves are told to after the first of it.
	shutdownTime = 5 * time.Second
	streamTime   = time.Second
)

// Serve serves h at l until ctx ends, then lets what is under way end for some
// seconds. It closes l. certificate may be nil: then there is no TLS.
func Serve(ctx context.Context, l net.Listener, h http.Handler, certificate *Certificate, log *slog.Logger) error {
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	server := &http.Server{
		BaseContext: func(net.Listener) context.Context { return base },
		Handler:     h, ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	if certificate != nil {
		server.TLSConfig = certificate.Config()
		l = tls.NewListener(l, server.TLSConfig)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve the console: %w", err)
	case <-ctx.Done():
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	defer time.AfterFunc(streamTime, cut).Stop()
	if server.Shutdown(within) != nil {
		_ = server.Close() // what is left is cut off
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the console: %w", err)
	}
	return nil
}
