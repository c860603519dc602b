package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/schema"
)

// systemDir is where the file of a machine lies.
const systemDir = "/etc/gatewright"

// Options say where a configuration comes from beside the flags. The zero
// value is right for the program.
type Options struct {
	// Optional accepts that there is no configuration at all; the result is
	// the defaults, then.
	Optional bool
	// Dir is the directory that relative names are relative to; by default the
	// working directory.
	Dir string
	// SystemDir is the last place where a file is looked for.
	SystemDir string
	// Environ are the variables, as os.Environ gives them.
	Environ []string
}

func (o Options) withDefaults() (Options, error) {
	if o.SystemDir == "" {
		o.SystemDir = systemDir
	}
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return o, unreadable(o.Dir, err)
	}
	o.Dir = dir
	return o, nil
}

// Load reads the configuration. What is wrong in its text is among the
// diagnostics, sorted, with warnings; the configuration counts only where none
// of them is an error. The error is a *fault.Error: there is no file, or it
// cannot be read.
func Load(flags *Flags, o Options) (Config, schema.Diagnostics, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Config{}, nil, err
	}
	path, err := find(named(flags, o), o)
	if err != nil {
		return Config{}, nil, err
	}
	l := newLayers()
	diags, whole, err := l.load(path, flags, o)
	if err != nil || !whole {
		return Config{}, diags.Sorted(), err
	}
	if path == "" && len(l.origins) == 0 && !o.Optional && !diags.HasErrors() {
		return Config{}, diags.Sorted(), absent(o)
	}
	cfg, more, err := l.decode(path, o)
	return cfg, append(diags, more...).Sorted(), err
}

// named is the file that a flag or the variable names.
func named(flags *Flags, o Options) string {
	if flags != nil && flags.file != "" {
		return flags.file
	}
	name := ""
	for _, e := range o.Environ {
		if v, ok := strings.CutPrefix(e, fileVariable+"="); ok {
			name = v
		}
	}
	return name
}

// absent is the fault of there being no configuration.
func absent(o Options) error {
	e := fault.New(fault.Stalled, "ConfigurationMissing", "there is no configuration; looked for %s", strings.Join(searched(o), ", "))
	e.Target, e.Op = "configuration", "find"
	e.Hint = "write one of them, or name a file with --config or " + fileVariable
	return e
}

// load adds every layer, the file first, and reports whether all were
// understood well enough to go on.
func (l *layers) load(path string, flags *Flags, o Options) (schema.Diagnostics, bool, error) {
	var diags schema.Diagnostics
	if path != "" {
		doc, ds, err := read(path, shown(path, o))
		if err != nil || ds.HasErrors() {
			return ds, false, err
		}
		if err := l.file(doc); err != nil {
			return nil, false, fmt.Errorf("configuration: %w", err)
		}
	}
	settings, ds := environment(o.Environ, l.k.Raw())
	diags = append(diags, ds...)
	if err := l.add(settings); err != nil {
		return nil, false, fmt.Errorf("configuration: %w", err)
	}
	settings, ds = flags.settings()
	diags = append(diags, ds...)
	if err := l.add(settings); err != nil {
		return nil, false, fmt.Errorf("configuration: %w", err)
	}
	return diags, true, nil
}

// shown is how positions name the file: relative, where it is below the
// working directory.
func shown(path string, o Options) string {
	if rel, err := filepath.Rel(o.Dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
