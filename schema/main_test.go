package schema

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestMain makes the test binary its own worker.
func TestMain(m *testing.M) {
	WorkerMain()
	os.Exit(m.Run())
}

// treeOf makes a tree of files by path.
func treeOf(files map[string]string) Tree {
	var t Tree
	for path, text := range files {
		data := []byte(text)
		t = append(t, Entry{
			Path: path, Mode: ModeRegular, Size: int64(len(data)), Digest: BlobDigest(data),
			Read: func() ([]byte, error) { return data, nil },
		})
	}
	slices.SortFunc(t, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return t
}

// load loads files with a loader of its own.
func load(t testing.TB, o Options, tree Tree) Result {
	t.Helper()
	l := NewLoader(o)
	defer l.Close()
	r, err := l.Load(context.Background(), tree)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return r
}
