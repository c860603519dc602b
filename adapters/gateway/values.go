package gateway

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// Where a gateway's configuration keeps key managers.
const (
	keyValues = "values.yaml" // of the ConfigMap that an APIGateway names
	keyTOML   = "config.toml" // of the one that the chart renders

	tablePolicies = "policy_configurations"
	tableJWT      = "jwtauth_v1"
	tableManagers = "keymanagers"
)

// sectionOfJWT matches the sections of all versions of the jwt-auth policy:
// jwtauth_v1, and formerly jwtauth_v0 and jwtauth_v010.
var sectionOfJWT = regexp.MustCompile(`^jwtauth_v[0-9]+$`)

// KeyManager is an issuer that a gateway trusts, and where that is written.
type KeyManager struct {
	resource.KeyManager
	// Section is the section of the policy's configuration. Only that of
	// jwt-auth v1 counts.
	Section string
	// Local reports that the keys are given in place of a JWKS URI.
	Local bool
	// Ours reports that this installation has written it.
	Ours bool

	entry map[string]any
	// inTOML reports that it stands in TOML text.
	inTOML bool
}

// Supported reports whether policies of jwt-auth v1 can name k.
func (k KeyManager) Supported() bool { return k.Section == tableJWT }

// parseValues finds the key managers in the values of the gateway's chart.
// They stand at gateway.config.policy_configurations or as TOML text in
// gateway.config_toml; since older charts had other places, any value of that
// name and any text that holds it counts.
func parseValues(text string) ([]KeyManager, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return nil, fmt.Errorf("%s is no YAML: %w", keyValues, err)
	}
	var out []KeyManager
	err := walk(&doc, func(n *yaml.Node, isTOML bool) error {
		var tables map[string]any
		if isTOML {
			found, err := tomlTables(n.Value)
			if err != nil {
				return err
			}
			tables = found
		} else if err := n.Decode(&tables); err != nil {
			return fmt.Errorf("%s: %w", tablePolicies, err)
		}
		out = append(out, managersOf(tables, isTOML)...)
		return nil
	})
	return out, err
}

// parseTOML finds the key managers in the gateway's own configuration file.
func parseTOML(text string) ([]KeyManager, error) {
	tables, err := tomlTables(text)
	return managersOf(tables, true), err
}

// tomlTables returns the policies' tables of a TOML text.
func tomlTables(text string) (map[string]any, error) {
	var file map[string]any
	if err := toml.Unmarshal([]byte(text), &file); err != nil {
		return nil, fmt.Errorf("the text that holds %s is no TOML: %w", tablePolicies, err)
	}
	tables, _ := file[tablePolicies].(map[string]any)
	return tables, nil
}

// holdsTOML reports that a text is the part of config.toml that counts here.
func holdsTOML(s string) bool {
	return strings.Contains(s, tablePolicies) && strings.Contains(s, "jwtauth_v") && strings.Contains(s, "\n")
}

// walk calls found for each value of policy_configurations in a document and
// for each text that holds the word. Each node is looked into once, however many
// aliases lead to it, so that a document that unfolds without end does not.
func walk(doc *yaml.Node, found func(n *yaml.Node, isTOML bool) error) error {
	seen := map[*yaml.Node]bool{}
	var visit func(n *yaml.Node, key string) error
	visit = func(n *yaml.Node, key string) error {
		switch {
		case n.Kind == yaml.AliasNode:
			return visit(n.Alias, key)
		case key == tablePolicies && n.Tag != "!!null":
			return found(n, false)
		case seen[n]:
			return nil
		case n.Kind == yaml.ScalarNode && n.Tag == "!!str" && holdsTOML(n.Value):
			seen[n] = true
			return found(n, true)
		}
		seen[n] = true
		for i, c := range n.Content {
			name := ""
			if n.Kind == yaml.MappingNode {
				if i%2 == 0 {
					continue // a key
				}
				name = n.Content[i-1].Value
			}
			if err := visit(c, name); err != nil {
				return err
			}
		}
		return nil
	}
	return visit(doc, "")
}

// managersOf reads the key managers of every version of jwt-auth.
func managersOf(tables map[string]any, inTOML bool) []KeyManager {
	var sections []string
	for name := range tables {
		if sectionOfJWT.MatchString(name) {
			sections = append(sections, name)
		}
	}
	slices.Sort(sections)
	var out []KeyManager
	for _, section := range sections {
		table, _ := tables[section].(map[string]any)
		entries, _ := table[tableManagers].([]any)
		for _, e := range entries {
			entry, ok := e.(map[string]any)
			if !ok {
				continue
			}
			jwks := child(entry, "jwks")
			k := KeyManager{Section: section, entry: entry, inTOML: inTOML, Local: len(child(jwks, "local")) > 0}
			k.Name, _ = entry["name"].(string)
			k.Issuer, _ = entry["issuer"].(string)
			k.JWKSURI, _ = child(jwks, "remote")["uri"].(string)
			out = append(out, k)
		}
	}
	return out
}

// child is a table within a table; nil if there is none.
func child(table map[string]any, name string) map[string]any {
	c, _ := table[name].(map[string]any)
	return c
}
