package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// idp is an OpenID Connect provider that lets everybody in as Ann, unless a test
// says otherwise.
type idp struct {
	*httptest.Server

	key *ecdsa.PrivateKey
	now func() time.Time
	// away makes it answer nothing.
	away atomic.Bool
	// secret is that of the client; empty means a public client.
	secret string
	// change changes the claims of ID tokens, forge the whole token.
	change func(map[string]any)
	forge  func(header, claims map[string]any) string
	// info are the claims at its user info endpoint; nil means that it has none.
	info map[string]any

	mu sync.Mutex
	// codes has what each code was asked for with.
	codes map[string]url.Values
}

const clientID = "console"

func newIDP(t *testing.T, now func() time.Time) *idp {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &idp{key: key, now: now, codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.metadata)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /jwks", p.keys)
	mux.HandleFunc("GET /userinfo", func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, p.info) })
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.away.Load() {
			http.Error(w, "away", http.StatusBadGateway)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func answerJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (p *idp) metadata(w http.ResponseWriter, _ *http.Request) {
	m := map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/jwks",
		"id_token_signing_alg_values_supported": []string{"ES256", "none"}, "response_types_supported": []string{"code"},
	}
	if p.info != nil {
		m["userinfo_endpoint"] = p.URL + "/userinfo"
	}
	answerJSON(w, m)
}

// authorize lets a person in at once.
func (p *idp) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("response_type") != "code" || q.Get("client_id") != clientID || q.Get("code_challenge_method") != "S256" || q.Get("nonce") == "" {
		http.Error(w, "not an authorization request with PKCE and a nonce: "+r.URL.RawQuery, http.StatusBadRequest)
		return
	}
	code := random()
	p.mu.Lock()
	p.codes[code] = q
	p.mu.Unlock()
	back := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {p.URL}}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

// token trades a code, once.
func (p *idp) token(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	code := r.PostForm.Get("code")
	p.mu.Lock()
	asked, ok := p.codes[code]
	delete(p.codes, code)
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	_, password, _ := r.BasicAuth()
	if !ok || asked.Get("code_challenge") != b64(sum[:]) || asked.Get("redirect_uri") != r.PostForm.Get("redirect_uri") || password != p.secret {
		w.WriteHeader(http.StatusBadRequest)
		answerJSON(w, map[string]any{"error": "invalid_grant", "error_description": "code " + code})
		return
	}
	claims := map[string]any{
		"iss": p.URL, "sub": "0001", "aud": clientID, "nonce": asked.Get("nonce"), "iat": p.now().Unix(), "exp": p.now().Add(time.Minute).Unix(),
		"email": "ann@example.com", "email_verified": true, "name": "Ann", "groups": []string{"travel"},
	}
	if p.change != nil {
		p.change(claims)
	}
	header := map[string]any{"typ": "JWT"}
	var id string
	if p.forge != nil {
		id = p.forge(header, claims)
	} else {
		id = p.sign(header, claims)
	}
	answerJSON(w, map[string]any{"access_token": "opaque", "token_type": "Bearer", "expires_in": 60, "id_token": id})
}

func (p *idp) keys(w http.ResponseWriter, _ *http.Request) {
	point, err := p.key.PublicKey.Bytes() // 4 || X || Y
	if err != nil {
		panic(err)
	}
	answerJSON(w, map[string]any{"keys": []any{map[string]any{
		"kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "alg": "ES256", "x": b64(point[1:33]), "y": b64(point[33:]),
	}}})
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// sign makes a JWT with the provider's key.
func (p *idp) sign(header, claims map[string]any) string { return signWith(p.key, header, claims) }

func signWith(key *ecdsa.PrivateKey, header, claims map[string]any) string {
	h := map[string]any{"alg": "ES256", "kid": "k1"}
	maps.Copy(h, header)
	text := unsigned(h, claims)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		panic(err)
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return text + "." + b64(sig)
}

// unsigned is a JWT up to its signature.
func unsigned(header, claims map[string]any) string {
	h, err := json.Marshal(header)
	if err != nil {
		panic(err)
	}
	c, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return b64(h) + "." + b64(c)
}

// approve is where the provider sends a browser back to.
func (p *idp) approve(t *testing.T, location string) string {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(location)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	back := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusFound || back == "" {
		t.Fatalf("the provider answers %s at %s", resp.Status, location)
	}
	return back
}
