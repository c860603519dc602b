// Package clientkey makes and uses the keys with which clients authenticate by
// private_key_jwt (RFC 7523 section 2.2, OpenID Connect Core section 9): ECDSA
// keys on P-256, kept as PKCS #8 in PEM.
package clientkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// AssertionType is the client_assertion_type of RFC 7523 section 2.2.
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// life is how long an assertion is good. It is used at once, and once.
const life = time.Minute

// errNoKey says that a secret is no key of ours. It quotes nothing.
var errNoKey = errors.New("it is no ECDSA private key in PKCS #8 and PEM")

// New returns a fresh secret for a client that authenticates by a method: a
// private key, or a random client_secret.
func New(method schema.AuthMethod) (resource.Secret, error) {
	if method != schema.AuthPrivateKey {
		return resource.GenerateSecret(), nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return resource.Secret{}, fmt.Errorf("generate a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return resource.Secret{}, fmt.Errorf("encode a key: %w", err)
	}
	return resource.NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))), nil
}

// parse reads a key and gives it its thumbprint (RFC 7638) as key id.
func parse(secret resource.Secret) (jwk.Key, error) {
	block, _ := pem.Decode([]byte(secret.Reveal()))
	if block == nil {
		return nil, errNoKey
	}
	raw, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errNoKey
	}
	private, ok := raw.(*ecdsa.PrivateKey)
	if !ok || private.Curve != elliptic.P256() {
		return nil, errNoKey
	}
	key, err := jwk.Import(private)
	if err != nil {
		return nil, errNoKey
	}
	if err := jwk.AssignKeyID(key, jwk.WithThumbprintHash(crypto.SHA256)); err != nil {
		return nil, errNoKey
	}
	return key, nil
}

// ID is the key id of a key.
func ID(secret resource.Secret) (string, error) {
	key, err := parse(secret)
	if err != nil {
		return "", err
	}
	id, _ := key.KeyID()
	return id, nil
}

// JWKS is the public half of a key as a JWK set (RFC 7517 section 5).
func JWKS(secret resource.Secret) (string, error) {
	key, err := parse(secret)
	if err != nil {
		return "", err
	}
	public, err := key.PublicKey()
	if err != nil {
		return "", errNoKey
	}
	for name, value := range map[string]any{jwk.AlgorithmKey: jwa.ES256(), jwk.KeyUsageKey: jwk.ForSignature} {
		if err := public.Set(name, value); err != nil {
			return "", errNoKey
		}
	}
	set := jwk.NewSet()
	if err := set.AddKey(public); err != nil {
		return "", errNoKey
	}
	out, err := json.Marshal(set)
	return string(out), err
}

// Assertion signs a client assertion for an issuer, which is the one audience
// that it names: a server may take no other (FAPI 2.0 section 5.3.2.1).
func Assertion(secret resource.Secret, clientID, issuer string, now time.Time) (string, error) {
	key, err := parse(secret)
	if err != nil {
		return "", err
	}
	token, err := jwt.NewBuilder().Issuer(clientID).Subject(clientID).Claim(jwt.AudienceKey, []string{issuer}).
		JwtID(uuid.NewString()).IssuedAt(now).NotBefore(now).Expiration(now.Add(life)).Build()
	if err != nil {
		return "", fmt.Errorf("make an assertion: %w", err)
	}
	token.Options().Enable(jwt.FlattenAudience)
	signed, err := jwt.Sign(token, jwt.WithKey(jwa.ES256(), key))
	if err != nil {
		return "", errNoKey
	}
	return string(signed), nil
}
