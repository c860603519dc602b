package desired

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// issuersKnown reports whether the configuration of env knows every issuer
// that e names, and reports those that it does not. A gateway accepts an
// unknown name in silence and then refuses every request, so it is caught here.
func (d *deriver) issuersKnown(a schema.Agent, e schema.Environment, env Environment) bool {
	known := true
	for i, name := range e.Authentication.Issuers {
		if _, ok := env.KeyManagers[name]; ok {
			continue
		}
		known = false
		path := fmt.Sprintf("environments.%s.endpointAuthentication.issuers.%d", e.Name, i)
		d.report(a, path, "unknown-issuer",
			fmt.Sprintf("the configuration of environment %q knows no issuer %q", e.Name, name),
			nameHint(name, env.KeyManagers))
	}
	return known
}

// trust notes that endpoints of env rely on issuers.
func (d *deriver) trust(issuers []string, env Environment, pos schema.Position) {
	for _, name := range issuers {
		id := resource.ID{Kind: resource.KindKeyManager, Binding: resource.Binding{Environment: env.Name}, Name: name}
		if _, ok := d.keyManagers[id]; ok {
			continue
		}
		km := env.KeyManagers[name]
		km.Name = name
		if km.Issuer == "" {
			km.Issuer, km.JWKSURI = env.Issuer, firstString(km.JWKSURI, env.JWKSURI)
		}
		d.keyManagers[id] = resource.Resource{ID: id, State: resource.State{KeyManager: &km}, Position: pos}
	}
}

// report adds an error about the field at path of a.
func (d *deriver) report(a schema.Agent, path, code, message, hint string) {
	full := "agents." + a.Name
	if path != "" {
		full += "." + path
	}
	d.diagnostics = append(d.diagnostics, schema.Diagnostic{
		Position: a.At(path), Path: full, Message: message, Code: code, Hint: hint, Severity: schema.SeverityError,
	})
}

// nameHint lists the names that would have been understood.
func nameHint[V any](name string, known map[string]V) string {
	names := slices.Sorted(maps.Keys(known))
	if len(names) == 0 {
		return "add it to the configuration"
	}
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return fmt.Sprintf("did you mean %q?", n)
		}
	}
	return "known are " + strings.Join(names, ", ") + "; or add it to the configuration"
}

func firstString(ss ...string) string {
	for _, s := range ss {
		if s != "" {
			return s
		}
	}
	return ""
}
