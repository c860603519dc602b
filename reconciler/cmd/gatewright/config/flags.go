package config

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/schema"
)

// Flags are the flags about the configuration. The zero value has none set.
type Flags struct {
	file string
	// values are the flags that stand for a setting, by name.
	values map[string]*string
	sets   []string
	set    *pflag.FlagSet
	// overrides are the flags of one command.
	overrides []override
}

// override is a flag of one command that stands for a setting.
type override struct{ flag, path, value string }

// settingFlags are the settings that have a flag of their own; every other one
// is reached with --set.
var settingFlags = []struct{ flag, path, usage string }{
	{"repository", "source.repository", "git repository of the specs: a path or a URL"},
	{"branch", "source.branch", "branch of the specs"},
	{"database", "database", "inventory: sqlite:FILE or postgres://USER@HOST/DATABASE"},
}

// Register adds the flags to fs.
func (f *Flags) Register(fs *pflag.FlagSet) {
	f.set = fs
	f.values = map[string]*string{}
	fs.StringVarP(&f.file, "config", "c", "", "configuration file (default: gatewright.yaml or .cue here or in "+systemDir+")")
	for _, s := range settingFlags {
		f.values[s.flag] = fs.String(s.flag, "", s.usage)
	}
	fs.StringArrayVar(&f.sets, "set", nil, "any other setting, as --set environments.dev.drift=report; may be repeated")
}

// Words are the flags by which the same configuration is read again, but for
// those of one command.
func (f *Flags) Words() []string {
	var out []string
	if f.file != "" {
		out = append(out, "--config", f.file)
	}
	for _, s := range settingFlags {
		if f.set != nil && f.set.Changed(s.flag) {
			out = append(out, "--"+s.flag, inventory.Redact(*f.values[s.flag]))
		}
	}
	for _, s := range f.sets {
		if key, _, ok := strings.Cut(s, "="); ok && isSecret(strings.Split(key, ".")) {
			s = key + "=***"
		}
		out = append(out, "--set", inventory.Redact(s))
	}
	return out
}

// isSecret reports that a setting holds a secret.
func isSecret(path []string) bool {
	n := schemaRoot().at(path)
	return n != nil && n.secret
}

// Override sets the setting at path, as a flag of one command does.
func (f *Flags) Override(flag, path, value string) {
	f.overrides = append(f.overrides, override{flag: flag, path: path, value: value})
}

// settings are what the flags say.
func (f *Flags) settings() ([]setting, schema.Diagnostics) {
	var out []setting
	var diags schema.Diagnostics
	if f == nil || f.set == nil {
		return nil, nil
	}
	for _, s := range settingFlags {
		if f.set.Changed(s.flag) {
			one, d := typed(strings.Split(s.path, "."), *f.values[s.flag], schema.Position{File: "--" + s.flag})
			out, diags = append(out, one), append(diags, d...)
		}
	}
	for _, o := range f.overrides {
		one, d := typed(strings.Split(o.path, "."), o.value, schema.Position{File: "--" + o.flag})
		out, diags = append(out, one), append(diags, d...)
	}
	for _, s := range f.sets {
		key, value, ok := strings.Cut(s, "=")
		origin := schema.Position{File: "--set " + key}
		path := strings.Split(key, ".")
		if !ok || schemaRoot().at(secretPath(path)) == nil {
			diags = append(diags, schema.Diagnostic{
				Position: origin, Message: fmt.Sprintf("%q names no setting and its value", key), Code: "unknown-key",
				Severity: schema.SeverityError, Hint: "write --set KEY=VALUE, with a key such as " + hintFor(path),
			})
			continue
		}
		one, d := typed(path, value, origin)
		out, diags = append(out, one), append(diags, d...)
	}
	return out, diags
}

// secretPath is path without the member of a secret that it may name.
func secretPath(path []string) []string {
	if parent := path[:len(path)-1]; len(parent) > 0 {
		if n := schemaRoot().at(parent); n != nil && n.secret {
			return parent
		}
	}
	return path
}

// hintFor is a key like path that exists.
func hintFor(path []string) string {
	var out []string
	n := schemaRoot()
	for _, name := range path {
		if n.field(name) == nil {
			name = nearest(name, n.names(), strings.ToLower)
		}
		if n = n.field(name); n == nil {
			return "source.branch"
		}
		out = append(out, name)
	}
	return strings.Join(out, ".")
}
