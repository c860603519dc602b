package openbao

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// The decoders meet whatever answers at an address. None may panic, and what is
// not surely an answer of OpenBAO's must be an error: above all, nothing but its
// own empty 404 may pass for an absent entry.

var answers = []string{
	`{"request_id":"x","data":{"data":{"client_id":"c","client_secret":"s"},"metadata":{"created_time":"2026-11-23T09:48:59.113305546Z","custom_metadata":{"managed_by":"gatewright"},"deletion_time":"","destroyed":false,"version":4}}}`,
	`{"data":{"data":null,"metadata":{"created_time":"2026-11-23T09:48:59Z","custom_metadata":null,"deletion_time":"2026-11-23T09:49:59Z","destroyed":false,"version":3}}}`,
	`{"errors":[]}`, `{"errors":["no handler for route \"kv/data/x\". route entry not found."]}`, `{"errors":null}`, `{}`, `null`, `[]`, ``, `<html>`,
	`{"data":{"keys":["a","b/"],"key_info":{"a":{"current_version":1,"custom_metadata":{"k":"v"},"versions":{"1":{"created_time":"t"}}}}}}`,
	`{"data":{"current_version":2,"created_time":"t","versions":{"1":{},"2":{"created_time":"u","destroyed":true}}}}`,
	`{"data":{"current_version":2,"created_time":"t","versions":{"x":{}}}}`,
	`{"data":{"data":{"a":1},"metadata":{"version":1e99}}}`,
}

func FuzzDecodeData(f *testing.F) {
	for _, a := range answers {
		f.Add(200, []byte(a))
		f.Add(404, []byte(a))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		r, err := decodeData(status, body)
		if err != nil {
			if strings.Contains(err.Error(), string(body)) && len(body) > 20 {
				t.Errorf("the error repeats the body: %v", err)
			}
			return
		}
		if r.live && status != 200 {
			t.Errorf("status %d with data", status)
		}
		if !r.there && !isEmpty404(status, body) {
			t.Errorf("status %d %q passes for an absent entry", status, body)
		}
		if _, ok := parseGuard(r.guard()); ok != r.there {
			t.Errorf("guard %q of an entry that is there: %v", r.guard(), r.there)
		}
		r.credential(entry{id: resource.ID{Kind: resource.KindCredential, Name: "own"}})
	})
}

func FuzzDecodeMetadata(f *testing.F) {
	for _, a := range answers {
		f.Add(200, []byte(a))
		f.Add(404, []byte(a))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if r, err := decodeMetadata(status, body); err == nil && !r.there && !isEmpty404(status, body) {
			t.Errorf("status %d %q passes for an absent entry", status, body)
		}
		if keys, _, err := decodeKeys(status, body); err == nil && status != 200 && len(keys) > 0 {
			t.Errorf("status %d with keys", status)
		}
	})
}

// isEmpty404 reports a 404 whose errors are an empty list.
func isEmpty404(status int, body []byte) bool {
	var in map[string]any
	if json.Unmarshal(body, &in) != nil {
		return false
	}
	for k, v := range in {
		if list, isList := v.([]any); strings.EqualFold(k, "errors") && isList && len(list) == 0 {
			return status == 404
		}
	}
	return false
}

func FuzzGuard(f *testing.F) {
	f.Add("4@2026-11-23T09:48:59.113305546Z#abc")
	f.Add("@#")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		g, ok := parseGuard(s)
		if !ok {
			return
		}
		r := record{there: true, version: g.version, created: g.created, custom: map[string]string{markDigest: g.digest}}
		if again, ok := parseGuard(r.guard()); !ok || again != g {
			t.Errorf("%q reads as %+v, and that prints as %q", s, g, r.guard())
		}
	})
}
