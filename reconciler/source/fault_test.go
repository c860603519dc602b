package source_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/source"
)

func TestOpenRefusesWrongConfiguration(t *testing.T) {
	t.Parallel()
	dir := newRepo(t).dir
	notKey := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(notKey, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	secret := resource.NewSecret("hunter2")
	tests := map[string]source.Config{
		"no repository":           {},
		"branch and tag":          {Repository: dir, Branch: "a", Tag: "b"},
		"bad branch name":         {Repository: dir, Branch: "a..b"},
		"branch out of refs":      {Repository: dir, Branch: "../../HEAD"},
		"absolute path":           {Repository: dir, Path: "/specs"},
		"path that leaves":        {Repository: dir, Path: "specs/../../x"},
		"path with backslash":     {Repository: dir, Path: `specs\x`},
		"negative poll":           {Repository: dir, Poll: -1},
		"unknown scheme":          {Repository: "ftp://example.com/x"},
		"no host":                 {Repository: "https:///x"},
		"no path":                 {Repository: "https://example.com/"},
		"token in the query":      {Repository: "https://example.com/x?private_token=hunter2"},
		"broken escape":           {Repository: "https://user:hunter2%zz@example.com/x"},
		"line end":                {Repository: "https://example.com/x\n"},
		"password over http":      {Repository: "http://user:hunter2@example.com/x"},
		"token over http":         {Repository: "http://example.com/x", Auth: source.Auth{Token: secret}},
		"token over ssh":          {Repository: "git@example.com:x", Auth: source.Auth{Token: secret}},
		"password for git":        {Repository: "git://example.com/x", Auth: source.Auth{Password: secret}},
		"user for git":            {Repository: "git://u:hunter2@example.com/x"},
		"ssh key for https":       {Repository: "https://example.com/x", Auth: source.Auth{SSHKeyFile: notKey}},
		"no such ssh key":         {Repository: "git@example.com:x", Auth: source.Auth{SSHKeyFile: "/nowhere"}},
		"no key in the file":      {Repository: "git@example.com:x", Auth: source.Auth{SSHKeyFile: notKey}},
		"no such known_hosts":     {Repository: "git@example.com:x", Auth: source.Auth{KnownHostsFile: "/nowhere"}},
		"no such CA file":         {Repository: "https://example.com/x", Auth: source.Auth{CAFile: "/nowhere"}},
		"no CA in the file":       {Repository: "https://example.com/x", Auth: source.Auth{CAFile: notKey}},
		"file on another machine": {Repository: "file://example.com/x"},
	}
	for name, config := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := source.Open(t.Context(), config)
			e := wantFault(t, err, fault.Stalled, "InvalidConfiguration")
			if text := e.Error() + e.Hint; strings.Contains(text, "hunter2") {
				t.Errorf("the error tells the password: %s", text)
			}
		})
	}
}

func TestOpenRefusesWhatIsNoRepository(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	below := newRepo(t)
	below.commit("one", map[string]string{"specs/a": "a"})
	pointer := t.TempDir()
	if err := os.WriteFile(filepath.Join(pointer, ".git"), []byte("gitdir: nowhere\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sha256 := filepath.Join(t.TempDir(), "sha256")
	below.git("init", "-q", "--object-format=sha256", sha256)
	future := newRepo(t)
	future.git("config", "core.repositoryformatversion", "1")
	future.git("config", "extensions.refStorage", "reftable")
	tests := map[string]struct{ path, reason string }{
		"missing":              {"/nowhere/at/all", "RepositoryNotFound"},
		"file":                 {file, "NotARepository"},
		"plain directory":      {t.TempDir(), "NotARepository"},
		"directory inside one": {below.path("specs"), "NotARepository"},
		"dangling .git file":   {pointer, "NotARepository"},
		"sha256":               {sha256, "UnsupportedFormat"},
		"reftable":             {future.dir, "UnsupportedFormat"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := source.Open(t.Context(), source.Config{Repository: tt.path})
			wantFault(t, err, fault.Stalled, tt.reason)
		})
	}
}

func TestSnapshotSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	full := newRepo(t)
	full.commit("one", map[string]string{"specs/a": "a", "spectacles/b": "b", "file": "f"})
	if err := os.Symlink("specs", full.path("link")); err != nil {
		t.Fatal(err)
	}
	full.commit("two", nil)
	full.git("branch", "production")
	full.git("tag", "v1.0.0")
	unborn := repo{t, filepath.Join(t.TempDir(), "unborn")}
	full.git("clone", "-q", full.dir, unborn.dir)
	unborn.git("symbolic-ref", "HEAD", "refs/heads/fresh")
	empty := newRepo(t)
	notCommit := newRepo(t)
	notCommit.commit("one", map[string]string{"a": "a"})
	notCommit.git("tag", "tree", "HEAD^{tree}")

	tests := map[string]struct {
		config source.Config
		class  fault.Class
		reason string
		hint   string
	}{
		"empty repository":    {source.Config{Repository: empty.dir}, fault.Waiting, "EmptyRepository", "push"},
		"empty, with branch":  {source.Config{Repository: empty.dir, Branch: "main"}, fault.Waiting, "EmptyRepository", "push"},
		"unborn branch":       {source.Config{Repository: unborn.dir}, fault.Waiting, "UnbornBranch", "main"},
		"missing branch":      {source.Config{Repository: full.dir, Branch: "prodution"}, fault.Stalled, "BranchNotFound", "production, main"},
		"missing tag":         {source.Config{Repository: full.dir, Tag: "v1"}, fault.Stalled, "TagNotFound", "v1.0.0"},
		"branch is directory": {source.Config{Repository: full.dir, Branch: "production/x"}, fault.Stalled, "BranchNotFound", "production"},
		"missing path":        {source.Config{Repository: full.dir, Path: "spec"}, fault.Stalled, "PathNotFound", "specs, spectacles"},
		"path is a file":      {source.Config{Repository: full.dir, Path: "file"}, fault.Stalled, "PathNotFound", "specs"},
		"path is a symlink":   {source.Config{Repository: full.dir, Path: "link"}, fault.Stalled, "PathNotFound", "specs"},
		"tag of a tree":       {source.Config{Repository: notCommit.dir, Tag: "tree"}, fault.Stalled, "NotACommit", "commit"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := open(t, tt.config).Snapshot(t.Context())
			if e := wantFault(t, err, tt.class, tt.reason); !strings.Contains(e.Hint, tt.hint) {
				t.Errorf("hint %q does not hold %q", e.Hint, tt.hint)
			}
		})
	}
}

