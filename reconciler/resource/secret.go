package resource

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
)

// Redacted is what every rendering of a secret shows.
const Redacted = "***"

// Secret is a client secret or a password. Every way of printing or encoding
// it shows *** instead; Reveal is the only way out, so that a reader can find
// each place where a secret leaves memory.
type Secret struct{ value string }

// NewSecret wraps a secret value.
func NewSecret(value string) Secret { return Secret{value} }

// GenerateSecret returns a fresh secret of 256 random bits in base64url
// without padding (43 characters of [A-Za-z0-9_-]).
func GenerateSecret() Secret {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return Secret{base64.RawURLEncoding.EncodeToString(b[:])}
}

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether s holds nothing.
func (s Secret) IsZero() bool { return s.value == "" }

// Digest names the secret of a client without telling it: a SHA-256 over the
// client id and the secret, in hexadecimal. It is kept beside the application
// and the credential so that a difference shows. The secrets we generate have
// 256 random bits, so the digest cannot be searched backwards; never compute
// it for publication over a secret that somebody chose.
func (s Secret) Digest(clientID string) string {
	if s.value == "" {
		return ""
	}
	h := sha256.New()
	_, _ = io.WriteString(h, "gatewright credential\x00"+clientID+"\x00"+s.value)
	return hex.EncodeToString(h.Sum(nil))
}

// String implements fmt.Stringer.
func (Secret) String() string { return Redacted }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return Redacted }

// Format implements fmt.Formatter, so that no verb prints the value.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// MarshalText implements encoding.TextMarshaler.
func (Secret) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalJSON implements json.Marshaler.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(Redacted) }
