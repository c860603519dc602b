package openbao

import (
	"errors"
	"net/http"
)

// errRedirected says that the answer sends us somewhere else, which no server of
// OpenBAO does in this way.
var errRedirected = errors.New("redirect refused")

// standbyOnly refuses every redirect but that of a standby to the active node,
// which is a 307. The token goes along with a redirect, and it is not for the
// login page of a proxy, which is a 302 or 303.
type standbyOnly struct{ *http.Transport }

// RoundTrip implements http.RoundTripper.
func (s standbyOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusPermanentRedirect:
		_ = resp.Body.Close() // nothing of it is wanted
		return nil, errRedirected
	default:
		return resp, nil
	}
}
