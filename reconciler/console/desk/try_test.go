package desk_test

import (
	"errors"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/console/desk/desktest"
	"github.com/gatewright/gatewright/reconciler/fault"
)

func TestTry(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	without, err := s.Desk.Try(t.Context(), desktest.Developer, desktest.Booking, desk.Request{Path: "/flights"})
	if err != nil || without.Status != http.StatusUnauthorized {
		t.Fatalf("without a token: %d, %v", without.Status, err)
	}
	got, err := s.Desk.Try(t.Context(), desktest.Developer, desktest.Booking, desk.Request{
		Method: "POST", Path: "/flights?from=it's&q=a%20b", Body: []byte(`{"a":"it's"}`), Client: "mobile-app", Header: http.Header{"X-Note": {"it's"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	body := string(got.Body)
	if got.Status != http.StatusOK || !strings.HasPrefix(body, "POST /acme/travel/booking/flights?from=it's&q=a%20b\n") || !strings.HasSuffix(body, `{"a":"it's"}`) {
		t.Errorf("status %d, body %q", got.Status, body)
	}
	if !strings.Contains(body, "Authorization: Bearer ***\r\n") || got.Header.Get("X-Token") != "Bearer ***" {
		t.Errorf("the token that the API repeats is not taken out: %q, %q", body, got.Header.Get("X-Token"))
	}
	want := `"$(gatewright token acme/travel/booking@production --client mobile-app)"`
	if !strings.Contains(got.Curl, want) || strings.Contains(got.Curl, "eyJ") {
		t.Errorf("curl: %s, want it to hold %s", got.Curl, want)
	}
	words := shell(t, got.Curl)
	for _, w := range []string{"X-Note: it's", "Authorization: Bearer TOKEN", `{"a":"it's"}`, got.URL} {
		if !strings.Contains("\n"+words+"\n", "\n"+w+"\n") {
			t.Errorf("a shell reads %q, want a word %q", words, w)
		}
	}
	if actions := s.Actions(); len(actions) < 2 || actions[0] != "dev try" {
		t.Errorf("events %q", actions)
	}
	past, err := s.Desk.Past(t.Context(), desktest.Developer, desktest.Booking, 1)
	if err != nil || past.Events[0].Message != "POST /acme/travel/booking/flights" {
		t.Errorf("the event says %+v, %v", past.Events, err)
	}
}

// shell is the words that a shell makes of a command, one a line, with TOKEN as
// what gatewright prints.
func shell(t *testing.T, command string) string {
	t.Helper()
	script := "gatewright() { echo TOKEN; }\ncurl() { for w in \"$@\"; do printf '%s\\n' \"$w\"; done; }\n" + command
	out, err := exec.CommandContext(t.Context(), "sh", "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// TestTryAttacks tries to reach something else, or to pass for somebody else.
func TestTryAttacks(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	header := func(name, value string) http.Header { return http.Header{name: {value}} }
	tests := map[string]struct {
		request desk.Request
		field   string
	}{
		"another host":        {desk.Request{Path: "http://evil.test/"}, "path"},
		"a host without path": {desk.Request{Path: "//evil.test/"}, "path"},
		"userinfo":            {desk.Request{Path: "@evil.test/"}, "path"},
		"a port":              {desk.Request{Path: ":80/"}, "path"},
		"the parent":          {desk.Request{Path: "/../open/"}, "path"},
		"the parent, encoded": {desk.Request{Path: "/%2e%2e/open/"}, "path"},
		"encoded twice":       {desk.Request{Path: "/%252e%252e/open/"}, "path"},
		"an encoded slash":    {desk.Request{Path: "/..%2fopen/"}, "path"},
		"a parameter":         {desk.Request{Path: "/..;v=1/open/"}, "path"},
		"a backslash":         {desk.Request{Path: `/a\..\open`}, "path"},
		"encoded backslash":   {desk.Request{Path: "/a%5c..%5copen"}, "path"},
		"a line":              {desk.Request{Path: "/ HTTP/1.1\r\nHost: evil.test\r\n"}, "path"},
		"an encoded line":     {desk.Request{Path: "/%0d%0aHost:%20evil.test"}, "path"},
		"NUL":                 {desk.Request{Path: "/%00"}, "path"},
		"a fragment":          {desk.Request{Path: "/#x"}, "path"},
		"half an escape":      {desk.Request{Path: "/%2"}, "path"},
		"too long":            {desk.Request{Path: "/" + strings.Repeat("a", 9<<10)}, "path"},
		"a host":              {desk.Request{Path: "/", Header: header("host", "evil.test")}, "header.Host"},
		"a length":            {desk.Request{Path: "/", Header: header("Content-Length", "0")}, "header.Content-Length"},
		"an encoding":         {desk.Request{Path: "/", Header: header("transfer-encoding", "chunked")}, "header.Transfer-Encoding"},
		"hop by hop":          {desk.Request{Path: "/", Header: header("Connection", "x-secret")}, "header.Connection"},
		"a proxy":             {desk.Request{Path: "/", Header: header("Proxy-Authorization", "x")}, "header.Proxy-Authorization"},
		"somebody else":       {desk.Request{Path: "/", Header: header("X-Forwarded-For", "127.0.0.1")}, "header.X-Forwarded-For"},
		"a session":           {desk.Request{Path: "/", Header: header("Cookie", "session=x")}, "header.Cookie"},
		"two tokens":          {desk.Request{Path: "/", Header: header("authorization", "x"), Client: "own"}, "header.Authorization"},
		"a header of two":     {desk.Request{Path: "/", Header: header("X-A", "b\r\nHost: evil.test")}, "header.X-A"},
		"a name of two":       {desk.Request{Path: "/", Header: header("X-A: b\r\nHost", "evil.test")}, "header"},
		"too many headers":    {desk.Request{Path: "/", Header: http.Header{"X-A": make([]string, 101)}}, "header"},
		"a tunnel":            {desk.Request{Path: "/", Method: "CONNECT"}, "method"},
		"an echo":             {desk.Request{Path: "/", Method: "trace"}, "method"},
		"a method of two":     {desk.Request{Path: "/", Method: "GET / HTTP/1.1\r\nX: "}, "method"},
		"a huge body":         {desk.Request{Path: "/", Method: "POST", Body: make([]byte, desk.MaxRequest+1)}, "body"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			who := desktest.Admin
			who.Subject = name // each has a rate of their own
			_, err := s.Desk.Try(t.Context(), who, desktest.Booking, tt.request)
			var wrong *desk.InvalidError
			if !errors.As(err, &wrong) || wrong.Field != tt.field {
				t.Errorf("%v, want what is wrong with %s", err, tt.field)
			}
		})
	}
	t.Cleanup(func() {
		if n := s.Elsewhere.Load(); n != 0 {
			t.Errorf("%d requests went elsewhere", n)
		}
	})
}

func TestTryAnswers(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	s.Desk.SetPatience(300 * time.Millisecond)
	call := func(path string) (desk.Response, error) {
		return s.Desk.Try(t.Context(), desktest.Developer, desktest.Booking, desk.Request{Path: path, Client: "own"})
	}
	if got, err := call("/redirect"); err != nil || got.Status != http.StatusTemporaryRedirect || s.Elsewhere.Load() != 0 {
		t.Errorf("a redirect: %d, %v, followed %d times", got.Status, err, s.Elsewhere.Load())
	}
	if got, err := call("/slow"); err != nil || !got.Cut || string(got.Body) != "begun" {
		t.Errorf("a body without end: %q, cut %t, %v", got.Body, got.Cut, err)
	}
	var f *fault.Error
	if _, err := call("/silent"); !errors.As(err, &f) || f.Reason != "TooSlow" || f.Hint == "" {
		t.Errorf("no answer: %v", err)
	}
	s.Desk.SetPatience(0)
	if got, err := call("/big"); err != nil || !got.Cut || len(got.Body) != desk.MaxBody {
		t.Errorf("a huge body: %d bytes, cut %t, %v", len(got.Body), got.Cut, err)
	}
	s.World.URL = "http://127.0.0.1:1"
	if _, err := call("/"); !errors.As(err, &f) || f.Reason != "EndpointUnreachable" {
		t.Errorf("nobody there: %v", err)
	}
	s.World.URL = ""
	if _, err := call("/"); !errors.As(err, &f) || f.Reason != "NoURL" {
		t.Errorf("no URL: %v", err)
	}
}

// TestTryIgnoresProxy: a proxy of the process would see the token.
func TestTryIgnoresProxy(t *testing.T) {
	t.Parallel()
	s := desktest.New(t).Usual()
	transport := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return nil, errors.New("the proxy is asked") }}
	s.Desk.Client = &http.Client{Transport: transport}
	if got, err := s.Desk.Try(t.Context(), desktest.Developer, desktest.Booking, desk.Request{Path: "", Client: "own"}); err != nil || got.Status != http.StatusOK {
		t.Errorf("%d, %v", got.Status, err)
	}
}

func TestBelow(t *testing.T) {
	t.Parallel()
	base, _ := url.Parse("https://gw.test/development-acme/v1.0/")
	for path, want := range map[string]string{
		"":                   "https://gw.test/development-acme/v1.0",
		"/":                  "https://gw.test/development-acme/v1.0/",
		"/a/b?c=/../d&e=%2e": "https://gw.test/development-acme/v1.0/a/b?c=/../d&e=%2e",
		"/a%2Fb":             "https://gw.test/development-acme/v1.0/a%2Fb",
		"/a//b":              "https://gw.test/development-acme/v1.0/a//b",
		"/ä":                 "https://gw.test/development-acme/v1.0/%C3%A4",
		"/...":               "https://gw.test/development-acme/v1.0/...",
		"/.well-known/x":     "https://gw.test/development-acme/v1.0/.well-known/x",
		"/a@b:c":             "https://gw.test/development-acme/v1.0/a@b:c",
		"/100%25":            "https://gw.test/development-acme/v1.0/100%25",
		"/?http://evil.test": "https://gw.test/development-acme/v1.0/?http://evil.test",
		"/a%20b":             "https://gw.test/development-acme/v1.0/a%20b",
	} {
		if got, err := desk.Below(base, path); err != nil || got.String() != want {
			t.Errorf("%q: %v, %v, want %s", path, got, err, want)
		}
	}
}

// FuzzBelow: whatever is written, it is refused or stays below the base, however
// often somebody on the way decodes it.
func FuzzBelow(f *testing.F) {
	for _, seed := range []string{"/", "/../x", "/%2e%2e/x", "/%252e./x", `/a\b`, "//x", "/..;/x", "/%2f..%2f..", "http://x", "/a?b#c", "/%"} {
		f.Add(seed)
	}
	base, _ := url.Parse("http://gw.test/acme/booking")
	f.Fuzz(func(t *testing.T, path string) {
		got, err := desk.Below(base, path)
		if err != nil {
			return
		}
		again, err := url.Parse(got.String())
		if err != nil || again.Host != base.Host || again.Scheme != base.Scheme || again.User != nil || again.Fragment != "" {
			t.Fatalf("%q became %q, which reads %v, %v", path, got, again, err)
		}
		at := again.EscapedPath()
		for range 5 {
			if resolved := base.ResolveReference(&url.URL{Path: at}).Path; !strings.HasPrefix(resolved, base.Path) || strings.Contains(at, `\`) {
				t.Fatalf("%q became %q, which leads to %q", path, got, resolved)
			}
			if at, err = url.PathUnescape(at); err != nil {
				return
			}
		}
	})
}
