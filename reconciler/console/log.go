package console

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

// logged logs each request at debug, without its query, and a panic with where
// it came from, of which the client learns nothing.
func logged(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		rw := &recorder{ResponseWriter: w}
		defer func() {
			if v := recover(); v != nil {
				if v == http.ErrAbortHandler { //nolint:errorlint // it is panicked with as it is
					panic(v)
				}
				log.Error("a request ended in a panic", "method", r.Method, "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
				if rw.status != 0 {
					// Half an answer must not look like a whole one.
					panic(http.ErrAbortHandler)
				}
				http.Error(rw, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
			}
			log.Debug("request", "method", r.Method, "path", r.URL.Path, "status", rw.status, "took", time.Since(begun).String(), "peer", r.RemoteAddr)
		}()
		next.ServeHTTP(rw, r)
	})
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter

	status int
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	// An answer that only informs is followed by the answer (RFC 9110 §15.2).
	if r.status == 0 && status >= http.StatusOK {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController flush and set deadlines.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
