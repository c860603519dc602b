//go:build unix

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// audiences says for whom a token is and what the policy of an API demands, so
// that a wrong answer tells its most likely reason. It is empty without a token.
func audiences(w *world, b resource.Binding, token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	var claims struct {
		Audience any `json:"aud"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(payload, &claims)
	}
	if err != nil {
		return ": the token cannot be read: " + err.Error()
	}
	demanded, err := w.by.Demanded(w.ctx, b.Organization, b.Agent, b.Environment)
	if err != nil {
		return ": the policy cannot be read: " + err.Error()
	}
	return fmt.Sprintf(": the token is for %v, the policy demands %v", claims.Audience, demanded)
}
