package edit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue/parser"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/gatewright/gatewright/reconciler/edit"
	"github.com/gatewright/gatewright/reconciler/fault"
)

// parses reports whether a text of a form is one.
func parses(file string, text []byte) error {
	switch file {
	case "a.cue":
		_, err := parser.ParseFile(file, text)
		return err
	case "a.json":
		var v any
		return json.Unmarshal(text, &v)
	default:
		var n yaml.Node
		return yaml.Unmarshal(text, &n)
	}
}

var forms = []string{"a.cue", "a.json", "a.yaml"}

func FuzzApply(f *testing.F) {
	for _, text := range []string{nested, strings.ReplaceAll(nested, "\n", "\r\n"), ofYAML, ofJSON, "agents: booking: {}", "agents: {booking: {kind: *a}}", "agents: booking: kind: \"\"\"\n\t\\(1)\n\t\"\"\""} {
		for form := range forms {
			f.Add([]byte(text), form, auth+"scheme", "oauth2", false)
			f.Add([]byte(text), form, "kind", "x", true)
			f.Add([]byte(text), form, auth+"clients.partner-x", "{}", true)
			f.Add([]byte(text), form, "labels.a", "\x00\n: #'\"", false)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, form int, path, value string, gone bool) {
		file := forms[((form%3)+3)%3]
		e := edit.Edit{Path: strings.Split(path, "."), Value: value, Remove: gone}
		got, err := edit.Apply(text, file, "booking", []edit.Edit{e})
		if err != nil {
			var said *fault.Error
			if !errors.As(err, &said) || said.Hint == "" {
				t.Fatalf("%v is no fault with a hint", err)
			}
			return
		}
		if err := parses(file, got); err != nil && parses(file, text) == nil {
			t.Fatalf("%q became %q, which does not parse: %v", text, got, err)
		}
		again, err := edit.Apply(got, file, "booking", []edit.Edit{e})
		if err != nil || !bytes.Equal(got, again) {
			t.Fatalf("%q became %q and then %q: %v", text, got, again, err)
		}
	})
}

// world draws a spec as a value.
func world(rt *rapid.T) map[string]any {
	names := rapid.SampledFrom([]string{"a", "b", "mobile-app", "x1", "if", "true"})
	scalar := rapid.OneOf(rapid.Just(any("text")), rapid.Just(any("with \"quotes\" # and: more")), rapid.Just(any(true)), rapid.Just(any(7)), rapid.Just(any([]any{"k", "l"})))
	var mapping func(depth int) map[string]any
	mapping = func(depth int) map[string]any {
		out := map[string]any{}
		for _, n := range rapid.SliceOfNDistinct(names, 1, 4, rapid.ID).Draw(rt, "names") {
			if depth > 0 && rapid.Bool().Draw(rt, "deeper") {
				out[n] = mapping(depth - 1)
			} else {
				out[n] = scalar.Draw(rt, "value")
			}
		}
		return out
	}
	return mapping(3)
}

// written writes a spec in one of the ways that people do.
func written(rt *rapid.T, file string, spec map[string]any) string {
	var b strings.Builder
	var write func(v map[string]any, indent string)
	label := func(n string) string {
		if file == "a.yaml" && n != "true" || file == "a.cue" && rapid.Bool().Draw(rt, "plain") && n != "mobile-app" && n != "if" && n != "true" {
			return n
		}
		return fmt.Sprintf("%q", n)
	}
	value := func(v any) string {
		raw, _ := json.Marshal(v)
		return string(raw)
	}
	line := func() bool { return file != "a.yaml" && rapid.IntRange(0, 2).Draw(rt, "one line") == 0 }
	var oneLine func(v map[string]any) string
	oneLine = func(v map[string]any) string {
		var out []string
		for _, n := range slices.Sorted(maps.Keys(v)) {
			if m, ok := v[n].(map[string]any); ok {
				out = append(out, label(n)+": "+oneLine(m))
			} else {
				out = append(out, label(n)+": "+value(v[n]))
			}
		}
		return "{" + strings.Join(out, ", ") + "}"
	}
	write = func(v map[string]any, indent string) {
		keys := slices.Sorted(maps.Keys(v))
		for i, n := range keys {
			if file != "a.json" && rapid.IntRange(0, 4).Draw(rt, "comment") == 0 {
				b.WriteString(indent + map[string]string{"a.cue": "// ", "a.yaml": "# "}[file] + "about " + n + "\n")
			}
			comma := ""
			if file == "a.json" && i+1 < len(keys) {
				comma = ","
			}
			b.WriteString(indent + label(n) + ":")
			m, ok := v[n].(map[string]any)
			switch {
			case !ok:
				b.WriteString(" " + value(v[n]) + comma + "\n")
			case line() || file == "a.yaml" && rapid.IntRange(0, 3).Draw(rt, "flow") == 0:
				b.WriteString(" " + oneLine(m) + comma + "\n")
			case file == "a.yaml":
				b.WriteString("\n")
				write(m, indent+"  ")
			default:
				b.WriteString(" {\n")
				write(m, indent+"\t")
				b.WriteString(indent + "}" + comma + "\n")
			}
		}
	}
	switch file {
	case "a.json":
		b.WriteString("{\"agents\": {\"booking\": {\n")
		write(spec, "\t")
		b.WriteString("}}}\n")
	case "a.yaml":
		b.WriteString("agents:\n  booking:\n")
		write(spec, "    ")
	default:
		b.WriteString("package agents\n\nagents: booking: {\n")
		write(spec, "\t")
		b.WriteString("}\n")
	}
	return b.String()
}

