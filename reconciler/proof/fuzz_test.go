package proof

import (
	"encoding/base64"
	"strings"
	"testing"
)

// FuzzReadToken: whatever an identity provider calls an access token, reading it
// neither panics nor repeats it.
func FuzzReadToken(f *testing.F) {
	enc := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for _, payload := range []string{`{"iss":"i","aud":"a","exp":1}`, `{"aud":["a","b"],"client_id":7}`, `{"exp":1e99}`, `{"aud":{}}`, `[]`, `{`, ""} {
		f.Add(enc(`{"alg":"RS256"}`) + "." + enc(payload) + ".c2ln")
	}
	f.Add("opaque")
	f.Add("..")
	f.Fuzz(func(t *testing.T, access string) {
		got, err := readToken(access)
		if err != nil {
			if len(access) > 20 && strings.Contains(err.Error(), access) {
				t.Errorf("the token is repeated: %v", err)
			}
			return
		}
		if got.Access.Reveal() != access || got.Claims == nil {
			t.Errorf("%q reads as %+v", access, got)
		}
	})
}
