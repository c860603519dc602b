package gateway

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzSplit: whatever encoding/json reads as a list is taken apart into the
// same items, and nothing else is taken for one with other items.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"items":[]}`, `{"items":null}`, `{"items":[1,"a\"]",{"b":[{}]},[],null , true]}`, `{"metadata":{"continue":"x\\"},"items":[{"a":"}"}]}`,
		` {"kind":"List" , "items" : [ { } ] } `, `{"items":[{]}`, `{"items":[1}`, `[]`, `{"items":[1]}x`, `{"a":tru,"items":[]}`, "{\"\x12\":[]}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var got []json.RawMessage
		whole := true
		err := split(body, func(raw []byte) error {
			whole = whole && json.Valid(raw)
			return nil
		}, func(raw []byte) error {
			whole = whole && json.Valid(raw)
			got = append(got, bytes.Clone(raw))
			return nil
		})
		var want struct {
			Items []json.RawMessage `json:"items"`
		}
		var fields map[string]json.RawMessage
		valid := json.Unmarshal(body, &fields) == nil && fields != nil
		if json.Unmarshal(fields["items"], &want.Items) != nil && len(fields["items"]) > 0 {
			return // not a list; the API server sends none
		}
		if bytes.Count(body, []byte(`items"`)) > 1 || bytes.Contains(body, []byte(`\u`)) || bytes.Contains(body, []byte(`\i`)) {
			return // keys may come twice or be spelt in other ways
		}
		if valid != (err == nil && whole) {
			t.Fatalf("%q: valid %v, split %v whole %v", body, valid, err, whole)
		}
		if !valid {
			return
		}
		if len(got) != len(want.Items) {
			t.Fatalf("%q: want %d items, got %d", body, len(want.Items), len(got))
		}
		for i := range got {
			if !bytes.Equal(bytes.TrimSpace(got[i]), bytes.TrimSpace(want.Items[i])) {
				t.Errorf("%q: item %d: want %s, got %s", body, i, want.Items[i], got[i])
			}
		}
	})
}
