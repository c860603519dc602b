package schema

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// spec draws one declaration of an agent, right or wrong.
func spec(t *rapid.T) string {
	var b strings.Builder
	if rapid.IntRange(0, 9).Draw(t, "whole") > 0 {
		fmt.Fprintf(&b, "organization: %q, project: \"p\", kind: %q\n", rapid.SampledFrom([]string{"o", "o", "O"}).Draw(t, "org"),
			rapid.SampledFrom([]string{"custom-api", "custom-api", "chat"}).Draw(t, "kind"))
	}
	if rapid.Bool().Draw(t, "label") {
		fmt.Fprintf(&b, "labels: team: %q\n", rapid.SampledFrom([]string{"a", "b", "_"}).Draw(t, "team"))
	}
	for range rapid.IntRange(0, 2).Draw(t, "environments") {
		fmt.Fprintf(&b, "environments: %q: endpointAuthentication: %s\n", rapid.SampledFrom([]string{"dev", "prod"}).Draw(t, "env"),
			rapid.SampledFrom([]string{`{scheme: "none"}`, `{scheme: "apiKey"}`, `{scheme: "oauth2", issuers: ["K"]}`, `{scheme: "oauth2"}`, `{issuers: ["K"]}`}).Draw(t, "auth"))
	}
	return b.String()
}

// snippets are files that agents depend on, or that make them depend on each
// other.
var snippets = []string{
	`agents: [string]: labels: tier: "1"`,
	`agents: [string]: environments: [string]: endpointAuthentication: scheme: "none" | "apiKey"`,
	`agents: [=~"^a"]: environments: prod: endpointAuthentication: scheme: "oauth2"`,
	`_base: {organization: "o", project: "p", kind: "custom-api"}`,
	`for n, a in agents if a.labels.team == "b" {seen: (n): true}`,
	`agents: {for n in ["a0", "g1"] {(n): {organization: "o", project: "p", kind: "custom-api", environments: dev: endpointAuthentication: scheme: "none"}}}`,
	`agents: b0: labels: like: agents.a0.labels.team`,
	`agents: a1: labels: shared: "x"`,
	`agents: {a2: labels: q: "1", b1: a2}`,
	`wrong: 1 & 2`,
	`agents: [string]: labels: {`,
	`let x = "b"
agents: c0: labels: team: x`,
}

// tree draws the files of a tree.
func tree(t *rapid.T) map[string]string {
	files := map[string]string{}
	dirs := []string{"", "d/", "d/e/", "f/"}
	for range rapid.IntRange(1, 8).Draw(t, "files") {
		dir := rapid.SampledFrom(dirs).Draw(t, "dir")
		name := rapid.StringMatching(`[a-c][0-3]`).Draw(t, "agent")
		switch rapid.IntRange(0, 5).Draw(t, "sort") {
		case 0:
			files[dir+"y"+name+".yaml"] = fmt.Sprintf("agents:\n  %s: {organization: o, project: p, kind: custom-api, environments: {dev: {endpointAuthentication: {scheme: %s}}}}\n",
				name, rapid.SampledFrom([]string{"none", "nil", "[", "apiKey"}).Draw(t, "scheme"))
		case 1:
			n := rapid.IntRange(0, len(snippets)-1).Draw(t, "snippet")
			files[fmt.Sprintf("%ss%d.cue", dir, n)] = "package agents\n\n" + snippets[n] + "\n"
		case 2:
			files[dir+"n"+name+".cue"] = fmt.Sprintf("agents: %s: {%s}\n", name, spec(t))
		default:
			files[fmt.Sprintf("%sc%s-%d.cue", dir, name, rapid.IntRange(0, 1).Draw(t, "part"))] = fmt.Sprintf("package agents\n\nagents: %s: {%s}\n", name, spec(t))
		}
	}
	return files
}

// loaders are shared by the cases of a property: starting a worker costs more
// than a load.
func loaders(t *testing.T) (batched, whole *Loader) {
	batched, whole = NewLoader(Options{}), NewLoader(Options{wholeDirectories: true})
	t.Cleanup(func() {
		_ = batched.Close()
		_ = whole.Close()
	})
	return batched, whole
}

// TestBatchesChangeNothing is the proof that a directory may be divided: what
// the batches say together is what the directory says at once.
func TestBatchesChangeNothing(t *testing.T) {
	t.Parallel()
	batched, whole := loaders(t)
	rapid.Check(t, func(rt *rapid.T) {
		files := tree(rt)
		got, err := batched.Load(context.Background(), treeOf(files))
		if err != nil {
			rt.Fatal(err)
		}
		want, err := whole.Load(context.Background(), treeOf(files))
		if err != nil {
			rt.Fatal(err)
		}
		got.Evaluations, want.Evaluations = 0, 0
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("batched (-whole +batched):\n%s\nfiles: %q", diff, files)
		}
	})
}

// TestLoadKeepsItsPromises checks what holds for every tree: diagnostics have
// places, the order of the entries is of no matter, and what comes out is valid
// and in order.
func TestLoadKeepsItsPromises(t *testing.T) {
	t.Parallel()
	one, _ := loaders(t)
	rapid.Check(t, func(rt *rapid.T) {
		files := tree(rt)
		entries := treeOf(files)
		first, err := one.Load(context.Background(), entries)
		if err != nil {
			rt.Fatal(err)
		}
		for _, d := range first.Diagnostics {
			if _, ok := files[d.Position.File]; !ok || d.Position.Line < 1 || d.Code == "" || d.Message == "" {
				rt.Fatalf("no place: %+v\nfiles: %q", d, files)
			}
		}
		if first.Whole == first.Diagnostics.HasErrors() {
			rt.Fatalf("whole is %v with\n%s", first.Whole, render(first.Diagnostics))
		}
		for _, a := range first.Agents {
			if a.Organization != "o" || len(a.Environments) == 0 || a.At("").IsZero() {
				rt.Fatalf("invalid agent %+v", a)
			}
		}
		if !slices.IsSortedFunc(first.Agents, func(a, b Agent) int { return strings.Compare(a.Identity(), b.Identity()) }) {
			rt.Fatal("the agents are not sorted")
		}
		shuffled := slices.Clone(entries)
		rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		second, err := one.Load(context.Background(), shuffled)
		if err != nil {
			rt.Fatal(err)
		}
		first.Evaluations, second.Evaluations = 0, 0
		if diff := cmp.Diff(first, second); diff != "" {
			rt.Fatalf("another order (-first +second):\n%s", diff)
		}
	})
}
