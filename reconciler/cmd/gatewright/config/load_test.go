package config

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "rewrite the expected output of testdata/ and README.md")

// TestLoad runs the cases of testdata/. A case has the files of a directory,
// "environ" and "args" with a variable or an argument a line, and "want" with
// the diagnostics, the error, and the settings that "show" asks for.
func TestLoad(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) < 10 {
		t.Fatalf("found %d cases, %v", len(cases), err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			ar, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := runCase(t, ar)
			for i, f := range ar.Files {
				if f.Name != "want" {
					continue
				}
				if *update {
					ar.Files[i].Data = []byte(got)
					if err := os.WriteFile(path, txtar.Format(ar), 0o644); err != nil {
						t.Fatal(err)
					}
				} else if got != string(f.Data) {
					t.Errorf("got:\n%s\nwant:\n%s", got, f.Data)
				}
				return
			}
			t.Error("the case has no want")
		})
	}
}

// runCase loads the configuration of a case and prints what came of it.
func runCase(t *testing.T, ar *txtar.Archive) string {
	t.Helper()
	dir := t.TempDir()
	var args, show []string
	environ := []string{}
	for _, f := range ar.Files {
		lines := strings.FieldsFunc(string(f.Data), func(r rune) bool { return r == '\n' })
		switch f.Name {
		case "want":
		case "environ":
			environ = lines
		case "args":
			args = lines
		case "show":
			show = lines
		default:
			mode := os.FileMode(0o600)
			if strings.HasPrefix(filepath.Base(f.Name), "open-") {
				mode = 0o644
			}
			path := filepath.Join(dir, f.Name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, f.Data, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	var flags Flags
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	flags.Register(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	cfg, diags, err := Load(&flags, Options{Dir: dir, SystemDir: filepath.Join(dir, "etc"), Environ: environ})
	var b strings.Builder
	for _, d := range diags {
		fmt.Fprintln(&b, d)
	}
	if err != nil {
		fmt.Fprintln(&b, "error:", err)
	}
	if err == nil && !diags.HasErrors() {
		for _, key := range show {
			fmt.Fprintf(&b, "%s = %s\n", key, lookup(t, cfg, key))
		}
	}
	return strings.ReplaceAll(b.String(), dir, "DIR")
}
