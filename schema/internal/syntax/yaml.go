package syntax

import (
	"bytes"
	"fmt"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/encoding/yaml"
	yamlv3 "go.yaml.in/yaml/v3"
)

// maxUnfolded bounds the values of a document once what its aliases name stands in
// their place.
const maxUnfolded = 400_000

// ExtractYAML turns YAML into the syntax of CUE. The parser panics on some
// text. It follows a merge into what the merge stands in, which no stack holds
// and nothing recovers from, and counts no merge among the aliases that unfold
// to too much: ExtractYAML refuses both before.
func ExtractYAML(name string, data []byte) (*ast.File, error) {
	if bytes.IndexByte(data, '&') >= 0 && bytes.IndexByte(data, '*') >= 0 {
		if err := aliases(data); err != nil {
			return nil, err
		}
	}
	return yaml.Extract(name, data)
}

// aliases looks for aliases that no text can be written out for. What is wrong
// otherwise is for the parser to tell.
func aliases(data []byte) error {
	decoder := yamlv3.NewDecoder(bytes.NewReader(data))
	u := unfolder{sizes: map[*yamlv3.Node]int{}}
	for {
		var doc yamlv3.Node
		if err := decoder.Decode(&doc); err != nil {
			return nil //nolint:nilerr // the end, or what the parser finds, too, and knows the place of
		}
		if _, err := u.size(&doc); err != nil {
			return err
		}
	}
}

// unfolder counts the values of nodes once their aliases are unfolded.
type unfolder struct {
	// sizes are known, or 0 while they are being counted.
	sizes map[*yamlv3.Node]int
}

// size returns how many values a node unfolds to.
func (u unfolder) size(n *yamlv3.Node) (int, error) {
	if n.Kind == yamlv3.AliasNode {
		of, begun := u.sizes[n.Alias]
		if begun && of == 0 {
			return 0, fmt.Errorf("yaml: line %d: anchor '%s' value contains itself", n.Line, n.Value)
		}
		return of, nil
	}
	u.sizes[n] = 0
	size := 1
	for _, c := range n.Content {
		of, err := u.size(c)
		if err != nil {
			return 0, err
		}
		if size += of; size > maxUnfolded {
			return 0, fmt.Errorf("yaml: line %d: excessive aliasing", c.Line)
		}
	}
	u.sizes[n] = size
	return size, nil
}
