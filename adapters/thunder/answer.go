package thunder

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// Codes of the API that we act upon.
const (
	codeNotFound       = "APP-1001"
	codeRequest        = "APP-1018"
	codeNameTaken      = "APP-1020"
	codeClientIDTaken  = "APP-1021"
	codeListLimit      = "APP-1029"
	codeImportDocument = "IMP-1002"
	codeInternal       = "SSE-5000"
)

// problem is what counts of an error body. Its messages, which are objects
// and were strings up to v0.21, are not read: they may quote what was sent.
type problem struct {
	Code string `json:"code"`
	// OAuth is the error member of the token endpoint, and of v0.21.
	OAuth string `json:"error"`
}

// problemOf reads an error body; ok tells whether it was one of the API's.
func problemOf(a answer) (p problem, ok bool) {
	if !a.isJSON() || json.Unmarshal(a.body, &p) != nil {
		return problem{}, false
	}
	return p, p.Code != "" || p.OAuth != ""
}

// refusal turns an answer that is no success into a fault. Only the codes and
// the server's own short messages are shown: a body may repeat what was sent.
//
//	answer                            | class       | unreachable
//	----------------------------------+-------------+------------
//	3xx, a page in place of JSON      | stalled     | yes
//	401 twice                         | stalled     | no
//	403                               | stalled     | no
//	404, 405 without a code           | stalled     | yes
//	429, 502, 503, 504                | transient   | 50x: yes
//	other 5xx                         | transient   | without a code: yes
//	other 4xx                         | stalled     | no
func refusal(a answer) error {
	p, known := problemOf(a)
	f := &fault.Error{
		Class: fault.Stalled, Reason: "Refused", Hint: hintLog,
		Err: errors.New(describe(a, p, known)), RetryAfter: retryAfter(a.retryAfter),
	}
	switch {
	case a.status >= 300 && a.status < 400, a.status < 300:
		return notAPI(a)
	case a.status == http.StatusUnauthorized:
		f.Reason = "Unauthorized"
		f.Hint = "ThunderID refuses the token it has just issued: check that its clock is right and that the address leads to one ThunderID, not to several with different keys"
	case a.status == http.StatusForbidden:
		f.Reason, f.Hint = "Forbidden", hintRole
	case !known && (a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed):
		f.Reason, f.Unreachable = "NoSuchPath", true
		f.Hint = "check that the configured address is that of ThunderID, and that it is v1.0 or later"
	case a.status == http.StatusTooManyRequests:
		f.Class, f.Reason = fault.Transient, "TooManyRequests"
	case a.status >= 500:
		f.Class, f.Reason = fault.Transient, "ServerError"
		f.Unreachable = !known || a.status != http.StatusInternalServerError
	}
	return f
}

// meanings are what the codes say, in our words. The server's own are never
// shown: they may quote what was sent.
var meanings = map[string]string{
	codeNotFound:             "no such application",
	"APP-1010":               "a grant type is not supported",
	"APP-1013":               "the authentication method is not supported",
	codeRequest:              "invalid request, or no such organization unit",
	codeNameTaken:            "the name is taken",
	codeClientIDTaken:        "the client id is taken",
	"APP-1024":               "the OAuth configuration is inconsistent",
	codeListLimit:            "more clients than the list can hold",
	"APP-1041":               "the type of an application cannot change",
	codeImportDocument:       "the document of an import was not understood",
	"IMP-1003":               "the template of an import was not understood",
	codeInternal:             "internal error",
	"AUTH-4010":              "the token was refused",
	"AUTH-4030":              "the token lacks a permission",
	"INVALID_INPUT_METADATA": "a field is missing or too long",
	errorClient:              "the client id or the client secret is wrong",
	errorTarget:              "no such resource",
	"unauthorized_client":    "the client may not do this, or not authenticate this way",
}

// code is what a code of the API or of the token endpoint looks like.
var code = regexp.MustCompile(`^[A-Za-z_]{1,40}(-[0-9]{1,6})?$`)

// correlation is what an id looks like under which the server logged a call.
var correlation = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// hintLog is where a person learns more.
const hintLog = "see ThunderID's log, and check its address in the configuration"

// describe says in words what the server answered.
func describe(a answer, p problem, known bool) string {
	text := fmt.Sprintf("answered %d", a.status)
	if c := cmp.Or(p.Code, p.OAuth); known && code.MatchString(c) {
		text += " " + c
		if m := meanings[c]; m != "" {
			text += " (" + m + ")"
		}
	}
	if correlation.MatchString(a.correlation) {
		text += ", correlation id " + a.correlation
	}
	return text
}

