package schema

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// section finds the heads of the sections of a fixture.
var section = regexp.MustCompile(`(?m)^-- (.+) --\n`)

// want finds what a line of a fixture has to be answered with.
var want = regexp.MustCompile(`(?://|#) want: (.+)$`)

// fixture is a tree and what it has to say.
type fixture struct {
	files map[string]string
	// want holds file:line: code, sorted.
	want []string
	// bindings holds organization/project/name@environment, sorted; nil if the
	// fixture does not say.
	bindings []string
}

// readFixture reads a fixture: sections of files as in txtar, with the codes
// that a line has to be answered with after "// want:" or "# want:". A section
// named want holds them for files without comments, one named bindings what
// has to be left.
func readFixture(text string) fixture {
	f := fixture{files: map[string]string{}}
	heads := section.FindAllStringSubmatchIndex(text, -1)
	for i, h := range heads {
		end := len(text)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		name, body := text[h[2]:h[3]], text[h[1]:end]
		switch name {
		case "want":
			f.want = append(f.want, strings.Split(strings.TrimSpace(body), "\n")...)
			continue
		case "bindings":
			f.bindings = append([]string{}, strings.Fields(body)...)
			continue
		}
		for n, line := range strings.Split(body, "\n") {
			if m := want.FindStringSubmatch(line); m != nil {
				for code := range strings.FieldsSeq(m[1]) {
					f.want = append(f.want, fmt.Sprintf("%s:%d: %s", name, n+1, code))
				}
			}
		}
		f.files[name] = body
	}
	slices.Sort(f.want)
	return f
}

// bindingsOf lists the bindings of a result.
func bindingsOf(r Result) []string {
	out := []string{}
	for _, a := range r.Agents {
		for _, e := range a.Environments {
			out = append(out, a.Identity()+"@"+e.Name)
		}
	}
	slices.Sort(out)
	return out
}

// codesOf lists file:line: code of the diagnostics of a result.
func codesOf(r Result) []string {
	var out []string
	for _, d := range r.Diagnostics {
		out = append(out, fmt.Sprintf("%s:%d: %s", d.Position.File, d.Position.Line, d.Code))
	}
	slices.Sort(out)
	return out
}

func TestFixtures(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/load/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f := readFixture(string(text))
			r := load(t, Options{}, treeOf(f.files))
			if diff := cmp.Diff(f.want, codesOf(r)); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s\n%s", diff, render(r.Diagnostics))
			}
			if f.bindings != nil {
				slices.Sort(f.bindings)
				if diff := cmp.Diff(f.bindings, bindingsOf(r)); diff != "" {
					t.Errorf("bindings (-want +got):\n%s\n%s", diff, render(r.Diagnostics))
				}
			}
			if r.Whole && r.Diagnostics.HasErrors() {
				t.Error("a tree with errors is called whole")
			}
			if os.Getenv("SHOW") != "" {
				t.Log(render(r.Diagnostics))
			}
		})
	}
}

// render prints diagnostics as people read them.
func render(ds Diagnostics) string {
	var b strings.Builder
	for _, d := range ds {
		fmt.Fprintln(&b, d)
	}
	return b.String()
}
