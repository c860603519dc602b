package thunder

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// oracle is decodeApplication by encoding/json.
func oracle(raw []byte) (application, error) {
	var a application
	err := json.Unmarshal(raw, &a)
	var shape *json.UnmarshalTypeError
	if errors.As(err, &shape) && strings.HasPrefix(shape.Field, "metadata") {
		a.Metadata, err = mark{}, nil
		var rest struct {
			Metadata json.RawMessage `json:"metadata"`
		}
		if json.Unmarshal(raw, &rest) != nil {
			return application{}, shape
		}
	}
	return a, err
}

// answers are texts to decode, whole and broken.
var answers = []string{
	`{"id":"i","ouId":"o","name":"n \"q\" \u00e9 \ud83d\ude00 é","clientId":"c","url":null,"a":[1,-2.5e+3,0,0.1,true,false,null,{}],
	  "inboundAuthConfig":[{"type":"other","config":{"x":1}},{"type":"oauth2","config":{"clientId":"c","grantTypes":["client_credentials"],
	  "tokenEndpointAuthMethod":"client_secret_basic","pkceRequired":false,"token":{"accessToken":{"userConfig":{"validityPeriod":3600},
	  "clientConfig":{"validityPeriod":900,"attributes":["ouId"]},"defaultAudience":"urn:a"},"idToken":{}}}}],
	  "metadata":{"managedBy":"gatewright","installation":"x","binding":"b","client":"own","secretDigest":"d","more":{"a":[1]}}}`,
	`{"id":null,"inboundAuthConfig":null,"metadata":null}`,
	`{"id":"i","metadata":"text"}`, `{"id":"i","metadata":{"managedBy":7,"client":"x"}}`, `{"id":"i","metadata":[]}`,
	`{"id":7}`, `{"inboundAuthConfig":{}}`, `{"inboundAuthConfig":[{"config":{"token":{"accessToken":{"clientConfig":{"validityPeriod":1.5}}}}}]}`,
	`{}`, `[]`, `null`, ``, ` `, `{`, `{"id"`, `{"id":`, `{"id":"x"`, `{"id":"x",}`, `{"id":"x"}}`, `{"id":"\x"}`, `{"a":01}`, `{"a":-}`,
	`{"a":1.}`, `{"a":1e}`, `{"a":tru}`, `{"a":"` + "\x01" + `"}`, `{"id":"` + "\xff" + `"}`, `{"a":[1,]}`, `{"a" 1}`, `{,}`, `{"a":"\u12"}`, `{"id":"\ud800"}`,
	`{"a":` + strings.Repeat("[", 999) + strings.Repeat("]", 999) + `}`,
}

func compare(t *testing.T, raw []byte) {
	t.Helper()
	got, err := decodeApplication(raw)
	want, wantErr := oracle(raw)
	if string(raw) == "null" {
		wantErr = errNoApplication // encoding/json calls that an empty object
	}
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%q: got error %v, encoding/json has %v", raw, err, wantErr)
	}
	if err != nil {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%q: -want +got\n%s", raw, diff)
	}
}

func TestDecodingAgreesWithEncodingJSON(t *testing.T) {
	t.Parallel()
	for _, a := range answers {
		compare(t, []byte(a))
	}
	// Damaged answers: bytes lost, doubled, exchanged. Keys that differ only in
	// case are out of it, since encoding/json takes them for the same.
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		raw := []byte(answers[r.IntN(len(answers)-1)])
		for range 1 + r.IntN(3) {
			if len(raw) < 2 {
				break
			}
			i, j := r.IntN(len(raw)), r.IntN(len(raw))
			switch r.IntN(3) {
			case 0:
				raw = append(raw[:i:i], raw[i+1:]...)
			case 1:
				raw = append(raw[:i:i], append([]byte{raw[j]}, raw[i:]...)...)
			default:
				raw[i], raw[j] = raw[j], raw[i]
			}
		}
		compare(t, raw)
	}
}

func FuzzDecode(f *testing.F) {
	for _, a := range answers {
		f.Add([]byte(a))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, err := decodeApplication(raw)
		if err == nil && !json.Valid(raw) {
			t.Fatalf("accepted %q, which is no JSON", raw)
		}
	})
}

func TestDecodingIsBounded(t *testing.T) {
	t.Parallel()
	deep := `{"a":` + strings.Repeat("[", 1<<20)
	if _, err := decodeApplication([]byte(deep)); err == nil {
		t.Error("a million brackets were accepted")
	}
}

func BenchmarkDecode(b *testing.B) {
	raw := []byte(answers[0])
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeApplication(raw); err != nil {
			b.Fatal(err)
		}
	}
}
