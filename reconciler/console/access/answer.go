package access

import (
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
)

//go:embed page/page.html page/style.css page/link.js
var files embed.FS

var page = template.Must(template.ParseFS(files, "page/page.html"))

// message is a page that says one thing, or the same for a program.
type message struct {
	Status int
	Title  string
	Text   string
	// Link is where to go on; it may be empty.
	Link, LinkText string
	// Form asks for a one-time link; Return is where to go after.
	Form   bool
	Return string
}

// problem is an error for programs (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}

// fail answers with an error: a page, or a problem where a program asks.
func (a *Access) fail(w http.ResponseWriter, r *http.Request, m message) {
	if strings.HasPrefix(r.URL.Path, pathAPI) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(m.Status)
		if err := json.NewEncoder(w).Encode(problem{Type: "about:blank", Title: m.Title, Status: m.Status, Detail: m.Text}); err != nil {
			a.Log.Debug("a problem was not written to its end", "error", err)
		}
		return
	}
	a.show(w, m)
}

// show writes a page.
func (a *Access) show(w http.ResponseWriter, m message) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(m.Status)
	if err := page.Execute(w, m); err != nil {
		a.Log.Debug("a page was not written to its end", "error", err)
	}
}

// file serves one of the files of the pages.
func file(name, kind string) http.HandlerFunc {
	text, err := files.ReadFile("page/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(text) // whoever asked has gone
	}
}
