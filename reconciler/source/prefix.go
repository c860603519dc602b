package source

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// withPrefix returns the ids of all objects that begin with prefix.
func (d *depot) withPrefix(prefix string) (map[plumbing.Hash]bool, error) {
	out := map[plumbing.Hash]bool{}
	for _, p := range d.packs {
		if err := p.withPrefix(prefix, out); err != nil {
			return nil, err
		}
	}
	if d.dir != "" {
		for _, name := range looseNames(d.dir, prefix) {
			out[plumbing.NewHash(name)] = true
		}
	}
	for _, o := range d.borrowed {
		more, err := o.withPrefix(prefix)
		if err != nil {
			return nil, err
		}
		for id := range more {
			out[id] = true
		}
	}
	return out, nil
}

func (p *pack) withPrefix(prefix string, out map[plumbing.Hash]bool) error {
	entries, err := p.idx.Entries()
	if err != nil {
		return err
	}
	defer func() { _ = entries.Close() }()
	// An odd digit at the end is compared after the whole bytes.
	low := plumbing.NewHash(prefix + strings.Repeat("0", 40-len(prefix)))
	whole := low[:len(prefix)/2]
	for {
		e, err := entries.Next()
		if err != nil {
			return nil // io.EOF is its only error
		}
		if bytes.HasPrefix(e.Hash[:], whole) && strings.HasPrefix(e.Hash.String(), prefix) {
			out[e.Hash] = true
		}
	}
}

// looseNames returns the ids of loose objects that begin with prefix, which
// has at least two digits.
func looseNames(dir, prefix string) []string {
	// What cannot be listed is not found; reading it by its full id tells why.
	entries, _ := os.ReadDir(filepath.Join(dir, prefix[:2]))
	var out []string
	for _, e := range entries {
		if name := prefix[:2] + e.Name(); len(name) == 40 && strings.HasPrefix(name, prefix) {
			out = append(out, name)
		}
	}
	return out
}
