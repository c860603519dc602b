package page

import (
	"cmp"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/schema"
)

// parse makes the templates, one for each page.
func parse(now func() time.Time) map[string]*template.Template {
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		panic(err) // the pattern is right
	}
	shared := template.New("").Funcs(functions(now))
	for _, f := range files {
		if strings.HasPrefix(path.Base(f), "_") {
			template.Must(shared.ParseFS(templateFiles, f))
		}
	}
	out := map[string]*template.Template{}
	for _, f := range files {
		if name := path.Base(f); !strings.HasPrefix(name, "_") {
			out[strings.TrimSuffix(name, ".html")] = template.Must(template.Must(shared.Clone()).ParseFS(templateFiles, f))
		}
	}
	return out
}

// functions are what templates may call.
func functions(now func() time.Time) template.FuncMap {
	return template.FuncMap{
		"ago":     func(t time.Time) string { return relative(now(), t) },
		"exact":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"machine": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"short": func(hash string) string {
			if len(hash) > 8 {
				return hash[:8]
			}
			return hash
		},
		"statusWord": statusWord,
		"schemeWord": func(s schema.Scheme) string {
			return cmp.Or(map[schema.Scheme]string{
				schema.SchemeOAuth2: "OAuth2", schema.SchemeAPIKey: "API key", schema.SchemeNone: "none",
			}[s], string(s))
		},
		"sign":    sign,
		"path":    pathOf,
		"plural":  plural,
		"join":    func(s []string) string { return strings.Join(s, ", ") },
		"notice":  func(key string) string { return notices[key] },
		"roleIn":  roleIn,
		"list":    func(items ...any) []any { return items },
		"default": func(byDefault, s string) string { return cmp.Or(s, byDefault) },
	}
}

// notices are what a page says after something was done, by the word in its
// address; anything else is said nowhere.
var notices = map[string]string{
	"sync":    "The daemon looks at the repository and at the targets again.",
	"rotate":  "A new secret was asked for; the daemon makes it within seconds.",
	"suspend": "Suspended: nothing of it is changed until then.",
	"resume":  "Resumed: the daemon looks at it again within seconds.",
}

// statusWord is a status as people say it.
func statusWord(s inventory.Status) string {
	switch s {
	case inventory.Pending:
		return "under way"
	case inventory.Stalled:
		return "needs you"
	case inventory.Converged, inventory.Waiting, inventory.Failing, inventory.Conflict,
		inventory.Suspended, inventory.Locked, inventory.Orphaned:
	}
	return string(s)
}

// sign is how a plan writes an action.
func sign(a plan.Action) string {
	return cmp.Or(map[plan.Action]string{
		plan.Create: "+", plan.Update: "~", plan.Replace: "-/+", plan.Delete: "-", plan.Adopt: "*", plan.Orphan: "o",
	}[a], string(a))
}

// roleIn is the highest role that somebody has for anything, for the head of
// the page.
func roleIn(p access.Principal) string {
	names := map[access.Role]string{access.Viewer: "viewer", access.Developer: "developer", access.Admin: "admin"}
	for _, r := range []access.Role{access.Admin, access.Developer, access.Viewer} {
		if p.MayAny(r) {
			return names[r]
		}
	}
	return ""
}

// relative is a time as people say it.
func relative(now, t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := now.Sub(t)
	form := "%s ago"
	if d < 0 {
		d, form = -d, "in %s"
	}
	switch {
	case d < 10*time.Second && form == "%s ago":
		return "now"
	case d < time.Minute:
		return fmt.Sprintf(form, plural(int(d.Seconds()), "second"))
	case d < time.Hour:
		return fmt.Sprintf(form, plural(int(d.Minutes()), "minute"))
	case d < 48*time.Hour:
		return fmt.Sprintf(form, plural(int(d.Hours()), "hour"))
	default:
		return fmt.Sprintf(form, plural(int(d.Hours()/24), "day"))
	}
}

// plural counts things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	if strings.HasSuffix(thing, "y") && !strings.HasSuffix(thing, "ey") {
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(thing, "y"))
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// diffLine is a line of a unified diff with what it is: add, remove, hunk or
// same.
type diffLine struct{ Kind, Text string }

// diffLines cuts a unified diff without its two lines of file names.
func diffLines(diff string) (out []diffLine) {
	for line := range strings.Lines(diff) {
		line = strings.TrimRight(line, "\r\n")
		kind := "same"
		switch {
		case strings.HasPrefix(line, "--- "), strings.HasPrefix(line, "+++ "):
			continue
		case strings.HasPrefix(line, "@@"):
			kind = "hunk"
		case strings.HasPrefix(line, "+"):
			kind = "add"
		case strings.HasPrefix(line, "-"):
			kind = "remove"
		}
		out = append(out, diffLine{kind, line})
	}
	return out
}

// sortedKeys are the names of a header in order.
func sortedKeys(h http.Header) []string { return slices.Sorted(maps.Keys(h)) }

// textOf is the body of an answer if people can read it.
func textOf(r desk.Response) (text string, binary bool) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	readable := err != nil || strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "json") || strings.HasSuffix(kind, "xml") ||
		strings.HasSuffix(kind, "yaml") || kind == "application/x-www-form-urlencoded"
	body := r.Body
	for i := 0; r.Cut && i < utf8.UTFMax && !utf8.Valid(body); i++ {
		body = body[:len(body)-1] // the cut may be within a character
	}
	if !readable || !utf8.Valid(body) {
		return "", len(body) > 0
	}
	return string(body), false
}
