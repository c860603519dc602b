package page_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/gatewright/gatewright/reconciler/console/access"
)

// serve asks for a page as an administrator.
func serve(tb testing.TB, h http.Handler, path string) *httptest.ResponseRecorder {
	tb.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(access.With(tb.Context(), admin), http.MethodGet, path, nil))
	return w
}

// examine looks at a page as a screen reader and as its content security policy
// do: names for everything, an order of headings, ids that are there once,
// nothing inline.
func examine(t *testing.T, body string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	x := &examination{t: t, ids: map[string]int{}}
	x.walk(doc, nil)
	if x.h1 != 1 {
		t.Errorf("%d headings of the first order", x.h1)
	}
	for id, n := range x.ids {
		if n > 1 {
			t.Errorf("the id %q is there %d times", id, n)
		}
	}
	for _, id := range x.refs {
		if x.ids[id] == 0 {
			t.Errorf("the id %q is referred to and not there", id)
		}
	}
	if strings.Contains(body, "ZgotmplZ") || strings.Contains(body, "%!") || strings.Contains(body, "&lt;nil&gt;") {
		t.Errorf("a template printed what it could not:\n%s", body)
	}
}

type examination struct {
	t    *testing.T
	ids  map[string]int
	refs []string
	h1   int
}

func (x *examination) walk(n *html.Node, above []*html.Node) {
	if n.Type == html.ElementNode {
		x.element(n, above)
		above = append(slices.Clone(above), n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		x.walk(c, above)
	}
}

func (x *examination) element(n *html.Node, above []*html.Node) {
	for _, a := range n.Attr {
		switch {
		case a.Key == "id":
			x.ids[a.Val]++
		case a.Key == "aria-labelledby", a.Key == "aria-describedby", a.Key == "data-copy", a.Key == "data-show":
			x.refs = append(x.refs, a.Val)
		case a.Key == "style", strings.HasPrefix(a.Key, "on"):
			x.t.Errorf("<%s %s=%q>: nothing inline", n.Data, a.Key, a.Val)
		case a.Key == "href" && strings.HasPrefix(a.Val, "javascript:"):
			x.t.Errorf("a script in a link: %s", a.Val)
		}
	}
	switch n.Data {
	case "script", "style":
		if textIn(n) != "" {
			x.t.Errorf("<%s> inline", n.Data)
		}
	case "h1":
		x.h1++
	case "img":
		if !has(n, "alt") {
			x.t.Error("an image without alt")
		}
	case "input", "select", "textarea":
		labelled := has(n, "aria-label") || get(n, "type") == "hidden" ||
			slices.ContainsFunc(above, func(a *html.Node) bool { return a.Data == "label" })
		if !labelled {
			x.t.Errorf("<%s name=%q> has no label", n.Data, get(n, "name"))
		}
	case "button", "a":
		if strings.TrimSpace(textIn(n)) == "" && !has(n, "aria-label") {
			x.t.Errorf("<%s> without a name", n.Data)
		}
	case "table":
		if !slices.ContainsFunc(children(n), func(c *html.Node) bool { return c.Data == "caption" }) {
			x.t.Error("a table without a caption")
		}
	case "th":
		if !has(n, "scope") {
			x.t.Error("a table heading without a scope")
		}
	case "form":
		if strings.Contains(get(n, "action"), "?") && get(n, "method") == "post" {
			x.t.Errorf("a form posts to %s", get(n, "action"))
		}
	}
}

func children(n *html.Node) (out []*html.Node) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		out = append(out, c)
	}
	return out
}

func get(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
}

func textIn(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for _, c := range children(n) {
		b.WriteString(textIn(c))
	}
	return b.String()
}
