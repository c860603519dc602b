package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// lookup is the setting of cfg at key, as JSON.
func lookup(t *testing.T, cfg Config, key string) string {
	t.Helper()
	if key == "database" {
		return cfg.Database.String()
	}
	b, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	for part := range strings.SplitSeq(key, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("there is no %s", key)
		}
		v = m[part]
	}
	if b, err = json.Marshal(v); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// loadText loads one file.
func loadText(t *testing.T, text string) (Config, schema.Diagnostics) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gatewright.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, diags, err := Load(nil, Options{Dir: dir, SystemDir: dir, Environ: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	return cfg, diags
}

const literals = `
database: postgres://u:s3cr3t@h/db
source: {repository: https://h/r.git, auth: {password: s3cr3t, token: s3cr3t}}
environments: {dev: {
  thunder: {url: "https://t", clientID: c, clientSecret: s3cr3t},
  openbao: {address: "https://b", auth: {token: s3cr3t}}}}
`

// TestNoSecretShows renders a configuration that holds secrets in every way.
func TestNoSecretShows(t *testing.T) {
	t.Parallel()
	cfg, diags := loadText(t, literals)
	if diags.HasErrors() || len(diags) != 5 {
		t.Errorf("%d diagnostics, want 5 warnings: %v", len(diags), diags)
	}
	b, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		fmt.Sprint(cfg), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg), string(b), cfg.Database.String(), fmt.Sprint(diags),
	} {
		if strings.Contains(text, "s3cr3t") {
			t.Errorf("a secret shows: %s", text)
		}
	}
	dsn, err := cfg.Database.DSN()
	if err != nil || dsn.Reveal() != "postgres://u:s3cr3t@h/db" {
		t.Errorf("DSN = %q, %v", dsn.Reveal(), err)
	}
}

func TestResolve(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	t.Setenv("GW_TEST_SECRET", "from-env\n")
	t.Setenv("GW_TEST_EMPTY", "")
	for name, tt := range map[string]struct {
		ref     SecretRef
		content string
		want    string
		wrong   string
	}{
		"file":          {SecretRef{File: path}, "from-file\r\n", "from-file", ""},
		"replaced file": {SecretRef{File: path}, "  spaces stay ", "  spaces stay ", ""},
		"empty file":    {SecretRef{File: path}, "\n", "", "is empty"},
		"binary file":   {SecretRef{File: path}, "a\x00b", "", "is not text"},
		"huge file":     {SecretRef{File: path}, strings.Repeat("x", maxSecret+1), "", "larger than any secret"},
		"missing file":  {SecretRef{File: path + "x"}, "", "", "no such file"},
		"directory":     {SecretRef{File: filepath.Dir(path)}, "", "", "is a directory"},
		"variable":      {SecretRef{Env: "GW_TEST_SECRET"}, "", "from-env", ""},
		"empty":         {SecretRef{Env: "GW_TEST_EMPTY"}, "", "", "is empty"},
		"unset":         {SecretRef{Env: "GW_TEST_UNSET"}, "", "", "is not set"},
		"literal":       {SecretRef{Value: resource.NewSecret("x")}, "", "x", ""},
		"nothing":       {SecretRef{}, "", "", ""},
	} {
		if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := tt.ref.Resolve()
		if got.Reveal() != tt.want || (err == nil) != (tt.wrong == "") {
			t.Errorf("%s: Resolve = %q, %v", name, got.Reveal(), err)
		}
		if tt.wrong == "" {
			continue
		}
		var f *fault.Error
		if !errors.As(err, &f) || f.Class != fault.Stalled || f.Hint == "" || !strings.Contains(f.Error(), tt.wrong) {
			t.Errorf("%s: error = %v, want a stalled fault that says %q", name, err, tt.wrong)
		}
	}
}

// TestOptional: without a configuration there are the defaults, if the caller
// can do with them.
func TestOptional(t *testing.T) {
	t.Parallel()
	o := Options{Dir: t.TempDir(), SystemDir: t.TempDir(), Environ: []string{}, Optional: true}
	cfg, diags, err := Load(nil, o)
	if err != nil || len(diags) != 0 || cfg.Installation != "gatewright" || cfg.File != "" || cfg.Environments == nil {
		t.Errorf("Load = %+v, %v, %v", cfg, diags, err)
	}
	if want := "sqlite:" + filepath.Join(o.Dir, "gatewright.db"); cfg.Database.String() != want {
		t.Errorf("database = %s, want %s", cfg.Database, want)
	}
	o.Optional = false
	if _, _, err := Load(nil, o); fault.ClassOf(err) != fault.Stalled || fault.HintOf(err) == "" {
		t.Errorf("Load without a configuration = %v", err)
	}
}

// FuzzLoad: no text of a file makes Load panic, or err without a position.
func FuzzLoad(f *testing.F) {
	for _, s := range []string{literals, "", "a: [", "environments: {x: 1}", "source: null", "? {a: b}\n: c", "- 1", "&a [*a, *a]", "\xff", "environments: {dev: {openbao: {auth: []}}}", "\r\r0", "\r\r0\na: [", "a: &a {<<: *a}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		doc, diags, err := parse([]byte(text), "gatewright.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if diags.HasErrors() {
			return
		}
		l := newLayers()
		if err := l.file(doc); err != nil {
			t.Fatal(err)
		}
		_, diags, err = l.decode("/gatewright.yaml", Options{Dir: "/"})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range diags {
			if d.Position.File == "" || d.Message == "" || d.Code == "" {
				t.Errorf("diagnostic without a position or a message: %+v", d)
			}
		}
	})
}
