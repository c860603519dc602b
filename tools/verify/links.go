package verify

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path"
	"regexp"
	"strings"
	"unicode"
)

var (
	// link finds [text](target) and images; a title behind the target is cut.
	link = regexp.MustCompile(`\]\(\s*<?([^)\s>]+)`)
	// reference finds [name]: target.
	reference = regexp.MustCompile(`(?m)^\s{0,3}\[[^\]]+\]:\s+<?(\S+?)>?\s*$`)
	fence     = regexp.MustCompile("(?ms)^\\s*(```|~~~).*?^\\s*(```|~~~)\\s*$")
	code      = regexp.MustCompile("`[^`\n]*`")
	heading   = regexp.MustCompile(`(?m)^#{1,6}\s+(.+?)\s*#*\s*$`)
	anchor    = regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)
)

// links checks that relative links in pages lead to files and headings that
// are there. Addresses elsewhere are not asked for: a check must not need a
// network.
func links(_ context.Context, r *Repository) ([]string, error) {
	var problems []string
	for _, f := range r.Files {
		if !strings.HasSuffix(f, ".md") || strings.Contains(f, "testdata/") {
			continue
		}
		raw, err := os.ReadFile(r.path(f))
		if err != nil {
			return problems, fmt.Errorf("links: %w", err)
		}
		text := code.ReplaceAllString(fence.ReplaceAllString(string(raw), ""), "")
		for _, m := range append(link.FindAllStringSubmatch(text, -1), reference.FindAllStringSubmatch(text, -1)...) {
			if problem := r.leads(f, m[1]); problem != "" {
				problems = append(problems, fmt.Sprintf("%s: %s: %s", f, m[1], problem))
			}
		}
	}
	return problems, nil
}

// leads says what is wrong with a link of a page.
func (r *Repository) leads(page, target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return "cannot be read: " + err.Error()
	}
	if u.IsAbs() || u.Host != "" {
		return ""
	}
	file := page
	if u.Path != "" {
		file = path.Join(path.Dir(page), u.Path)
		if rooted, ok := strings.CutPrefix(u.Path, "/"); ok {
			file = path.Clean(rooted)
		}
	}
	if strings.HasPrefix(file, "..") {
		return "leads out of the repository"
	}
	if _, err := os.Stat(r.path(file)); err != nil {
		return "there is no such file"
	}
	if u.Fragment == "" || !strings.HasSuffix(file, ".md") {
		return ""
	}
	raw, err := os.ReadFile(r.path(file))
	if err != nil {
		return err.Error()
	}
	if !anchors(string(raw))[u.Fragment] {
		return "there is no such heading"
	}
	return ""
}

// anchors are the fragments of a page, as hosts make them of headings: lower
// case, without punctuation, spaces to hyphens, and numbered when repeated.
func anchors(text string) map[string]bool {
	out := map[string]bool{}
	for _, m := range anchor.FindAllStringSubmatch(text, -1) {
		out[m[1]] = true
	}
	count := map[string]int{}
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		slug := strings.Map(func(c rune) rune {
			switch {
			case c == ' ':
				return '-'
			case c == '-' || c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c):
				return unicode.ToLower(c)
			}
			return -1
		}, link.ReplaceAllString(m[1], "]("))
		if n := count[slug]; n > 0 {
			out[fmt.Sprintf("%s-%d", slug, n)] = true
		} else {
			out[slug] = true
		}
		count[slug]++
	}
	return out
}
