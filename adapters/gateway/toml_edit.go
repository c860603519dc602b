package gateway

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// headerOfTOML matches the header of a table or of an array's table.
var headerOfTOML = regexp.MustCompile(`^\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$`)

const managersPath = tablePolicies + "." + tableJWT + "." + tableManagers

// editTOML puts a key manager into the gateway's configuration file, or takes
// it out where want is nil. The text outside its own table stays to the byte.
func editTOML(text, name string, want *resource.KeyManager) (string, error) {
	before, err := parseTOML(text)
	if err != nil {
		return "", err
	}
	known := slices.DeleteFunc(slices.Clone(before), func(k KeyManager) bool { return !k.Supported() })
	lines := strings.SplitAfter(text, "\n")
	blocks := blocksOf(lines)
	if len(blocks) != len(known) {
		return "", errByHand // written as an inline list, or in another order
	}
	at := slices.IndexFunc(known, func(k KeyManager) bool { return k.Name == name })
	switch {
	case at < 0 && want == nil:
		return text, nil
	case at < 0:
		end := len(lines)
		if len(blocks) > 0 {
			end = blocks[len(blocks)-1].end
		}
		block, err := blockOf(map[string]any{"name": name}, want)
		if err != nil {
			return "", err
		}
		head := strings.Join(lines[:end], "")
		if head != "" && !strings.HasSuffix(head, "\n") {
			head += "\n"
		}
		text = head + block + strings.Join(lines[end:], "")
	default:
		var block string
		if want != nil {
			if block, err = blockOf(known[at].entry, want); err != nil {
				return "", err
			}
		}
		b := blocks[at]
		text = strings.Join(lines[:b.start], "") + block + strings.Join(lines[b.end:], "")
	}
	after, err := parseTOML(text)
	if err == nil {
		err = onlyChanged(before, after, name, want)
	}
	return text, err
}

// block is the lines of one key manager, from start to before end.
type block struct{ start, end int }

// blocksOf finds the lines of each key manager.
func blocksOf(lines []string) []block {
	var out []block
	open := false
	for i, line := range lines {
		m := headerOfTOML.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if m == nil {
			continue
		}
		path := strings.ReplaceAll(m[1], " ", "")
		if open && !strings.HasPrefix(path, managersPath+".") {
			out[len(out)-1].end, open = i, false
		}
		if path == managersPath {
			out, open = append(out, block{i, len(lines)}), true
		}
	}
	return out
}

// blockOf writes an entry with what want says.
func blockOf(entry map[string]any, want *resource.KeyManager) (string, error) {
	entry = maps.Clone(entry)
	entry["issuer"] = want.Issuer
	if want.JWKSURI != "" {
		remote := maps.Clone(child(child(entry, "jwks"), "remote"))
		if remote == nil {
			remote = map[string]any{}
		}
		remote["uri"] = want.JWKSURI
		entry["jwks"] = map[string]any{"remote": remote}
	}
	var b strings.Builder
	if err := writeTable(&b, "[["+managersPath+"]]", managersPath, entry); err != nil {
		return "", err
	}
	return b.String(), nil
}

// writeTable writes a table and the tables in it, plain values first.
func writeTable(b *strings.Builder, header, path string, table map[string]any) error {
	plain := map[string]any{}
	var nested []string
	for key, value := range table {
		if _, ok := value.(map[string]any); ok {
			nested = append(nested, key)
			continue
		}
		plain[key] = value
	}
	slices.Sort(nested)
	if len(plain) > 0 || strings.HasPrefix(header, "[[") {
		text, err := toml.Marshal(plain)
		if err != nil {
			return fmt.Errorf("write key manager: %w", err)
		}
		b.WriteString(header + "\n" + string(text) + "\n")
	}
	for _, key := range nested {
		if err := writeTable(b, "["+path+"."+key+"]", path+"."+key, child(table, key)); err != nil {
			return err
		}
	}
	return nil
}
