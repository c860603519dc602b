package schema

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestDirTree(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, text := range map[string]string{
		"a.cue": goodSpec("a"), "d/b.yaml": "agents: {}\n", ".git/config.json": "{}", ".github/ci.yaml": "x: 1", "_x/c.cue": "y",
		"README.md": "no", "big.json": strings.Repeat(" ", 2<<20), "sub/.git": "gitdir: x", "sub/s.cue": goodSpec("s"),
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc", filepath.Join(root, "etc")); err != nil {
		t.Fatal(err)
	}
	tree, err := DirTree(root, DirOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range tree {
		got = append(got, e.Path+" "+string(e.Mode))
	}
	want := "a.cue regular,big.json regular,d/b.yaml regular,etc symlink,sub submodule"
	if s := strings.Join(got, ","); s != want {
		t.Errorf("got %s, want %s", s, want)
	}
	if _, err := tree[1].Read(); err == nil {
		t.Error("a large file is read")
	}
	if _, err := DirTree(filepath.Join(root, "none"), DirOptions{}); err == nil {
		t.Error("a directory that is not there has a tree")
	}
	git, err := exec.Command("git", "hash-object", filepath.Join(root, "a.cue")).Output()
	if err != nil {
		t.Skipf("no git to compare with: %v", err)
	}
	if tree[0].Digest != strings.TrimSpace(string(git)) {
		t.Errorf("digest %s, git says %s", tree[0].Digest, git)
	}
}
