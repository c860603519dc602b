package harness

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestRequired(t *testing.T) {
	t.Parallel()
	list, err := peers()
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{
		"": "", "0": "", "1": "openbao postgresql thunder", "all": "openbao postgresql thunder",
		"thunder": "thunder", "thunder, openbao": "openbao thunder",
		"thundr": "error", "kubernetes": "error", "thunder,": "error",
	} {
		found, err := required(value, list)
		var names []string
		for _, name := range slices.Sorted(maps.Keys(found)) {
			if found[name] {
				names = append(names, name)
			}
		}
		got := strings.Join(names, " ")
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("E2E_REQUIRE_REAL=%s: got %q (%v), want %q", value, got, err, want)
		}
	}
}
