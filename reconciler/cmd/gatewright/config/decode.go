package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"

	"github.com/gatewright/gatewright/schema"
)

// decode checks the merged settings and makes a Config of them.
func (l *layers) decode(path string, o Options) (Config, schema.Diagnostics, error) {
	raw := l.k.Raw()
	c := &checker{origins: l.origins}
	c.keys(schemaRoot(), raw, nil)
	whole, err := c.values(raw)
	if err != nil || whole == nil || c.out.HasErrors() {
		return Config{}, c.out, err
	}
	l.absolute(schemaRoot(), whole, nil, filepath.Dir(path), o.Dir)
	cfg := Config{File: path}
	dec, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result: &cfg, TagName: "json", DecodeHook: mapstructure.ComposeDecodeHookFunc(decodeSecret, decodeText),
		ErrorUnused: true,
	})
	if err != nil {
		return Config{}, nil, fmt.Errorf("configuration: %w", err)
	}
	if err := dec.Decode(whole); err != nil {
		return Config{}, nil, fmt.Errorf("configuration: %w", err)
	}
	cfg.complete(l.said)
	cfg.check(c, l)
	return cfg, c.out, nil
}

// decodeSecret makes secrets and the database of what is configured.
func decodeSecret(_, to reflect.Type, v any) (any, error) {
	switch to {
	case reflect.TypeFor[SecretRef]():
		return secretFrom(v)
	case reflect.TypeFor[Database]():
		if m, ok := v.(map[string]any); ok {
			v = m["url"]
		}
		ref, err := secretFrom(v)
		return Database{URL: ref}, err
	default:
		return v, nil
	}
}

// decodeText makes durations and sizes of how people write them, and numbers
// of how they are decoded.
func decodeText(from, to reflect.Type, v any) (any, error) {
	text := fmt.Sprint(v)
	switch {
	case from.Kind() != reflect.String:
		return v, nil
	case to == reflect.TypeFor[time.Duration]():
		return time.ParseDuration(text)
	case to.Kind() == reflect.Int64:
		return parseSize(text)
	case to.Kind() == reflect.Int:
		return strconv.Atoi(text)
	default:
		return v, nil
	}
}

// units are the sizes that a number may be followed by.
var units = []struct {
	suffix string
	bytes  int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1},
}

// parseSize reads 64MiB.
func parseSize(text string) (int64, error) {
	factor := int64(1)
	for _, u := range units {
		if number, ok := strings.CutSuffix(text, u.suffix); ok {
			text, factor = number, u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	// The schema bounds the digits.
	return n * factor, err
}

// absolute makes file names absolute: those of the file are relative to where
// it lies, the others to the working directory.
func (l *layers) absolute(n *node, v map[string]any, path []string, fileDir, dir string) {
	for _, name := range slices.Sorted(maps.Keys(v)) {
		f := n.field(name)
		if f == nil {
			continue
		}
		at := append(slices.Clone(path), name)
		base := dir
		if l.fromFile[strings.Join(at, ".")] {
			base = fileDir
		}
		switch {
		case f.secret:
			v[name] = l.absoluteSecret(f, v[name], at, fileDir, dir)
		case f.path:
			if s, ok := v[name].(string); ok {
				v[name] = absolutePath(s, base)
			}
		default:
			if members, ok := v[name].(map[string]any); ok {
				l.absolute(f, members, at, fileDir, dir)
			}
		}
	}
}

// absoluteSecret makes the file of a secret, or of an SQLite database,
// absolute.
func (l *layers) absoluteSecret(n *node, v any, at []string, fileDir, dir string) any {
	base := func(at ...string) string {
		if l.fromFile[strings.Join(at, ".")] {
			return fileDir
		}
		return dir
	}
	switch v := v.(type) {
	case string:
		if file, ok := strings.CutPrefix(v, "sqlite:"); ok && n.name == "database" && file != ":memory:" && !strings.HasPrefix(file, "//") {
			return "sqlite:" + absolutePath(file, base(at...))
		}
	case map[string]any:
		for name, member := range v {
			s, text := member.(string)
			switch {
			case name == "file" && text:
				v[name] = absolutePath(s, base(append(slices.Clone(at), name)...))
			case name == "url":
				v[name] = l.absoluteSecret(n, member, append(slices.Clone(at), name), fileDir, dir)
			}
		}
	}
	return v
}

// absolutePath makes a file name absolute and leaves a URL, and the user@host:
// form of one, as they are.
func absolutePath(s, base string) string {
	if home, err := os.UserHomeDir(); err == nil && strings.HasPrefix(s, "~/") {
		return filepath.Join(home, s[2:])
	}
	before, _, colon := strings.Cut(s, ":")
	if s == "" || filepath.IsAbs(s) || colon && !strings.Contains(before, "/") {
		return s
	}
	return filepath.Join(base, s)
}
