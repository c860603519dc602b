package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCopyInputs: the smallest are kept, what is there stays, and there are no
// more than asked for.
func TestCopyInputs(t *testing.T) {
	t.Parallel()
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "fuzz", "FuzzX")
	for name, size := range map[string]int{"large": largest + 1, "c": 3, "a": 3, "b": 1, "d": 9} {
		if err := os.WriteFile(filepath.Join(from, name), []byte(strings.Repeat("x", size)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for most, want := range [][]string{nil, {"b"}, {"a", "b"}, {"a", "b", "c"}, {"a", "b", "c", "d"}, {"a", "b", "c", "d"}} {
		if err := copyInputs(from, to, most); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(to)
		if err != nil && most > 0 {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, e.Name())
		}
		if !slices.Equal(got, want) {
			t.Errorf("of %d: kept are %v, want %v", most, got, want)
		}
	}
	if err := copyInputs(filepath.Join(from, "absent"), to, 9); err != nil {
		t.Error(err)
	}
}