// notAPI is the fault of an answer that ThunderID does not give.
func notAPI(a answer) *fault.Error {
	what := "an answer that is not JSON"
	switch {
	case a.status >= 300 && a.status < 400:
		what = "a redirect, as to a login page"
	case strings.Contains(a.contentType, "html"):
		what = "a web page, as for a login"
	}
	return &fault.Error{
		Class: fault.Stalled, Reason: "NotThunder", Unreachable: true,
		Err:  fmt.Errorf("answered %d with %s", a.status, what),
		Hint: "something between gatewright and ThunderID answers in its place: check the configured address, and proxies that ask for a login",
	}
}

// malformed is the fault of JSON that is broken or of the wrong shape. The
// cause is left out, since it may quote the answer.
func malformed(what string) *fault.Error {
	return &fault.Error{
		Class: fault.Transient, Reason: "Malformed", Unreachable: true,
		Err:  fmt.Errorf("the answer is no %s", what),
		Hint: "check that the configured address is that of ThunderID v1.0 or later",
	}
}

// success checks that an answer has one of the statuses and is JSON.
func success(a answer, statuses ...int) error {
	for _, s := range statuses {
		if a.status == s {
			if !a.isJSON() {
				return notAPI(a)
			}
			return nil
		}
	}
	return refusal(a)
}

// retryAfter reads the header of the same name: seconds or a date (RFC 9110
// section 10.2.3).
func retryAfter(v string) time.Duration {
	if s, err := strconv.Atoi(v); err == nil && s > 0 {
		return time.Duration(s) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// unreachable is the fault of a call that got no answer, or half of one. For a
// call that changes something it is an unknown outcome; see effect.lost.
func unreachable(ctx context.Context, err error) error {
	if link, ok := errors.AsType[*url.Error](err); ok {
		err = link.Err // its text has the address, which is said anyway
	}
	f := &fault.Error{Class: fault.Transient, Reason: "Unreachable", Unreachable: true, Err: err}
	var slow net.Error
	var cert *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var dns *net.DNSError
	switch {
	case ctx.Err() != nil:
		f.Reason, f.Err = "NoAnswer", fmt.Errorf("no answer: %w", context.Cause(ctx))
		f.Unreachable = !errors.Is(ctx.Err(), context.Canceled)
	case errors.As(err, &slow) && slow.Timeout():
		f.Reason, f.Err = "NoAnswer", errors.New("no answer in time")
		f.Hint = "look whether ThunderID is overloaded; if it is only far away, raise thunder.timeout in the configuration"
	case errors.As(err, &cert), errors.As(err, &authority):
		f.Class, f.Reason = fault.Stalled, "CertificateNotTrusted"
		f.Hint = "name the certificate authority of ThunderID in the configuration"
	case errors.As(err, &dns) && dns.IsNotFound:
		f.Hint = "check the host name of ThunderID in the configuration"
	case errors.Is(err, syscall.ECONNREFUSED):
		f.Hint = "check that ThunderID runs and that its address in the configuration is right"
	case strings.Contains(err.Error(), "malformed"):
		return notHTTP() // its text quotes what came
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		f.Reason, f.Err = "ConnectionLost", fmt.Errorf("the connection ended before the answer did: %w", err)
		f.Hint = "see ThunderID's log, and that of a proxy in between"
	case strings.Contains(err.Error(), "readLoopPeekFailLocked"):
		// net/http of Go 1.26 says this, without a cause, of a server that
		// answers and hangs up before it was asked.
		f.Reason, f.Err = "ConnectionLost", errors.New("the connection ended before the request was read")
		f.Hint = "see ThunderID's log, and that of a proxy in between"
	}
	return f
}

// notHTTP is the fault of an answer that is not even HTTP.
func notHTTP() *fault.Error {
	return &fault.Error{
		Class: fault.Stalled, Reason: "NotThunder", Unreachable: true, Err: errors.New("the answer is not HTTP"),
		Hint: "check the scheme, http or https, and the port of ThunderID's address in the configuration",
	}
}

// dialed reports that a request may have reached the server.
func dialed(err error) bool {
	var op *net.OpError
	return !errors.As(err, &op) || op.Op != "dial"
}
