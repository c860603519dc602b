package api

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed templates/docs.html static/docs.css
var files embed.FS

// docs is the page for people. It needs no script, and nothing from elsewhere.
var docs = template.Must(template.New("docs.html").Funcs(template.FuncMap{
	"type": typeOf, "lower": strings.ToLower, "anchor": func(ref string) string { return "schema-" + nameIn(ref) }, "name": nameIn,
}).ParseFS(files, "templates/docs.html"))

// describe serves the OpenAPI document and the page. Both are written once: the
// operations are known.
func describe(mux *http.ServeMux, o *huma.OpenAPI) {
	document, err := json.Marshal(o)
	if err != nil {
		panic(fmt.Sprintf("the OpenAPI document cannot be written: %v", err)) // as every test would show
	}
	yaml, err := o.YAML()
	if err != nil {
		panic(fmt.Sprintf("the OpenAPI document cannot be written: %v", err))
	}
	var page bytes.Buffer
	if err := docs.Execute(&page, pageOf(o)); err != nil {
		panic(fmt.Sprintf("the page of the API cannot be written: %v", err))
	}
	style, err := files.ReadFile("static/docs.css")
	if err != nil {
		panic(fmt.Sprintf("the page of the API has no style: %v", err))
	}
	serve := func(path, contentType string, body []byte) {
		mux.HandleFunc("GET "+prefix+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write(body) // who has left needs no answer
		})
	}
	serve("/openapi.json", "application/vnd.oai.openapi+json;version=3.1", document)
	serve("/openapi.yaml", "application/vnd.oai.openapi;version=3.1", yaml)
	serve("/docs", "text/html; charset=utf-8", page.Bytes())
	serve("/docs.css", "text/css; charset=utf-8", style)
	mux.HandleFunc(prefix+"/", func(w http.ResponseWriter, _ *http.Request) {
		p := newProblem(http.StatusNotFound, "there is no such operation; see "+prefix+"/docs")
		w.Header().Set("Content-Type", p.ContentType("application/json"))
		w.WriteHeader(p.Status)
		_ = json.NewEncoder(w).Encode(p) // as above
	})
}

// page is what the template shows.
type page struct {
	Info    *huma.Info
	Tags    []tagged
	Schemas []named
}

type tagged struct {
	Name       string
	Operations []*huma.Operation
}

type named struct {
	Name   string
	Fields []field
}

// field is a member of a schema.
type field struct {
	Name     string
	Schema   *huma.Schema
	Required bool
}

// pageOf orders what the document says.
func pageOf(o *huma.OpenAPI) page {
	out := page{Info: o.Info}
	byTag := map[string][]*huma.Operation{}
	for _, at := range o.Paths {
		for _, op := range []*huma.Operation{at.Get, at.Post, at.Put, at.Patch, at.Delete} {
			if op != nil {
				byTag[op.Tags[0]] = append(byTag[op.Tags[0]], op)
			}
		}
	}
	for _, name := range []string{tagBindings, tagTry, tagClients, tagChanges, tagOrders, tagHistory} {
		slices.SortFunc(byTag[name], func(a, b *huma.Operation) int {
			return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
		})
		out.Tags = append(out.Tags, tagged{name, byTag[name]})
	}
	all := o.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s := named{Name: name}
		for _, f := range slices.Sorted(maps.Keys(all[name].Properties)) {
			s.Fields = append(s.Fields, field{f, all[name].Properties[f], slices.Contains(all[name].Required, f)})
		}
		out.Schemas = append(out.Schemas, s)
	}
	return out
}

// nameIn is the name of a schema that is referred to.
func nameIn(ref string) string { return strings.TrimPrefix(ref, "#/components/schemas/") }

// typeOf says in a word what a schema is.
func typeOf(s *huma.Schema) string {
	switch {
	case s == nil:
		return "anything"
	case s.Ref != "":
		return nameIn(s.Ref)
	case s.Type == huma.TypeArray && s.Items != nil:
		return "list of " + typeOf(s.Items)
	case s.Type == huma.TypeObject:
		if of, ok := s.AdditionalProperties.(*huma.Schema); ok {
			return "map of " + typeOf(of)
		}
		return "object"
	case len(s.Enum) > 0:
		words := make([]string, len(s.Enum))
		for i, w := range s.Enum {
			words[i] = fmt.Sprint(w)
		}
		return strings.Join(words, " | ")
	case s.Format != "":
		return s.Type + " (" + s.Format + ")"
	default:
		return cmp.Or(s.Type, "anything")
	}
}
