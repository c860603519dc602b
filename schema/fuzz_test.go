package schema

import (
	"context"
	"testing"

	"github.com/gatewright/gatewright/schema/internal/child"
)

// FuzzLoadCUE, FuzzLoadYAML and FuzzLoadJSON check that no text brings a load
// down, and that whatever is wrong with it has a place in it.
func FuzzLoadCUE(f *testing.F) {
	f.Add(goodSpec("a"))
	for _, s := range snippets {
		f.Add("package agents\n\n" + s + "\n")
	}
	f.Add("agents: a: environments: {")
	f.Add("@if(!x)\n\npackage agents\n\nimport \"strings\"\n\nagents: {(strings.ToLower(\"A\")): {}}\n")
	fuzzLoad(f, "fuzz.cue")
}

func FuzzLoadYAML(f *testing.F) {
	f.Add("agents:\n  a: {organization: o, project: p, kind: custom-api, environments: {dev: {endpointAuthentication: {scheme: none}}}}\n")
	f.Add("x-a: &a {b: 1}\nagents: {<<: *a, c: [1, ~, !!binary aGk=, 2026-01-01]}\n---\nagents: []\n")
	f.Add("agents:\n\ta: 1\n")
	f.Add("? {agents: 1}\n: agents\nagents: *x\n")
	fuzzLoad(f, "fuzz.yaml")
}

func FuzzLoadJSON(f *testing.F) {
	f.Add(`{"agents": {"a": {"organization": "o", "project": "p", "kind": "custom-api", "environments": {"dev": {"endpointAuthentication": {"scheme": "none"}}}}}}`)
	f.Add(`{"agents": {"a": 1e999, "a": "\ud800"}, "": null}`)
	f.Add(`[{"agents": {}}]`)
	fuzzLoad(f, "fuzz.json")
}

// fuzzLoad loads what the fuzzer makes, beside a spec that has to survive.
func fuzzLoad(f *testing.F, name string) {
	l := NewLoader(Options{Limits: small})
	f.Cleanup(func() { _ = l.Close() })
	l.pool.inline = inline(&worker{})
	f.Fuzz(func(t *testing.T, text string) {
		r, err := l.Load(context.Background(), treeOf(map[string]string{name: text, "other/good.cue": goodSpec("good")}))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range r.Diagnostics {
			if d.Position.File == "" || d.Position.Line < 1 || d.Position.Column < 1 || d.Code == "" {
				t.Errorf("no place: %+v", d)
			}
		}
	})
}

// inline answers as a worker does, in this process. A worker that a text brings
// down is one of the caps, and the caps have tests of their own.
func inline(w *worker) func(request) (reply, error) {
	return func(req request) (rep reply, err error) {
		defer func() {
			if recover() != nil {
				rep, err = reply{}, &child.CapError{Cap: child.CapCrash}
			}
		}()
		if rep, err = w.answer(req); err == nil {
			err = rep.unpack()
		}
		return rep, err
	}
}
