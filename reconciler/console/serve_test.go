package console

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certify writes a certificate with a name, and its key.
func certify(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func nameOf(t *testing.T, c *tls.Certificate) string {
	t.Helper()
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf.Subject.CommonName
}

// TestCertificate: one that was renewed is used without a restart, and one that
// is broken never.
func TestCertificate(t *testing.T) {
	t.Parallel()
	dir, log := t.TempDir(), &bytes.Buffer{}
	cert, key := certify(t, dir, "first")
	c, err := NewCertificate(cert, key, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	at := func(later time.Duration) string { return nameOf(t, c.get(now.Add(later))) }
	if got := at(0); got != "first" {
		t.Errorf("at first: %s", got)
	}
	changed := now
	touch := func() {
		// File systems keep times of their own precision.
		changed = changed.Add(time.Minute)
		for _, f := range []string{cert, key} {
			if err := os.Chtimes(f, changed, changed); err != nil {
				t.Fatal(err)
			}
		}
	}
	certify(t, dir, "second")
	touch()
	if got := at(lookAgain / 2); got != "first" {
		t.Errorf("the files were looked at for each connection: %s", got)
	}
	if got := at(lookAgain); got != "second" {
		t.Errorf("renewed: %s", got)
	}
	if err := os.WriteFile(cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	touch()
	if got := at(2 * lookAgain); got != "second" || !strings.Contains(log.String(), "cannot be read") {
		t.Errorf("broken: %s\n%s", got, log)
	}
	certify(t, dir, "third")
	touch()
	if got := at(3 * lookAgain); got != "third" {
		t.Errorf("mended: %s", got)
	}
	if _, err := NewCertificate(cert, cert, nil); err == nil {
		t.Error("a certificate without a key is accepted")
	}
}

// TestServe: what is under way ends before Serve returns, by TLS and without.
func TestServe(t *testing.T) {
	t.Parallel()
	cert, key := certify(t, t.TempDir(), "console")
	certificate, err := NewCertificate(cert, key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Certificate{nil, certificate} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		begun := make(chan struct{})
		h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(begun)
			<-ctx.Done()
			_, _ = io.WriteString(w, "whole")
		})
		served := make(chan error, 1)
		go func() { served <- Serve(ctx, l, h, c, slog.New(slog.DiscardHandler)) }()
		scheme, transport := "http", &http.Transport{}
		if c != nil {
			pool := x509.NewCertPool()
			text, err := os.ReadFile(cert)
			if err != nil {
				t.Fatal(err)
			}
			pool.AppendCertsFromPEM(text)
			scheme, transport = "https", &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
		}
		go func() {
			<-begun
			stop()
		}()
		resp, err := (&http.Client{Transport: transport}).Get(scheme + "://" + l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		if string(text) != "whole" || err != nil {
			t.Errorf("%s: %q, %v", scheme, text, err)
		}
		resp.Body.Close()
		transport.CloseIdleConnections()
		if err := <-served; err != nil {
			t.Errorf("%s: Serve = %v", scheme, err)
		}
		if c != nil && resp.ProtoMajor != 2 {
			t.Errorf("by %s", resp.Proto)
		}
	}
}

// TestServeFails: an error of the listener is not silence.
func TestServeFails(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := Serve(t.Context(), l, http.NotFoundHandler(), nil, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("no error")
	}
}