// paths lists the paths of the fields of a spec that are no mappings.
func paths(spec map[string]any, before []string) [][]string {
	var out [][]string
	for _, n := range slices.Sorted(maps.Keys(spec)) {
		path := append(slices.Clone(before), n)
		if m, ok := spec[n].(map[string]any); ok {
			out = append(out, paths(m, path)...)
		} else {
			out = append(out, path)
		}
	}
	return out
}

// TestThereAndBack: a value that is set and set back, or a field that is added
// and removed again, leaves the same bytes; and no line changes but the one.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	for _, file := range forms {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				spec := world(rt)
				text := written(rt, file, spec)
				all := paths(spec, nil)
				path := rapid.SampledFrom(all).Draw(rt, "path")
				old := at(spec, path)
				edits := [2]edit.Edit{{Path: path, Value: "another"}, {Path: path, Value: old}}
				if rapid.Bool().Draw(rt, "add") {
					path = append(slices.Clone(path[:len(path)-1]), "new")
					edits = [2]edit.Edit{{Path: path, Value: rapid.SampledFrom([]any{"v", true, 1, []string{"a"}}).Draw(rt, "value")}, {Path: path, Remove: true}}
				}
				there, err := edit.Apply([]byte(text), file, "booking", edits[:1])
				if err != nil {
					rt.Fatalf("%v\n%s", err, text)
				}
				if n := differing(text, string(there)); n > 2 {
					rt.Fatalf("%d lines differ (-before +after):\n%s", n, cmp.Diff(text, string(there)))
				}
				back, err := edit.Apply(there, file, "booking", edits[1:])
				if err != nil {
					rt.Fatalf("back: %v\n%s", err, there)
				}
				if plainly(string(back)) != plainly(text) {
					rt.Fatalf("there and back (-before +after):\n%s", cmp.Diff(text, string(back)))
				}
			})
		})
	}
}

// plainly writes the values of the test in one way.
func plainly(s string) string {
	for _, form := range []string{`["k", "l"]`, `["k","l"]`, `[k, l]`, `text`, `"text"`, `"with \"quotes\" # and: more"`} {
		s = strings.ReplaceAll(s, form, "[")
	}
	return strings.ReplaceAll(s, `"["`, "[")
}

// at is the value at a path.
func at(spec map[string]any, path []string) any {
	var v any = spec
	for _, n := range path {
		v = v.(map[string]any)[n]
	}
	return v
}

// differing counts the lines that are in one text and not in the other.
func differing(a, b string) int {
	count := map[string]int{}
	for line := range strings.Lines(a) {
		count[strings.TrimRight(line, ",\n")]++
	}
	for line := range strings.Lines(b) {
		count[strings.TrimRight(line, ",\n")]--
	}
	n := 0
	for _, c := range count {
		n += max(c, -c)
	}
	return n
}

// TestRemoveAll: with its fields gone one by one, nothing of an agent is left but
// its name.
func TestRemoveAll(t *testing.T) {
	t.Parallel()
	for _, file := range forms {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				spec := world(rt)
				text := written(rt, file, spec)
				var edits []edit.Edit
				for _, p := range rapid.Permutation(paths(spec, nil)).Draw(rt, "order") {
					edits = append(edits, edit.Edit{Path: p, Remove: true})
				}
				got, err := edit.Apply([]byte(text), file, "booking", edits)
				if err != nil {
					rt.Fatalf("%v\n%s", err, text)
				}
				if left := strings.Map(func(r rune) rune {
					if strings.ContainsRune(" \n\t\"", r) {
						return -1
					}
					return r
				}, string(got)); !slices.Contains([]string{"packageagentsagents:booking:{}", "{agents:{booking:{}}}", "agents:booking:{}"}, left) {
					rt.Fatalf("of\n%s\nis left\n%s", text, got)
				}
			})
		})
	}
}
