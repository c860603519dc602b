package openbao

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// FuzzRefusal: whatever answers, the error has a class and repeats no body, and
// only what surely had no effect counts as not sent.
func FuzzRefusal(f *testing.F) {
	for _, a := range answers {
		f.Add(400, a, "7")
	}
	f.Add(503, `{"errors":["Vault is sealed"]}`, "")
	f.Add(429, `{"errors":["request path \"kv/data/x\": rate limit quota exceeded"]}`, "Mon, 02 Jan 2006 15:04:05 GMT")
	f.Add(502, "<html>", "99999999999999999999")
	target := &Target{config: Config{Address: "http://127.0.0.1:1", Mount: "kv"}}
	f.Fuzz(func(t *testing.T, status int, body, retryAfter string) {
		err := refusal(&http.Response{StatusCode: status, Header: http.Header{"Retry-After": {retryAfter}}}, []byte(body))
		got := target.explain(place{}, err)
		if got.Class == "" || got.RetryAfter < 0 {
			t.Fatalf("%d %q: %+v", status, body, got)
		}
		if unsent(err) && status >= 500 && !err.says(saysSealed) {
			t.Errorf("%d %q: nobody knows what became of it", status, body)
		}
		if len(body) > 40 && strings.Contains(got.Error()+got.Hint, body) {
			t.Errorf("the body is repeated: %v", got)
		}
		if _, ok := errors.AsType[*fault.Error](error(got)); !ok {
			t.Errorf("no run error: %v", got)
		}
	})
}