func TestSnapshotNoticesDamage(t *testing.T) {
	t.Parallel()
	overwrite := func(t *testing.T, name, content string) {
		t.Helper()
		if err := os.Chmod(name, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	object := func(r repo, revision string) string {
		id := r.git("rev-parse", revision)
		return r.path(".git/objects/" + id[:2] + "/" + id[2:])
	}
	tests := map[string]struct {
		damage func(t *testing.T, r repo)
		class  fault.Class
		reason string
	}{
		"garbage commit": {func(t *testing.T, r repo) { overwrite(t, object(r, "HEAD"), "garbage") }, fault.Stalled, "CorruptRepository"},
		"empty tree":     {func(t *testing.T, r repo) { overwrite(t, object(r, "HEAD^{tree}"), "") }, fault.Stalled, "CorruptRepository"},
		"swapped blobs": {func(t *testing.T, r repo) {
			other, err := os.ReadFile(object(r, "HEAD:b"))
			if err != nil {
				t.Fatal(err)
			}
			overwrite(t, object(r, "HEAD:a"), string(other))
		}, fault.Stalled, "CorruptRepository"},
		"missing blob": {func(t *testing.T, r repo) { removeObject(t, r, r.git("rev-parse", "HEAD:a")) }, fault.Transient, "ObjectNotFound"},
		"truncated pack": {func(t *testing.T, r repo) {
			r.git("gc", "-q")
			packs, err := filepath.Glob(r.path(".git/objects/pack/*.pack"))
			if err != nil || len(packs) != 1 {
				t.Fatal(packs, err)
			}
			overwrite(t, packs[0], "PACK\x00\x00\x00\x02\x00\x00\x00\x05")
		}, fault.Stalled, "CorruptRepository"},
		"empty ref":        {func(t *testing.T, r repo) { overwrite(t, r.path(".git/refs/heads/main"), "") }, fault.Stalled, "CorruptRepository"},
		"circular HEAD":    {func(t *testing.T, r repo) { overwrite(t, r.path(".git/HEAD"), "ref: HEAD\n") }, fault.Stalled, "CorruptRepository"},
		"HEAD to anywhere": {func(t *testing.T, r repo) { overwrite(t, r.path(".git/HEAD"), "ref: ../../x\n") }, fault.Stalled, "CorruptRepository"},
		"zero ref": {func(t *testing.T, r repo) {
			overwrite(t, r.path(".git/refs/heads/main"), strings.Repeat("0", 40)+"\n")
		}, fault.Stalled, "CorruptRepository"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			r.commit("one", map[string]string{"a": "aaaa", "b": "bbbb"})
			tt.damage(t, r)
			snap, err := open(t, source.Config{Repository: r.dir}).Snapshot(t.Context())
			for _, e := range snap.Tree {
				if err == nil {
					_, err = e.Read()
				}
			}
			wantFault(t, err, tt.class, tt.reason)
		})
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("one", nil)
	s, err := source.Open(t.Context(), source.Config{Repository: r.dir})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	_, err = s.Snapshot(t.Context())
	wantFault(t, err, fault.Transient, "Canceled")
}
