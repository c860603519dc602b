package page

import (
	"cmp"
	"embed"
	"strings"
	"text/template"
)

// Example is a program that calls the API, in one language.
type Example struct{ Name, ID, Text string }

//go:embed examples
var exampleFiles embed.FS

// exampleNames are the languages in the order in which they are shown.
var exampleNames = []struct{ name, id, file string }{
	{"curl", "curl", "curl.sh"}, {"Go", "go", "main.go.txt"}, {"Python", "python", "call.py"},
	{"JavaScript", "javascript", "call.mjs"}, {"Java", "java", "Call.java"},
}

// exampleTemplates are the examples with their blanks. They are text: the page
// escapes the whole of it.
var exampleTemplates = template.Must(template.New("").Delims("[[", "]]").ParseFS(exampleFiles, "examples/*"))

// exampleBlanks fill an example.
type exampleBlanks struct{ TokenEndpoint, URL, Header, Prefix string }

// Examples are programs that get a token and call the API with it. What is put
// into them cannot end the string that it stands in.
func (a agentPage) Examples() ([]Example, error) {
	b := exampleBlanks{
		TokenEndpoint: plain(a.TokenEndpoint), URL: plain(cmp.Or(a.Endpoint, "URL-OF-THE-API")), Header: "Authorization", Prefix: "Bearer ",
	}
	if s := a.Authentication; s != nil && s.Header != "" {
		b.Header, b.Prefix = plain(s.Header), plain(s.Prefix)
		if b.Prefix != "" {
			b.Prefix += " "
		}
	}
	b.URL = strings.TrimSuffix(b.URL, "/")
	out := make([]Example, 0, len(exampleNames))
	for _, e := range exampleNames {
		var text strings.Builder
		if err := exampleTemplates.ExecuteTemplate(&text, e.file, b); err != nil {
			return nil, err
		}
		out = append(out, Example{Name: e.name, ID: e.id, Text: text.String()})
	}
	return out, nil
}

// plain takes out of s whatever could end a string of a shell or a program. URLs
// and header names have none of it.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune("\"'`\\$!<>", r) {
			return -1
		}
		return r
	}, s)
}
