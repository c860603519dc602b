package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"

	"github.com/gatewright/gatewright/schema"
)

const (
	// prefix begins the names of our variables; two underscores stand between
	// the parts of a setting, as in GATEWRIGHT_SOURCE__BRANCH.
	prefix    = "GATEWRIGHT_"
	separator = "__"
	// fileVariable names the configuration file.
	fileVariable = prefix + "CONFIG"
)

// environment reads the settings that variables make. A variable that means
// nothing is a warning: others may use the prefix.
func environment(environ []string, known map[string]any) ([]setting, schema.Diagnostics) {
	var out []setting
	var diags schema.Diagnostics
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(entry, "=")
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok || name == fileVariable || ofOthers(rest) {
			continue
		}
		origin := schema.Position{File: "$" + name}
		path, near := resolve(strings.Split(rest, separator), known)
		if path == nil {
			diags = append(diags, schema.Diagnostic{
				Position: origin, Message: "the variable names no setting", Code: "unknown-variable",
				Severity: schema.SeverityWarning, Hint: near,
			})
			continue
		}
		s, d := typed(path, value, origin)
		diags = append(diags, d...)
		if len(d) == 0 {
			out = append(out, s)
		}
	}
	return out, diags
}

// ofOthers reports a variable that Kubernetes sets in a pod beside a Service
// called gatewright, that go-task or a test uses.
func ofOthers(rest string) bool {
	return rest == "PORT" || strings.HasPrefix(rest, "PORT_") || strings.HasPrefix(rest, "SERVICE_") ||
		strings.HasPrefix(rest, "TEST_") || rest == "POSTGRES_DSN"
}

// resolve finds the setting that the parts of a variable's name mean, or says
// what is near. Names are compared without case and underscores; a name of the
// user's own is one of the file, or the part with hyphens for underscores.
func resolve(parts []string, known map[string]any) (path []string, near string) {
	n := schemaRoot()
	for i, part := range parts {
		if n.secret {
			return secretMember(path, parts[i:])
		}
		var name string
		if n.isMap() {
			name = memberName(part, known)
		} else {
			name = match(part, n.names())
		}
		if name == "" {
			return nil, variableHint(parts[:i], part, n)
		}
		path, n = append(path, name), n.field(name)
		known, _ = known[name].(map[string]any)
	}
	if n.isStruct() && !n.secret {
		return nil, variableHint(parts, "", n)
	}
	return path, ""
}

// secretMember is the path of a part of a secret that is named.
func secretMember(path, rest []string) ([]string, string) {
	members := []string{"file", "env", "url"}
	if len(rest) == 1 {
		if name := match(rest[0], members); name != "" {
			return append(path, name), ""
		}
	}
	return nil, "a secret is {file: PATH} or {env: NAME}"
}

// match finds the name that a part of a variable's name means.
func match(part string, names []string) string {
	for _, name := range names {
		if fold(name) == fold(part) {
			return name
		}
	}
	return ""
}

// memberName is the name of the user's own that a part means.
func memberName(part string, known map[string]any) string {
	for name := range known {
		if strings.EqualFold(strings.ReplaceAll(name, "-", "_"), part) {
			return name
		}
	}
	return strings.ReplaceAll(strings.ToLower(part), "_", "-")
}

// fold makes CLIENT_ID and clientID alike.
func fold(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }

// variableHint says what could have followed parts.
func variableHint(parts []string, part string, n *node) string {
	if part != "" {
		if name := nearest(fold(part), n.names(), fold); name != "" {
			return "did you mean " + prefix + strings.Join(append(slices.Clone(parts), variable(name)), separator) + "?"
		}
	}
	names := make([]string, len(n.fields))
	for i, f := range n.fields {
		names[i] = variable(f.name)
	}
	return prefix + strings.Join(append(slices.Clone(parts), "…"), separator) + ", with one of " + strings.Join(names, ", ") +
		"; unset it, or give it another name, if it is not meant for gatewright"
}

// variable is how a part of a setting is written in a variable's name.
func variable(name string) string {
	if name == "*" {
		return "NAME"
	}
	return strings.ToUpper(name)
}

// typed makes a setting of a text. A wrong number or truth value is left as
// text, which the schema refuses with a better message.
func typed(path []string, text string, origin schema.Position) (setting, schema.Diagnostics) {
	s := setting{path: path, value: text, origin: origin}
	n := schemaRoot().at(path)
	if n == nil || n.secret {
		return s, nil
	}
	switch n.kind {
	case cue.BoolKind:
		if b, err := strconv.ParseBool(text); err == nil {
			s.value = b
		}
	case cue.IntKind, cue.IntKind | cue.StringKind:
		if _, err := strconv.ParseInt(text, 10, 64); err == nil {
			s.value = json.Number(text)
		}
	case cue.StringKind:
	case cue.ListKind:
		// The only lists are those of texts.
		members := []any{}
		for one := range strings.SplitSeq(text, ",") {
			if one = strings.TrimSpace(one); one != "" {
				members = append(members, one)
			}
		}
		s.value = members
	default:
		return s, schema.Diagnostics{{
			Position: origin, Path: strings.Join(path, "."), Code: "wrong-type", Severity: schema.SeverityError,
			Message: fmt.Sprintf("%s cannot be set as one text", strings.Join(path, ".")), Hint: "set its fields",
		}}
	}
	return s, nil
}
