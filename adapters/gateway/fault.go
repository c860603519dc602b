package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/reconciler/fault"
)

var errNotJSON = errors.New("the answer is no JSON: something else than the Kubernetes API answers at its address")

// access is a call in the words of RBAC.
type access struct {
	verb, group, resource, namespace, name string
}

// String prints a as "patch releasebindings.openchoreo.dev acme/booking-dev".
func (a access) String() string {
	s := a.verb + " " + a.resource
	if a.group != "" {
		s += "." + a.group
	}
	switch {
	case a.namespace != "" && a.name != "":
		return s + " " + a.namespace + "/" + a.name
	case a.namespace != "":
		return s + " in namespace " + a.namespace
	case a.name != "":
		return s + " " + a.name
	default:
		return s
	}
}

// rule is the RBAC rule that allows a.
func (a access) rule() string {
	rule := fmt.Sprintf(`{apiGroups: [%q], resources: [%q], verbs: [%q]}`, a.group, a.resource, a.verb)
	if a.namespace == "" {
		return rule + " in a ClusterRole, bound by a ClusterRoleBinding"
	}
	return rule + " for namespace " + a.namespace
}

// classify says what err means.
//
//	answer                                  | read       | write
//	----------------------------------------+------------+----------------
//	401, 403, 400, 405, 413, 415, 422       | stalled    | stalled
//	404 of an object                        | waiting    | waiting
//	404 of a path that is not served        | stalled    | stalled
//	409 of field managers                   | conflict   | conflict
//	409 otherwise, 410                      | transient  | transient
//	429, 503 of the API server itself       | transient  | transient
//	other 5xx                               | transient  | unknown outcome
//	no JSON, a redirect                     | stalled    | unknown outcome
//	no connection, a wrong certificate      | transient, | the same: nothing
//	                                        | stalled    | was sent
//	an end of connection, a deadline        | transient  | unknown outcome
func classify(err error, a access, write bool) *fault.Error {
	f := &fault.Error{Op: a.String(), Err: err}
	var answer *answerError
	switch {
	case errors.As(err, &answer):
		f.RetryAfter = answer.RetryAfter
		classifyAnswer(f, answer, a, write)
	case errors.Is(err, errNotJSON):
		f.Class, f.Reason, f.Unreachable = fault.Stalled, "NotKubernetes", true
		f.Hint = "check the API server's address, and whether a proxy or a login page stands before it"
		lost(f, write)
	default:
		classifyLink(f, err, write)
	}
	return f
}

// lost says of a write whose answer is of no use that nobody knows what came
// of it.
func lost(f *fault.Error, write bool) {
	if write {
		f.Class, f.Reason = fault.Unknown, "AnswerLost"
	}
}

func classifyAnswer(f *fault.Error, e *answerError, a access, write bool) {
	f.Class = fault.Stalled
	switch code := e.Code; {
	case code == http.StatusUnauthorized:
		f.Reason, f.Hint = "Unauthenticated", "the API server does not accept the credentials: renew the token or the client certificate"
	case code == http.StatusForbidden:
		f.Reason, f.Hint = "PermissionDenied", "allow it: "+a.rule()
	case code == http.StatusNotFound && !e.Status, code == http.StatusNotFound && e.Object == "":
		f.Reason, f.Hint = "NotServed", fmt.Sprintf("the API server serves no %s of %s: install its definitions", a.resource, a.group)
	case code == http.StatusNotFound:
		f.Class, f.Reason = fault.Waiting, "NotFound"
	case code == http.StatusConflict && slices.ContainsFunc(e.Causes, func(c cause) bool { return c.Reason == "FieldManagerConflict" }):
		f.Class, f.Reason = fault.Conflict, "FieldManagerConflict"
		f.Err = errors.New(fieldConflicts(e.Causes))
		f.Hint = "let one of the two manage the field: remove it there, or allow gatewright to adopt it"
	case code == http.StatusConflict:
		f.Class, f.Reason = fault.Transient, "Moved"
	case code == http.StatusGone:
		f.Class, f.Reason = fault.Transient, "Expired"
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable && e.Status:
		f.Class, f.Reason, f.Unreachable = fault.Transient, "Overloaded", code != http.StatusTooManyRequests
	case code >= http.StatusInternalServerError:
		f.Class, f.Reason, f.Unreachable = fault.Transient, "ServerError", !e.Status
		f.Hint = "see the API server's log"
		lost(f, write)
	case code/100 == 3:
		f.Reason, f.Unreachable = "Redirected", true
		f.Hint = "check the API server's address, and whether a login page stands before it"
		lost(f, write)
	default:
		f.Reason = "Refused"
		f.Hint = "the versions of OpenChoreo or of the trait may differ from those that gatewright knows; see `gatewright doctor`"
	}
}

// fieldConflicts lists who manages what, as the API server tells it.
func fieldConflicts(causes []cause) string {
	parts := make([]string, 0, len(causes))
	for _, c := range causes {
		parts = append(parts, oneLine(c.Message)+": "+c.Field)
	}
	return "other field managers hold what is to be applied: " + strings.Join(parts, "; ")
}

func classifyLink(f *fault.Error, err error, write bool) {
	f.Class, f.Reason, f.Unreachable = fault.Transient, "Unreachable", true
	f.Hint = "check that the API server is up and that it can be reached from here"
	if link, ok := errors.AsType[*url.Error](err); ok {
		f.Err = link.Err // the address is in the hint's place, not in each line
	}
	var dial *net.OpError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var verification *tls.CertificateVerificationError
	switch {
	case errors.As(err, &authority), errors.As(err, &host), errors.As(err, &verification):
		f.Class, f.Reason = fault.Stalled, "CertificateInvalid"
		f.Hint = "give gatewright the CA that signed the API server's certificate"
	case errors.As(err, &dial) && dial.Op == "dial":
	case errors.Is(err, context.Canceled):
		f.Reason, f.Unreachable, f.Hint = "Cancelled", false, ""
		lost(f, write)
	default:
		lost(f, write)
	}
}

// asFault finds the run error in err.
func asFault(err error, into **fault.Error) bool { return errors.As(err, into) }
