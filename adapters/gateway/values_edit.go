package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// errByHand says that a configuration is written in a way that is not edited
// here.
var errByHand = errors.New("the key managers are written in a way that gatewright does not edit")

// errNoList says that values have no list of key managers. The operator lays the
// values over its own, and a list takes the place of a list: one that is made here
// would take the gateway every key manager that it has from there.
var errNoList = errors.New("the values have no list of key managers, and a new one would take the place of what the operator's own values list")

// editValues puts a key manager into the chart's values, or takes it out where
// want is nil. Comments and all other values stay. The result is read back and
// compared, so that nothing else can have changed.
func editValues(text, name string, want *resource.KeyManager) (string, error) {
	before, err := parseValues(text)
	if err != nil {
		return "", err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return "", err
	}
	if err := editDocument(&doc, before, name, want); err != nil {
		return "", err
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return "", fmt.Errorf("write %s: %w", keyValues, err)
	}
	after, err := parseValues(out.String())
	if err == nil {
		err = onlyChanged(before, after, name, want)
	}
	if err == nil {
		err = restEqual(text, out.String())
	}
	return out.String(), err
}

// editDocument edits where the key manager stands or, for a new one, where
// others do.
func editDocument(doc *yaml.Node, before []KeyManager, name string, want *resource.KeyManager) error {
	inTOML := false
	for _, k := range before {
		if !k.Supported() {
			continue
		}
		inTOML = k.inTOML
		if k.Name == name {
			break
		}
	}
	if inTOML {
		edited := false
		err := walk(doc, func(n *yaml.Node, isTOML bool) error {
			if !isTOML || edited {
				return nil
			}
			held, err := parseTOML(n.Value)
			if err != nil || !slices.ContainsFunc(held, KeyManager.Supported) {
				return err
			}
			if want == nil && !slices.ContainsFunc(held, func(k KeyManager) bool { return k.Name == name }) {
				return nil
			}
			edited = true
			n.Value, err = editTOML(n.Value, name, want)
			return err
		})
		return err
	}
	sequence, err := sequenceOf(doc)
	if err != nil {
		return err
	}
	return editSequence(sequence, name, want)
}

// sequenceOf finds the list of key managers.
func sequenceOf(doc *yaml.Node) (*yaml.Node, error) {
	var tables *yaml.Node
	if err := walk(doc, func(n *yaml.Node, isTOML bool) error {
		if !isTOML && tables == nil {
			tables = n
		}
		return nil
	}); err != nil {
		return nil, err
	}
	n, key, kind := tables, tableJWT, yaml.MappingNode
	for range 2 {
		if n == nil || !holdsKey(n, key) {
			return nil, errNoList
		}
		if n = under(n, key, kind); n == nil {
			return nil, errByHand
		}
		key, kind = tableManagers, yaml.SequenceNode
	}
	return n, nil
}

// holdsKey reports that a mapping has a key.
func holdsKey(n *yaml.Node, key string) bool {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}

// under returns the value of a key of a mapping, and makes it where there is
// none or null. Nil means that it is of another kind.
func under(n *yaml.Node, key string, kind yaml.Kind) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	tag := map[yaml.Kind]string{yaml.MappingNode: "!!map", yaml.SequenceNode: "!!seq"}[kind]
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != key {
			continue
		}
		v := n.Content[i+1]
		if v.Tag == "!!null" {
			*v = yaml.Node{Kind: kind, Tag: tag}
		}
		if v.Kind != kind {
			return nil
		}
		if len(v.Content) == 0 {
			v.Style = 0 // [] and {} are to be filled in block style
		}
		return v
	}
	v := &yaml.Node{Kind: kind, Tag: tag}
	n.Content = append(n.Content, scalar(key), v)
	return v
}

func scalar(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
}

// editSequence edits the entry of that name.
func editSequence(sequence *yaml.Node, name string, want *resource.KeyManager) error {
	at := slices.IndexFunc(sequence.Content, func(n *yaml.Node) bool {
		var entry struct {
			Name string `yaml:"name"`
		}
		return n.Decode(&entry) == nil && entry.Name == name
	})
	switch {
	case want == nil && at >= 0:
		sequence.Content = slices.Delete(sequence.Content, at, at+1)
		return nil
	case want == nil:
		return nil
	case at < 0:
		sequence.Content = append(sequence.Content, &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"})
		at = len(sequence.Content) - 1
		put(sequence.Content[at], "name", name)
	}
	entry := sequence.Content[at]
	if entry.Kind != yaml.MappingNode {
		return errByHand
	}
	put(entry, "issuer", want.Issuer)
	if want.JWKSURI == "" {
		return nil
	}
	jwks := under(entry, "jwks", yaml.MappingNode)
	if jwks == nil {
		return errByHand
	}
	drop(jwks, "local")
	remote := under(jwks, "remote", yaml.MappingNode)
	if remote == nil {
		return errByHand
	}
	put(remote, "uri", want.JWKSURI)
	return nil
}

// put sets a key of a mapping to a text.
func put(n *yaml.Node, key, value string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			v := n.Content[i+1]
			*v = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, LineComment: v.LineComment, HeadComment: v.HeadComment, FootComment: v.FootComment}
			return
		}
	}
	n.Content = append(n.Content, scalar(key), scalar(value))
}

// drop removes a key of a mapping.
func drop(n *yaml.Node, key string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content = slices.Delete(n.Content, i, i+2)
			return
		}
	}
}

// onlyChanged checks that an edit changed what it was meant to and left the
// other key managers as they were.
func onlyChanged(before, after []KeyManager, name string, want *resource.KeyManager) error {
	rest := func(ks []KeyManager) (others []KeyManager, own *KeyManager) {
		for _, k := range ks {
			if k.Supported() && k.Name == name {
				own = &k
				continue
			}
			others = append(others, k)
		}
		return others, own
	}
	others, _ := rest(before)
	same, own := rest(after)
	switch {
	case !slices.EqualFunc(others, same, func(a, b KeyManager) bool { return reflect.DeepEqual(a.entry, b.entry) && a.Section == b.Section }),
		(own == nil) != (want == nil),
		want != nil && (own.Issuer != want.Issuer || want.JWKSURI != "" && own.JWKSURI != want.JWKSURI):
		return errByHand
	}
	return nil
}

// restEqual checks that two documents differ in policy configurations alone.
func restEqual(a, b string) error {
	strip := func(text string) (any, error) {
		var doc any
		err := yaml.Unmarshal([]byte(text), &doc)
		return without(doc), err
	}
	x, err := strip(a)
	y, errY := strip(b)
	if err = errors.Join(err, errY); err != nil {
		return err
	}
	if !reflect.DeepEqual(x, y) {
		return errByHand
	}
	return nil
}

// without takes policy configurations and texts that hold them out of a value,
// and mappings that have become empty with them.
func without(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range maps.All(v) {
			if key == tablePolicies {
				continue
			}
			if kept := without(value); kept != nil {
				out[key] = kept
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = without(v[i])
		}
		return out
	case string:
		if holdsTOML(v) {
			return nil
		}
	}
	return v
}
