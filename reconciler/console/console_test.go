package console

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/console/access"
)

// site is a console whose pages and API say what they are.
func site(t *testing.T) (http.Handler, *bytes.Buffer, string) {
	t.Helper()
	u, err := url.Parse("http://127.0.0.1:8485")
	if err != nil {
		t.Fatal(err)
	}
	links := &access.Memory{}
	token, l := access.NewLink("ann", "", time.Now())
	if err := links.Put(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	o := &slog.HandlerOptions{Level: slog.LevelDebug}
	logger := slog.New(slog.NewTextHandler(log, o))
	who, err := access.New(access.Config{Links: links, PublicURL: u, Log: logger})
	if err != nil {
		t.Fatal(err)
	}
	say := func(what string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/panic", "/api/panic":
				panic("s3cr3t")
			case "/late":
				_, _ = io.WriteString(w, "half")
				panic("late")
			}
			_, _ = io.WriteString(w, what+" for "+access.From(r.Context()).Subject)
		}
	}
	return New(Options{Access: who, Pages: say("page"), API: say("api"), Log: logger}), log, token
}

// ask sends a request of this machine with a cookie, if there is one.
func ask(h http.Handler, method, path, cookie string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:8485"+path, strings.NewReader(form.Encode()))
	r.RemoteAddr = "127.0.0.1:1000"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if cookie != "" {
		r.AddCookie(&http.Cookie{Name: "gatewright-8485", Value: cookie})
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	h, log, token := site(t)
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/healthz":         {200, "ok"},
		"/static/x.css":    {200, "page for "},
		"/link":            {200, "<form"},
		"/login":           {303, ""},
		"/":                {303, ""},
		"/x":               {303, ""},
		"/static":          {307, ""},
		"/api/x":           {401, "not logged in"},
		"/api":             {307, ""},
		"/static/../api/x": {307, ""}, // the path is made plain first
		"/static/%2e%2e/x": {404, ""},
	} {
		if got := ask(h, http.MethodGet, path, "", nil); got.Code != want.status || !strings.Contains(got.Body.String(), want.text) || strings.Contains(got.Body.String(), "for ann") {
			t.Errorf("GET %s: %d %q, want %d %q", path, got.Code, got.Body, want.status, want.text)
		}
	}
	in := ask(h, http.MethodPost, "/link?q=query", "", url.Values{"token": {token}})
	if in.Code != http.StatusSeeOther || len(in.Result().Cookies()) != 1 {
		t.Fatalf("the link: %d %v", in.Code, in.Header())
	}
	id := in.Result().Cookies()[0].Value
	for path, want := range map[string]string{"/": "page for ann", "/x": "page for ann", "/api/x": "api for ann"} {
		if got := ask(h, http.MethodGet, path+"?secret=query", id, nil); got.Code != 200 || got.Body.String() != want {
			t.Errorf("GET %s: %d %q", path, got.Code, got.Body)
		}
	}
	for what, text := range map[string]string{"a query": "query", "a session": id, "a link": token} {
		if strings.Contains(log.String(), text) {
			t.Errorf("the log holds %s:\n%s", what, log)
		}
	}
	if !strings.Contains(log.String(), "path=/api/x status=200") {
		t.Errorf("the log lacks a request:\n%s", log)
	}
}

// TestPanic: a panic is logged with where it was, and told nobody else.
func TestPanic(t *testing.T) {
	t.Parallel()
	h, log, token := site(t)
	id := ask(h, http.MethodPost, "/link", "", url.Values{"token": {token}}).Result().Cookies()[0].Value
	for _, path := range []string{"/panic", "/api/panic"} {
		got := ask(h, http.MethodGet, path, id, nil)
		if got.Code != http.StatusInternalServerError || strings.TrimSpace(got.Body.String()) != "Internal Server Error" {
			t.Errorf("GET %s: %d %q", path, got.Code, got.Body)
		}
		if got.Header().Get("Content-Security-Policy") == "" {
			t.Error("an answer without a policy")
		}
	}
	if !strings.Contains(log.String(), "console_test.go") {
		t.Errorf("the log does not say where:\n%s", log)
	}
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("half an answer ends with %v, not as cut off", v)
		}
	}()
	ask(h, http.MethodGet, "/late", id, nil)
}
