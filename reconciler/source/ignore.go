package source

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/config"
)

// maxIgnore bounds a file of patterns; git's own bound is 100 MB.
const maxIgnore = 1 << 20

// rule is one line of a .gitignore.
type rule struct {
	re *regexp.Regexp
	// negated takes back what an earlier rule left out.
	negated bool
	// directory: it is for directories only.
	directory bool
	// basename: it is for the last element of a path, wherever that is.
	basename bool
}

// ruleSet is one file of rules, for what is below base.
type ruleSet struct {
	base  string
	rules []rule
}

// ignores is what is left out of a working copy: the files of rules, the one
// with the last word at the end.
type ignores []ruleSet

// match reports whether the last rule for a path leaves it out. It says nothing
// of the directories above, which the caller has asked about.
func (ig ignores) match(name string, directory bool) bool {
	for _, set := range slices.Backward(ig) {
		rel := name
		if set.base != "" {
			rel = strings.TrimPrefix(name, set.base+"/")
		}
		if decided, out := set.match(rel, directory); decided {
			return out
		}
	}
	return false
}

func (s ruleSet) match(rel string, directory bool) (decided, out bool) {
	for _, r := range slices.Backward(s.rules) {
		subject := rel
		if r.basename {
			subject = path.Base(rel)
		}
		if (directory || !r.directory) && r.re.MatchString(asBytes(subject)) {
			return true, !r.negated
		}
	}
	return false, false
}

// with adds the .gitignore of a directory, if there is one. As git does, it
// does not follow a symlink.
func (ig ignores) with(file, base string) ignores {
	info, err := os.Lstat(file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxIgnore {
		return ig
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return ig
	}
	rules := parseRules(string(raw))
	if len(rules) == 0 {
		return ig
	}
	return append(slices.Clip(ig), ruleSet{base: base, rules: rules})
}

func parseRules(text string) []rule {
	text = strings.TrimPrefix(text, "\ufeff")
	var out []rule
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" || line[0] == '#' {
			continue
		}
		if r := parseRule(trimSpaces(line)); r.re != nil {
			out = append(out, r)
		}
	}
	return out
}

func parseRule(line string) rule {
	var r rule
	line, r.negated = strings.CutPrefix(line, "!")
	line, r.directory = strings.CutSuffix(line, "/")
	r.basename = !strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	if line != "" {
		r.re = compileGlob(line)
	}
	return r
}

// trimSpaces takes spaces off the end, but for one behind a backslash.
func trimSpaces(line string) string {
	end := 0
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case ' ':
		case '\\':
			i++
			end = min(i+1, len(line))
		default:
			end = i + 1
		}
	}
	return line[:end]
}

// standing returns the rules that are not in the tree: the user's and the
// repository's own.
func standing(l layout, local *config.Config) ignores {
	var ig ignores
	if file := excludesFile(local); file != "" {
		ig = ig.with(file, "")
	}
	return ig.with(filepath.Join(l.common, "info", "exclude"), "")
}

// excludesFile is core.excludesFile, of the repository or the user, or git's
// default for it.
func excludesFile(local *config.Config) string {
	home, _ := os.UserHomeDir() // without one there is no such file
	file := ""
	scopes := []*config.Config{local}
	for _, scope := range []config.Scope{config.GlobalScope, config.SystemScope} {
		if c, err := config.LoadConfig(scope); err == nil {
			scopes = append(scopes, c)
		}
	}
	for _, c := range scopes {
		if file = c.Raw.Section("core").Option("excludesfile"); file != "" {
			break
		}
	}
	if rest, ok := strings.CutPrefix(file, "~/"); ok {
		return filepath.Join(home, rest)
	}
	if file != "" {
		return file
	}
	if xdg := os.Getenv("XDG_CONFIG_HOME"); xdg != "" {
		return filepath.Join(xdg, "git", "ignore")
	}
	return filepath.Join(home, ".config", "git", "ignore")
}
