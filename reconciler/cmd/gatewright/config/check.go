package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	cueerrors "cuelang.org/go/cue/errors"
	cuejson "cuelang.org/go/encoding/json"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/schema"
)

// checker finds what the schema says against the merged settings.
type checker struct {
	origins schema.Positions
	out     schema.Diagnostics
}

// report adds an error about the setting at path.
func (c *checker) report(path []string, code, message, hint string) {
	c.add(path, schema.SeverityError, code, message, hint)
}

// warn adds a warning about the setting at path.
func (c *checker) warn(path []string, code, message, hint string) {
	c.add(path, schema.SeverityWarning, code, message, hint)
}

func (c *checker) add(path []string, severity schema.Severity, code, message, hint string) {
	key := strings.Join(path, ".")
	c.out = append(c.out, schema.Diagnostic{
		Position: c.origins.At(key), Path: key, Message: message, Code: code, Severity: severity, Hint: hint,
	})
}

// keys reports the fields of v that n does not know, and those that it must
// have. Of what is reported nothing else needs to be said, so unknown fields
// are taken out of v.
func (c *checker) keys(n *node, v map[string]any, path []string) {
	for _, name := range slices.Sorted(maps.Keys(v)) {
		at := append(slices.Clone(path), name)
		f := n.field(name)
		if f == nil {
			c.report(at, "unknown-key", fmt.Sprintf("there is no setting %q", name), keyHint(n, name, at))
			delete(v, name)
			continue
		}
		if v[name] == nil && f.isStruct() {
			// "thunder:" with nothing below it.
			v[name] = map[string]any{}
		}
		if members, ok := v[name].(map[string]any); ok && f.isStruct() {
			c.keys(f, members, at)
		}
	}
	for _, f := range n.fields {
		if _, ok := v[f.name]; !ok && f.required {
			at := append(slices.Clone(path), f.name)
			c.report(at, "missing-key", f.name+" is missing", "add "+f.name+": "+f.shape())
		}
	}
}

// shape says what n may be, for a hint.
func (n *node) shape() string {
	if n.is != "" {
		return n.is
	}
	var names []string
	for _, f := range n.fields {
		if f.required {
			names = append(names, f.name+": …")
		}
	}
	if names == nil {
		names = n.names()
	}
	return "{" + strings.Join(names, ", ") + "}"
}

// keyHint says what may have been meant by a field that does not exist.
func keyHint(n *node, name string, path []string) string {
	if near := nearest(name, n.names(), strings.ToLower); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if found := elsewhere(schemaRoot(), name, nil); len(found) > 0 && len(found) <= 3 {
		return "there is " + strings.Join(found, ", ")
	}
	where := "here"
	if len(path) > 1 {
		where = "in " + strings.Join(path[:len(path)-1], ".")
	}
	return "known " + where + " are " + strings.Join(n.names(), ", ")
}

// elsewhere are the paths of the fields called name.
func elsewhere(n *node, name string, path []string) []string {
	var out []string
	for _, f := range n.fields {
		at := append(slices.Clone(path), f.name)
		if f.name == name {
			out = append(out, strings.Join(at, "."))
		}
		out = append(out, elsewhere(f, name, at)...)
	}
	return out
}

// values checks v against the schema and returns it with its defaults.
func (c *checker) values(v map[string]any) (map[string]any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	expr, err := cuejson.Extract("configuration", text)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	ctx := cuecontext.New()
	whole := definition(ctx).Unify(ctx.BuildExpr(expr))
	if err := whole.Validate(cue.Concrete(true), cue.Final()); err != nil {
		c.wrong(v, err)
		return nil, nil //nolint:nilnil // the diagnostics say it all
	}
	if text, err = whole.MarshalJSON(); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	out := map[string]any{}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return out, nil
}

// wrong reports each setting that the schema refuses once. Keys were checked
// before, so what is left is about values.
func (c *checker) wrong(v map[string]any, err error) {
	for _, e := range cueerrors.Errors(err) {
		path := slices.Clone(e.Path())
		for i := range path {
			path[i] = strings.Trim(path[i], `"`)
		}
		path = slices.DeleteFunc(path, func(s string) bool { return s == "#Config" })
		path = leaf(path)
		if slices.ContainsFunc(c.out, func(d schema.Diagnostic) bool { return d.Path == strings.Join(path, ".") }) {
			continue
		}
		n := schemaRoot().at(path)
		if n == nil || len(path) == 0 {
			format, args := e.Msg()
			c.report(path, "invalid", strings.TrimSpace(fmt.Sprintf(format, args...)), "")
			continue
		}
		is := n.is
		if n.isMap() || n.isStruct() && is == "" {
			is = "a list of settings"
		}
		given := value(v, path)
		code := "invalid-value"
		if kindOf(given)&n.kind == 0 {
			code = "wrong-type"
		}
		c.report(path, code, fmt.Sprintf("%s is not %s", display(n, given), is), "write "+is)
	}
}

// leaf cuts path where the schema knows no fields: within a secret.
func leaf(path []string) []string {
	n := schemaRoot()
	for i, name := range path {
		next := n.field(name)
		if next == nil {
			return path[:i]
		}
		if n = next; n.secret {
			return path[:i+1]
		}
	}
	return path
}

// value is what stands at path.
func value(v any, path []string) any {
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

// kindOf is the kind of a decoded value.
func kindOf(v any) cue.Kind {
	switch v := v.(type) {
	case nil:
		return cue.NullKind
	case bool:
		return cue.BoolKind
	case string:
		return cue.StringKind
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return cue.FloatKind
		}
		return cue.IntKind
	case []any:
		return cue.ListKind
	default:
		return cue.StructKind
	}
}

// display shows a value in a message: not a secret, and not much of it.
func display(n *node, v any) string {
	if n.secret && v != nil {
		return "this value"
	}
	if _, ok := v.(map[string]any); ok {
		return "this"
	}
	b, err := json.Marshal(v)
	if err != nil || len(b) > 80 {
		return "this value"
	}
	shown := inventory.Redact(string(b))
	if address, query, ok := strings.Cut(shown, "?"); ok && query != "" && strings.Contains(address, "://") {
		return address + `?***"` // a query may be a token
	}
	return shown
}
