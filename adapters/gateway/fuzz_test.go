package gateway

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// FuzzAnswer: whatever answers, the error has a class, fits on a line, and
// repeats no body but the message of a Status.
func FuzzAnswer(f *testing.F) {
	f.Add(409, `{"kind":"Status","message":"a\nb","details":{"causes":[{"reason":"FieldManagerConflict","field":".x"}]}}`, "7")
	f.Add(429, `{"kind":"Status","details":{"retryAfterSeconds":-4}}`, "-1")
	f.Add(502, "<html>secret-canary</html>", "")
	f.Add(200, `{"kind":"Status","message":7}`, "x")
	f.Fuzz(func(t *testing.T, status int, body, retryAfter string) {
		resp := &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {retryAfter}}}
		e := answerOf(resp, []byte(body))
		for _, write := range []bool{false, true} {
			got := classify(e, access{verb: "get"}, write)
			if got.Class == "" || got.RetryAfter < 0 {
				t.Fatalf("%d %q: %+v", status, body, got)
			}
			if write && got.Class == fault.Transient && status >= 500 && !e.Status {
				t.Errorf("%d %q: nobody knows what became of the write", status, body)
			}
			if text := got.Error(); strings.Contains(text, "\n") || len(text) > 2000 && e.Status {
				t.Errorf("%d %q: not one line: %q", status, body, text)
			}
			if !e.Status && len(body) > 30 && strings.Contains(got.Error()+got.Hint, body) {
				t.Errorf("the body is repeated: %v", got)
			}
		}
	})
}

// FuzzObjects: an object in which anything may stand is read without a panic,
// and its lists of policies are found only where lists stand.
func FuzzObjects(f *testing.F) {
	for _, s := range []string{
		`{"metadata":{"name":"a","managedFields":[{"manager":"m","fieldsV1":{"f:spec":{"f:x":{}}}}]},"spec":{"traitEnvironmentConfigs":{"i":{"policies":[]}}}}`,
		`{"spec":{"traitEnvironmentConfigs":{"i":{"policies":null}}},"status":{"conditions":[{"type":"Ready"}]}}`,
		`{"spec":7}`, `[]`, `{"spec":{"traits":[{"instanceName":1}]}}`, "null", "",
	} {
		f.Add([]byte(s))
	}
	target := testTarget(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var rb releaseBinding
		if decode(raw, &rb) == nil {
			facts := facts{binding: &rb}
			if list, ok := facts.environmentList("i"); ok {
				target.authentication(list)
			}
		}
		var c component
		_ = decode(raw, &c)
		if fields, ok := descend(raw, "f:spec", "f:x"); ok && fields == nil && json.Valid(raw) && !strings.Contains(string(raw), "null") {
			t.Errorf("%q: fields without an object", raw)
		}
		if !utf8.ValidString(oneLine(string(raw))) && utf8.Valid(raw) {
			t.Errorf("%q is cut in the midst of a character", raw)
		}
	})
}
