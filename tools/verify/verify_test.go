package verify_test

import (
	"bytes"
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/tools/verify"
)

// checkout makes a repository of files; a name that ends in ! is executable.
func checkout(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		mode := os.FileMode(0o644)
		if rest, ok := strings.CutSuffix(name, "!"); ok {
			name, mode = rest, 0o755
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("git init: %v\n%s", err, out)
	}
	return dir
}

func check(t *testing.T, dir, name string) string {
	t.Helper()
	r, err := verify.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range verify.Checks() {
		if c.Name == name {
			var out bytes.Buffer
			ok, err := verify.Run(t.Context(), &out, r, []verify.Check{c})
			if err != nil {
				t.Fatal(err)
			}
			if ok != strings.Contains(out.String(), "verify: 1 of 1 checks hold") {
				t.Errorf("ok is %v for:\n%s", ok, &out)
			}
			return out.String()
		}
	}
	t.Fatalf("there is no check %s", name)
	return ""
}

const (
	tasks = `version: "3"
tasks:
`
	every = tasks + `  build: {desc: x}
  test: {desc: x}
  race: {desc: x}
  fuzz: {desc: x}
  bench: {desc: x}
  e2e: {desc: x}
  lint: {desc: x}
  generate: {desc: x}
  verify: {desc: x}
  playground: {desc: x}
`
	work   = "go 1.26.4\n\nuse ./schema\nuse ./reconciler\n"
	prefix = "module github.com/gatewright/gatewright/"
	of     = "\n\ngo 1.26.4\n"
)

