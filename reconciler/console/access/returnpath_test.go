package access

import (
	"net/url"
	"strings"
	"testing"
)

func TestReturnPath(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/":                             "/",
		"/runs?page=2&x=%2F%2Fy":        "/runs?page=2&x=%2F%2Fy",
		"/agents/acme/travel/a/b#part":  "/agents/acme/travel/a/b",
		"":                              "/",
		"\x20//evil.example":            "/",
		"runs":                          "/",
		"https://evil.example":          "/",
		"//":                            "/", // a name that is empty
		"//evil.example":                "/",
		"///evil.example":               "/",
		`/\evil.example`:                "/",
		`\\evil.example`:                "/",
		"/\t/evil.example":              "/",
		"/\n/evil.example":              "/",
		"/a//evil.example":              "/",
		"/%2Fevil.example":              "/",
		"/.//evil.example":              "/",
		"javascript:alert(1)":           "/",
		"/%zz":                          "/",
		"/login":                        "/", // around and around
		"/login/callback?code=x":        "/",
		"/logout":                       "/",
		"/link?x":                       "/",
		"/api/v1/bindings":              "/",
		"/linked":                       "/linked",
		"/" + strings.Repeat("x", 2000): "/",
	} {
		if got := returnPath(in); got != want {
			t.Errorf("returnPath(%q) = %q, want %q", in, got, want)
		}
	}
}

// FuzzReturnPath: whatever comes, the way back stays here.
func FuzzReturnPath(f *testing.F) {
	for _, s := range []string{"/", "//x", `/\x`, "/\t/x", "/%2f/x", "https://x", "/a?b=//c", "/..//x", "/;//x", "/%5cx"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := returnPath(s)
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\t\r\n ") {
			t.Fatalf("returnPath(%q) = %q", s, got)
		}
		base, err := url.Parse("https://console.example/login")
		if err != nil {
			t.Fatal(err)
		}
		to, err := base.Parse(got)
		if err != nil || to.Host != base.Host || to.Scheme != base.Scheme {
			t.Fatalf("returnPath(%q) leads to %v, %v", s, to, err)
		}
		if again := returnPath(got); again != got {
			t.Errorf("returnPath(%q) = %q, and of that %q", s, got, again)
		}
	})
}
