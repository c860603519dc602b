package desktest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// key signs the tokens of a scene.
var key = []byte(strings.Repeat("k", 32))

// token answers as a token endpoint does.
func (s *Scene) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	id, secret, _ := r.BasicAuth()
	b, name, err := resource.ParseClientID(id)
	if err == nil {
		t := s.World.Look(resource.ID{Kind: resource.KindClient, Binding: b, Name: name})
		if t != nil && t.State.Client.SecretDigest == resource.NewSecret(secret).Digest(id) {
			made, _ := jwt.NewBuilder().Issuer(s.issuer).Audience([]string{t.State.Client.Audience}).Claim("client_id", id).
				Expiration(time.Now().Add(5 * time.Minute)).Build()
			signed, _ := jwt.Sign(made, jwt.WithKey(jwa.HS256(), key))
			fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":300}`, signed) //nolint:gosec // a token has no markup
			return
		}
	}
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, `{"error":"invalid_client"}`)
}

// call answers as a gateway does, and behind it as an API that repeats what it
// was asked.
func (s *Scene) call(w http.ResponseWriter, r *http.Request) {
	s.Called.Add(1)
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 4)
	if len(parts) < 3 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	parts = append(parts, "")
	if !s.admits(parts, r) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	switch parts[3] {
	case "gatewright-probe":
		w.WriteHeader(http.StatusNotFound)
	case "redirect":
		http.Redirect(w, r, s.elsewhere+"/stolen", http.StatusTemporaryRedirect)
	case "big":
		for range 3 << 10 {
			if _, err := w.Write(make([]byte, 1<<10)); err != nil {
				return
			}
		}
	case "slow":
		_, _ = io.WriteString(w, "begun")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	case "silent":
		<-r.Context().Done()
	default:
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Token", r.Header.Get("Authorization"))
		fmt.Fprintf(w, "%s %s\n", r.Method, r.URL.RequestURI()) //nolint:gosec // it is a test's, and text
		_ = r.Header.Write(w)
		_, _ = w.Write(body)
	}
}

// admits reports that a gateway lets a request through.
func (s *Scene) admits(parts []string, r *http.Request) bool {
	admitted := true
	for _, env := range []string{"development", "production"} {
		b := resource.Binding{Organization: parts[0], Project: parts[1], Agent: parts[2], Environment: env}
		t := s.World.Look(resource.ID{Kind: resource.KindEndpoint, Binding: b})
		if t == nil || t.State.Endpoint.Scheme == schema.SchemeNone {
			continue
		}
		admitted = false
		tok, err := jwt.Parse([]byte(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")), jwt.WithKey(jwa.HS256(), key))
		if err != nil {
			continue
		}
		if aud, _ := tok.Audience(); len(aud) == 1 && aud[0] == t.State.Endpoint.Audience {
			return true
		}
	}
	return admitted
}
