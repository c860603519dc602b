package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"

	"github.com/gatewright/gatewright/schema"
)

// layers merges settings of different origins, and remembers where each came
// from.
type layers struct {
	k *koanf.Koanf
	// origins has the position of each setting that was made.
	origins schema.Positions
	// fromFile says which settings stand in the file.
	fromFile map[string]bool
}

func newLayers() *layers {
	return &layers{k: koanf.New("."), origins: schema.Positions{}, fromFile: map[string]bool{}}
}

// setting is one value that a variable or a flag gives.
type setting struct {
	path   []string
	value  any
	origin schema.Position
}

// file adds the settings of a file.
func (l *layers) file(d document) error {
	maps.Copy(l.origins, d.positions)
	for path := range d.positions {
		l.fromFile[path] = true
	}
	return l.k.Load(confmap.Provider(d.values, ""), nil)
}

// add adds a layer of settings that override what is there.
func (l *layers) add(settings []setting) error {
	for _, s := range settings {
		for _, other := range alternatives(s.path) {
			l.forget(other)
		}
	}
	for _, s := range settings {
		path := strings.Join(s.path, ".")
		l.origins[path] = s.origin
		delete(l.fromFile, path)
		if err := l.k.Load(confmap.Provider(map[string]any{path: s.value}, "."), nil); err != nil {
			return err
		}
	}
	return nil
}

// alternatives are the settings of lower layers in whose place the one at path
// stands, though they have other names: a variable that holds a secret
// replaces the file that the configuration names, a tag replaces a branch, and
// one way to log in another.
func alternatives(path []string) [][]string {
	var out [][]string
	for i := range path {
		if n := schemaRoot().at(path[:i+1]); n != nil && n.secret {
			out = append(out, path[:i+1])
		}
	}
	switch {
	case slices.Equal(path, []string{"source", "branch"}):
		out = append(out, []string{"source", "tag"})
	case slices.Equal(path, []string{"source", "tag"}):
		out = append(out, []string{"source", "branch"})
	case len(path) > 4 && path[0] == "environments" && path[2] == "openbao" && path[3] == "auth":
		parent := path[:4]
		for _, name := range schemaRoot().at(parent).names() {
			if name != path[4] {
				out = append(out, append(slices.Clone(parent), name))
			}
		}
	}
	return out
}

// forget takes out the setting at path, and where it came from.
func (l *layers) forget(path []string) {
	key := strings.Join(path, ".")
	l.k.Delete(key)
	for p := range l.origins {
		if p == key || strings.HasPrefix(p, key+".") {
			delete(l.fromFile, p)
			delete(l.origins, p)
		}
	}
}

// said reports whether any layer has a setting at path.
func (l *layers) said(path ...string) bool { return l.k.Exists(strings.Join(path, ".")) }
