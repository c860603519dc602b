package thunder

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// fuzzTarget is a target that is never dialled.
func fuzzTarget(tb testing.TB) *Target {
	tb.Helper()
	t, err := New(Config{BaseURL: "http://127.0.0.1:1", ClientID: "x", ClientSecret: resource.NewSecret("y"), Installation: "i"})
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// FuzzRefusal: whatever a server or something in its place answers becomes a
// run error of a class, which repeats nothing long of it.
func FuzzRefusal(f *testing.F) {
	for _, a := range answers {
		f.Add(500, a, "application/json", "7")
	}
	f.Add(400, `{"code":"APP-1020","message":{"key":"x"}}`, "application/json; charset=utf-8", "")
	f.Add(401, `{"error":"invalid_client"}`, "application/json", "-1")
	f.Add(200, "<html>", "text/html", "99999999999999999999")
	f.Fuzz(func(t *testing.T, status int, body, contentType, retryAfter string) {
		err := refusal(answer{status: status, body: []byte(body), contentType: contentType, retryAfter: retryAfter})
		e, ok := errors.AsType[*fault.Error](err)
		if !ok || e.Class == "" || e.RetryAfter < 0 {
			t.Fatalf("%d %q: %+v", status, body, err)
		}
		if len(body) > 40 && strings.Contains(err.Error(), body) {
			t.Errorf("the body is repeated: %v", err)
		}
		if strings.ContainsAny(err.Error(), "\n\x1b\x00") {
			t.Errorf("what is printed is not printable: %q", err)
		}
	})
}

// FuzzMerge: an application as it was read goes back with what is ours set and
// all else as it was, or is refused.
func FuzzMerge(f *testing.F) {
	for _, a := range answers {
		f.Add([]byte(a))
	}
	f.Add([]byte(`{"inboundAuthConfig":[{"type":"saml"},{"type":"oauth2","config":{"grantTypes":["x"]}}],"metadata":7,"contacts":["a"]}`))
	b := resource.Binding{Organization: "a", Project: "b", Agent: "c", Environment: "d"}
	id := resource.ID{Kind: resource.KindClient, Binding: b, Name: resource.ClientOwn}
	want := resource.Client{ClientID: b.ClientID(id.Name), ApplicationID: resource.ApplicationID(b.ClientID(id.Name)), Audience: "urn:x", Validity: 60}
	e := &effect{
		Target: fuzzTarget(f), step: plan.Step{ID: id, After: &resource.State{Client: &want}}, secret: resource.NewSecret("s"),
		id: id, clientID: want.ClientID, appID: want.ApplicationID,
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		out, err := e.merge(raw, want)
		if err != nil {
			return
		}
		var before, after map[string]json.RawMessage
		if json.Unmarshal(raw, &before) != nil || json.Unmarshal(out, &after) != nil {
			t.Fatalf("%q became %q", raw, out)
		}
		for name, was := range before {
			switch name {
			case "clientId", "description", "metadata", "inboundAuthConfig":
			default:
				if now, ok := after[name]; !ok || !sameJSON(was, now) {
					t.Errorf("%q: member %q was %q and is %q", raw, name, was, now)
				}
			}
		}
		if _, err := decodeApplication(raw); err != nil {
			return // it would not have been observed, and so not changed
		}
		app, err := decodeApplication(out)
		if owner, _ := e.owner(app, id); err != nil || owner != resource.OwnerUs {
			t.Errorf("%q became %q, which is not ours: %v", raw, out, err)
		}
	})
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return decodeExactly(a, &x) == nil && decodeExactly(b, &y) == nil && reflect.DeepEqual(x, y)
}

// decodeExactly keeps numbers as they are written: not each of them is a float64.
func decodeExactly(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(into)
}

// FuzzIdentify: only what has the id that follows from its mark is found.
func FuzzIdentify(f *testing.F) {
	id := resource.Binding{Organization: "a", Project: "b", Agent: "c", Environment: "d"}.ClientID("own")
	f.Add("[gatewright:i:"+id+"]", resource.ApplicationID(id))
	f.Add("text [gatewright:"+id+"] more", resource.ApplicationID(id))
	f.Add("[gatewright:", "")
	target := fuzzTarget(f)
	f.Fuzz(func(t *testing.T, description, appID string) {
		got, ok := target.identify(listed{ID: appID, Description: description})
		if ok && resource.ApplicationID(got.Binding.ClientID(got.Name)) != appID {
			t.Errorf("%q of %q is taken for %s", description, appID, got)
		}
	})
}