// TestChecks: each check passes what is right, and names what is not.
func TestChecks(t *testing.T) {
	t.Parallel()
	base := map[string]string{
		"go.work": work, "schema/go.mod": prefix + "schema" + of, "schema/a.go": "package schema\n",
		"reconciler/go.mod":    prefix + "reconciler" + of + "\nrequire github.com/gatewright/gatewright/schema v0.0.0\n\nreplace github.com/gatewright/gatewright/schema => ../schema\n",
		"reconciler/plan/a.go": "package plan\n\nimport _ \"github.com/gatewright/gatewright/schema\"\n",
	}
	tests := map[string]struct {
		check string
		files map[string]string
		want  string // empty if the check holds
	}{
		"described":            {"tasks", map[string]string{"Taskfile.yml": every}, ""},
		"undescribed":          {"tasks", map[string]string{"Taskfile.yml": every + "  bare: {cmds: [x]}\n"}, "Taskfile.yml:13: the task bare has no desc"},
		"task as a list":       {"tasks", map[string]string{"Taskfile.yml": every + "  bare:\n    - x\n"}, "the task bare has no desc"},
		"missing task":         {"tasks", map[string]string{"Taskfile.yml": strings.Replace(every, "  lint: {desc: x}\n", "", 1)}, "there is no task lint"},
		"sound modules":        {"modules", nil, ""},
		"module left out":      {"modules", map[string]string{"e2e/go.mod": prefix + "e2e" + of}, "e2e should be in the workspace"},
		"module apart":         {"modules", map[string]string{"tools/lint/go.mod": prefix + "tools/lint" + of}, ""},
		"absolute replace":     {"modules", map[string]string{"reconciler/go.mod": prefix + "reconciler" + of + "\nrequire github.com/gatewright/gatewright/schema v0.0.0\n\nreplace github.com/gatewright/gatewright/schema => /src/schema\n"}, "no relative replace line"},
		"no replace":           {"modules", map[string]string{"reconciler/go.mod": prefix + "reconciler" + of + "\nrequire github.com/gatewright/gatewright/schema v0.0.0\n"}, "no relative replace line"},
		"foreign replace":      {"modules", map[string]string{"schema/go.mod": prefix + "schema" + of + "\nreplace example.com/x => ../x\n"}, "replaces example.com/x"},
		"another go":           {"modules", map[string]string{"schema/go.mod": prefix + "schema\n\ngo 1.25.0\n"}, "says go 1.25.0"},
		"another name":         {"modules", map[string]string{"schema/go.mod": prefix + "scheme" + of}, "stands where"},
		"workspace replace":    {"modules", map[string]string{"go.work": work + "\nreplace example.com/x => ./schema\n"}, "go.work: replaces"},
		"good links":           {"links", map[string]string{"README.md": "# Über uns, *kurz*\n[a](docs/b.md#two-1) [c](#über-uns-kurz) [x](https://example.com/y) `[no](no.md)`\n```\n[no](no.md)\n```\n", "docs/b.md": "# Two\n## Two\n[up](../README.md)\n"}, ""},
		"dead link":            {"links", map[string]string{"README.md": "[a](nope.md)\n"}, "README.md: nope.md: there is no such file"},
		"dead reference":       {"links", map[string]string{"README.md": "[a]\n\n[a]: nope.md\n"}, "there is no such file"},
		"dead heading":         {"links", map[string]string{"README.md": "# One\n[a](#two)\n"}, "there is no such heading"},
		"link out":             {"links", map[string]string{"README.md": "[a](../../etc/passwd)\n"}, "leads out"},
		"small":                {"size", map[string]string{"a": strings.Repeat("x", 500_000)}, ""},
		"large":                {"size", map[string]string{"a": strings.Repeat("x", 500_001)}, "a has 500001 bytes"},
		"good script":          {"scripts", map[string]string{"run!": "#!/usr/bin/env bash\nset -euo pipefail\n"}, ""},
		"no script":            {"scripts", map[string]string{"run": "#!/usr/bin/env bash\nset -euo pipefail\n"}, "cannot be executed"},
		"careless script":      {"scripts", map[string]string{"run!": "#!/bin/sh\necho\n"}, "does not stop at the first error"},
		"broken script":        {"scripts", map[string]string{"run!": "#!/bin/sh\nset -eu\nif\n"}, "run: 4:"},
		"formatted":            {"format", nil, ""},
		"unformatted":          {"format", map[string]string{"schema/b.go": "package  schema\n"}, "gofmt -w schema/b.go"},
		"broken Go":            {"format", map[string]string{"schema/b.go": "package\n"}, "schema/b.go"},
		"right way":            {"imports", nil, ""},
		"wrong way":            {"imports", map[string]string{"schema/b.go": "package schema\n\nimport _ \"github.com/gatewright/gatewright/reconciler/plan\"\n"}, "schema imports github.com/gatewright/gatewright/reconciler/plan: "},
		"wrong way in a test":  {"imports", map[string]string{"schema/b_test.go": "package schema\n\nimport _ \"github.com/gatewright/gatewright/reconciler/plan\"\n"}, ""},
		"Kubernetes":           {"imports", map[string]string{"reconciler/plan/b.go": "package plan\n\nimport _ \"k8s.io/client-go/rest\"\n"}, "knows no vendor and no Kubernetes"},
		"the queue":            {"imports", map[string]string{"reconciler/plan/b.go": "package plan\n\nimport _ \"k8s.io/client-go/util/workqueue\"\n"}, ""},
		"core to command":      {"imports", map[string]string{"reconciler/plan/b.go": "package plan\n\nimport _ \"github.com/gatewright/gatewright/reconciler/cmd/gatewright/view\"\n"}, "knows no vendor"},
		"builds alone":         {"standalone", nil, ""},
		"does not build alone": {"standalone", map[string]string{"reconciler/go.mod": prefix + "reconciler" + of}, "reconciler: go build"},
		"vetted":               {"vet", nil, ""},
		"vet complains":        {"vet", map[string]string{"schema/b.go": "package schema\n\nimport \"fmt\"\n\nfunc f() { fmt.Printf(\"%d\", \"x\") }\n"}, "wrong type string"},
		"up to date":           {"generated", map[string]string{"schema/g.go": "package schema\n\n//go:generate cp in.txt out.txt\n", "schema/in.txt": "1", "schema/out.txt": "1"}, ""},
		"out of date":          {"generated", map[string]string{"schema/g.go": "package schema\n\n//go:generate cp in.txt out.txt\n", "schema/in.txt": "1", "schema/out.txt": "0"}, "schema/out.txt is out of date"},
		"not added":            {"generated", map[string]string{"schema/g.go": "package schema\n\n//go:generate cp in.txt out.txt\n", "schema/in.txt": "1"}, "schema/out.txt is generated and not in the repository"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{}
			for _, some := range []map[string]string{base, tt.files} {
				maps.Copy(files, some)
			}
			got := check(t, checkout(t, files), tt.check)
			if tt.want == "" && !strings.HasPrefix(got, "ok ") || tt.want != "" && !strings.Contains(got, tt.want) {
				t.Errorf("want %q in:\n%s", tt.want, got)
			}
		})
	}
}

// TestVetAfterADependent: what go vet noted when the package was only imported
// must not pass for the result of vetting it.
func TestVetAfterADependent(t *testing.T) {
	t.Parallel()
	dir := checkout(t, map[string]string{
		"go.work": work, "schema/go.mod": prefix + "schema" + of,
		// The directory is in it, so that no earlier run has seen this text.
		"schema/a.go":          "package schema\n\nimport \"fmt\"\n\nfunc f() { fmt.Printf(\"%d\", \"" + t.TempDir() + "\") }\n",
		"reconciler/go.mod":    prefix + "reconciler" + of + "\nrequire github.com/gatewright/gatewright/schema v0.0.0\n\nreplace github.com/gatewright/gatewright/schema => ../schema\n",
		"reconciler/plan/a.go": "package plan\n\nimport _ \"github.com/gatewright/gatewright/schema\"\n",
	})
	cmd := exec.Command("go", "vet", "./...")
	cmd.Dir = filepath.Join(dir, "reconciler")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("vet of the dependent: %v\n%s", err, out)
	}
	if got := check(t, dir, "vet"); !strings.Contains(got, "wrong type string") {
		t.Errorf("the mistake was not found:\n%s", got)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	dir := checkout(t, nil)
	r, err := verify.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if ok, err := verify.Run(ctx, new(bytes.Buffer), r, verify.Checks()); ok || err == nil {
		t.Errorf("after the end: %v, %v", ok, err)
	}
}
