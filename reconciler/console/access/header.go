package access

import (
	"net/http"
	"strings"
)

// policy allows a page what comes from the console itself, and no script or
// style that stands in the page: text that somebody slips into a page stays
// text.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// headers are those of every answer.
var headers = map[string]string{
	"Content-Security-Policy":      policy,
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "no-referrer",
	"Permissions-Policy":           "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
}

// harden sets the headers of an answer. What is not a static file is kept by no
// cache.
func (a *Access) harden(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for name, value := range headers {
		h.Set(name, value)
	}
	if !strings.HasPrefix(r.URL.Path, pathStatic) {
		h.Set("Cache-Control", "no-store")
	}
	if a.secure() {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}
