//go:build linux

package standin

import (
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gatewright/gatewright/tools/image"
)

func TestLibraryDirs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"ld.so.conf": "# ours\n/opt/first\ninclude " + dir + "/conf.d/*.conf\n/opt/last # a word\n",
		"conf.d/b":   "/opt/never\n", "conf.d/b.conf": "/opt/b\n", "conf.d/a.conf": "\n/opt/a\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := libraryDirs(filepath.Join(dir, "ld.so.conf"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/opt/first", "/opt/a", "/opt/b", "/opt/last", "/lib64", "/usr/lib64", "/lib", "/usr/lib"}
	if !slices.Equal(want, got) {
		t.Errorf("directories %q, want %q", got, want)
	}
}

// TestLoaded finds what a shell needs, and nothing for what is no program.
func TestLoaded(t *testing.T) {
	t.Parallel()
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Skipf("there is no shell: %v", err)
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no program"), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := loaded([]image.File{{Path: "/bin/sh", From: shell}, {Path: "/text", From: text}, {Path: "/data"}})
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range files {
		found = append(found, filepath.Base(f.Path))
		if lib, err := elf.Open(f.From); err != nil {
			t.Errorf("%s: %v", f.Path, err)
		} else {
			lib.Close()
		}
	}
	needs, err := needed(shell)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range needs {
		if !slices.Contains(found, filepath.Base(name)) {
			t.Errorf("%s is missing in %v", name, found)
		}
	}
}
