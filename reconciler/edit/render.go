package edit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
)

var errNull = errors.New("null is no value of a spec")

// canonical is a value in the form that files are compared in: string, bool,
// json.Number, []any and map[string]any.
func canonical(value any) (any, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("the value has no form in a file: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var out any
	if err := dec.Decode(&out); err != nil {
		return nil, err
	}
	return numbered(out), nil
}

// numbered writes numbers in one way.
func numbered(value any) any {
	switch v := value.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil && f == float64(int64(f)) && f < 1<<53 && f > -(1<<53) {
			return json.Number(strconv.FormatInt(int64(f), 10))
		}
	case []any:
		for i := range v {
			v[i] = numbered(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = numbered(v[name])
		}
	}
	return value
}

// words are names that CUE takes for something else at the start of a field.
var words = []string{"for", "if", "in", "let", "true", "false", "null", "import", "package"}

// label writes the name of a field; it is quoted only where it has to be.
func (d *document) label(name string) string {
	switch {
	case d.form == formYAML:
		return yamlScalar(name)
	case d.form == formJSON:
		return jsonText(name)
	case ast.StringLabelNeedsQuoting(name), slices.Contains(words, name):
		return literal.String.Quote(name)
	}
	return name
}

// field writes a field below a mapping: a: b: value in CUE, {a: {b: value}}
// elsewhere. With many it may take several lines, indented as indent.
func (d *document) field(path []string, value any, indent string, many bool) string {
	if d.form == formCUE {
		var b strings.Builder
		for _, name := range path {
			b.WriteString(d.label(name) + ": ")
		}
		return b.String() + d.render(value, indent, many)
	}
	for i := len(path) - 1; i > 0; i-- {
		value = map[string]any{path[i]: value}
	}
	return d.label(path[0]) + ": " + d.render(value, indent, many)
}

// render writes a value.
func (d *document) render(value any, indent string, many bool) string {
	switch v := value.(type) {
	case string:
		return d.quote(v)
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = d.render(item, indent, false)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		return d.members(v, indent, many)
	default:
		return jsonText(v)
	}
}

// quote writes a string on one line.
func (d *document) quote(s string) string {
	switch d.form {
	case formCUE:
		return literal.String.Quote(s)
	case formYAML:
		return yamlScalar(s)
	default:
		return jsonText(s)
	}
}

// members writes a mapping. In JSON each member has a line where its neighbours
// have; in CUE a mapping of mappings has.
func (d *document) members(v map[string]any, indent string, many bool) string {
	if len(v) == 0 {
		return "{}"
	}
	if d.form == formCUE {
		many = many && slices.ContainsFunc(slices.Collect(maps.Values(v)), func(x any) bool { _, ok := x.(map[string]any); return ok })
	}
	inner := indent + d.unit()
	out := make([]string, 0, len(v))
	for _, name := range slices.Sorted(maps.Keys(v)) {
		out = append(out, d.field([]string{name}, v[name], inner, many))
	}
	if !many {
		return "{" + strings.Join(out, ", ") + "}"
	}
	between := ",\n" + inner
	if d.form == formCUE {
		between = "\n" + inner
	}
	return "{\n" + inner + strings.Join(out, between) + "\n" + indent + "}"
}

// jsonText writes a value as JSON, with < and & as they are.
func jsonText(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "null" // canonical values have a form
	}
	return strings.TrimSuffix(b.String(), "\n")
}
