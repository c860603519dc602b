package console

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookAgain is how often the files of a certificate are looked at.
const lookAgain = 10 * time.Second

// Certificate is the certificate of a server, read again when its files change:
// those that renew one do not restart who uses it.
type Certificate struct {
	cert, key string
	log       *slog.Logger

	mu     sync.Mutex
	loaded *tls.Certificate
	// seen are the times of the files that were looked at last, and next when
	// that happens again.
	seen [2]time.Time
	next time.Time
}

// NewCertificate reads a certificate and its key, in PEM.
func NewCertificate(cert, key string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{cert: cert, key: key, log: log}
	c.seen = c.times()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("read the certificate of the console: %w", err)
	}
	c.loaded = &pair
	return c, nil
}

// Config is the TLS configuration of a server with c.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.get(time.Now()), nil },
	}
}

// get returns the certificate as it is now. While the files cannot be read, or
// do not belong together, the one before goes on.
func (c *Certificate) get(now time.Time) *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Before(c.next) {
		return c.loaded
	}
	c.next = now.Add(lookAgain)
	times := c.times()
	if times == c.seen {
		return c.loaded
	}
	c.seen = times
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		c.log.Error("the new certificate of the console cannot be read; the one before goes on", "error", err)
		return c.loaded
	}
	c.loaded = &pair
	c.log.Info("the certificate of the console was replaced")
	return c.loaded
}

// times are when the files were changed.
func (c *Certificate) times() [2]time.Time {
	var out [2]time.Time
	for i, name := range []string{c.cert, c.key} {
		if info, err := os.Stat(name); err == nil {
			out[i] = info.ModTime()
		}
	}
	return out
}
