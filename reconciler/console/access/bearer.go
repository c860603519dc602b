package access

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Bearer accepts access tokens of an issuer (RFC 6750, RFC 9068).
type Bearer struct {
	Issuer string
	// Audience is what tokens for this console name in aud.
	Audience string
	// JWKS is where the issuer's keys are; empty means that it says so itself.
	JWKS string
	// SubjectClaim is the claim that machines are known by; empty means sub.
	SubjectClaim string
	// Client reaches the issuer; nil means a plain one.
	Client *http.Client
}

// maxToken is the longest token that is looked at.
const maxToken = 16 << 10

// verifier checks access tokens.
type verifier struct {
	Bearer
	now      func() time.Time
	provider *provider
	// keys are those at JWKS; nil if the issuer is asked.
	keys oidc.KeySet
}

func newVerifier(b Bearer, now func() time.Time) *verifier {
	if b.SubjectClaim == "" {
		b.SubjectClaim = claimSubject
	}
	v := &verifier{Bearer: b, now: now, provider: newProvider(b.Issuer, b.Client, now)}
	if b.JWKS != "" {
		v.keys = oidc.NewRemoteKeySet(v.provider.context(context.Background()), b.JWKS)
	}
	return v
}

// errAway says that the issuer cannot be asked, so that nothing is known of a
// token.
var errAway = errors.New("the issuer of the tokens cannot be reached")

// verify returns the claims of a token that is good, and when it expires.
func (v *verifier) verify(ctx context.Context, raw string) (Claims, time.Time, error) {
	if len(raw) > maxToken {
		return nil, time.Time{}, errors.New("the token is too long")
	}
	if err := accessToken(raw); err != nil {
		return nil, time.Time{}, err
	}
	c := &oidc.Config{ClientID: v.Audience, SupportedSigningAlgs: algorithms, Now: v.now}
	check := oidc.NewVerifier(v.Issuer, v.keys, c)
	if v.keys == nil {
		p, err := v.provider.get()
		if err != nil {
			return nil, time.Time{}, errors.Join(errAway, err)
		}
		check = p.Verifier(c)
	}
	token, err := check.Verify(v.provider.context(ctx), raw)
	if err != nil {
		if strings.Contains(err.Error(), "fetching keys") { // go-oidc 3.21 has no error of its own for it
			err = errors.Join(errAway, err)
		}
		return nil, time.Time{}, err
	}
	claims := Claims{}
	return claims, token.Expiry, token.Claims(&claims)
}

// accessToken refuses what is no JWT access token, such as an ID token of the
// same issuer (RFC 9068 §4).
func accessToken(raw string) error {
	head, _, _ := strings.Cut(raw, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return errors.New("the token is no JWT")
	}
	var header struct {
		Type string `json:"typ"`
	}
	if err := json.Unmarshal(text, &header); err != nil {
		return errors.New("the token is no JWT")
	}
	if kind := strings.ToLower(header.Type); kind != "at+jwt" && kind != "application/at+jwt" {
		return errors.New("the token is of another type than at+jwt")
	}
	return nil
}

// bearerToken is the token that a request brings.
func bearerToken(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// machine returns whose token a request brings and until when it counts, or
// answers that it is not good.
func (a *Access) machine(w http.ResponseWriter, r *http.Request, token string) (p Principal, over context.Context, ok bool) {
	if a.limited(w, r) {
		return Principal{}, nil, false
	}
	p, expiry, err := a.checkToken(r.Context(), token)
	switch {
	case err == nil:
		over, end := context.WithDeadline(r.Context(), expiry)
		context.AfterFunc(r.Context(), end) // the request ends before it, as a rule
		return p, over, true
	case errors.Is(err, errAway):
		a.Log.Warn("the issuer of tokens cannot be reached", "issuer", a.bearer.Issuer, "reason", plainLine(err.Error()))
		w.Header().Set("Retry-After", "5")
		a.fail(w, r, message{Status: http.StatusServiceUnavailable, Title: "The issuer is away", Text: "No token can be checked until it answers."})
	default:
		a.refused(r, "bearer", err)
		a.challenge(w, "invalid_token")
		a.fail(w, r, message{
			Status: http.StatusUnauthorized, Title: "The token is not accepted",
			Text: "It has expired, or is not for this console. The log of gatewright says why.",
		})
	}
	return Principal{}, nil, false
}

// checkToken returns whose token it is, and when it expires.
func (a *Access) checkToken(ctx context.Context, token string) (Principal, time.Time, error) {
	if a.bearer == nil {
		return Principal{}, time.Time{}, errors.New("bearer tokens are not configured")
	}
	claims, expiry, err := a.bearer.verify(ctx, token)
	if err != nil {
		return Principal{}, time.Time{}, err
	}
	p, err := claims.Principal(a.bearer.SubjectClaim, a.Rules)
	return p, expiry, err
}

// challenge says how to authenticate (RFC 6750 §3).
func (a *Access) challenge(w http.ResponseWriter, code string) {
	text := `Bearer realm="gatewright"`
	if a.bearer == nil {
		text = `Session realm="gatewright"`
	}
	if code != "" {
		text += `, error="` + code + `"`
	}
	w.Header().Set("WWW-Authenticate", text)
}
