package openbao

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/openbao/openbao/api/v2"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// statusError is an answer that is no success. Its errors are the server's own
// words and are never shown: they are only compared with those that are known.
type statusError struct {
	status     int
	errors     []string
	foreign    bool // not in the form of OpenBAO's errors
	retryAfter time.Duration
}

// Error names the status alone.
func (e *statusError) Error() string {
	if e.foreign {
		return fmt.Sprintf("status %d, and not in OpenBAO's form", e.status)
	}
	return fmt.Sprintf("status %d", e.status)
}

// says reports whether one of the server's errors holds a text.
func (e *statusError) says(text string) bool {
	for _, s := range e.errors {
		if strings.Contains(s, text) {
			return true
		}
	}
	return false
}

// is reports whether the server's only error is a text.
func (e *statusError) is(text string) bool { return len(e.errors) == 1 && e.errors[0] == text }

// asStatus turns the api client's error into ours.
func asStatus(err error) (*statusError, bool) {
	if own, ok := errors.AsType[*statusError](err); ok {
		return own, true
	}
	var response *api.ResponseError
	if !errors.As(err, &response) {
		return nil, false
	}
	e := &statusError{status: response.StatusCode, errors: response.Errors, foreign: response.RawError}
	if e.foreign {
		e.errors = nil
	}
	return e, true
}

// What OpenBAO 2.6 says. Nothing but these words tells the cases apart.
const (
	saysSealed       = "Vault is sealed"
	saysDenied       = "permission denied"
	saysNoRoute      = "no handler for route"
	saysNoNamespace  = "namespace not found"
	saysQuota        = "rate limit quota exceeded"
	saysNoActive     = "active cluster node not found"
	saysNoLeader     = "no active Vault instance found"
	saysMismatch     = "check-and-set parameter did not match the current version"
	saysMetaMismatch = "metadata check-and-set parameter does not match the current version"
	saysCASRequired  = "metadata check-and-set parameter required"
	saysTooLarge     = "value being too large"
	saysPreflight    = "preflight capability check returned 403"
	saysUpgrading    = "Upgrading from non-versioned to versioned data"
	saysBadLogin     = "invalid role or secret ID"
)

// place is what an error is about.
type place struct {
	op       string // as "read credential"
	resource string
	// path and capability are what the call needs by policy.
	path, capability string
}

// explain turns what went wrong into a run error: class, reason, and what a
// person can do. See the README for the table.
func (t *Target) explain(p place, err error) *fault.Error {
	var f *fault.Error
	if errors.As(err, &f) {
		out := *f
		out.Target = t.Name()
		if out.Op == "" {
			out.Op, out.Resource = p.op, p.resource
		}
		return &out
	}
	if status, ok := asStatus(err); ok {
		f = t.explainStatus(p, status)
	} else {
		f = explainSilence(err)
		f.Hint = "look whether OpenBAO runs and is reached at " + t.config.Address
		if f.Reason == "NotOpenBAO" {
			f.Hint = "look what answers at " + t.config.Address + ": a proxy or a login page in between?"
		}
	}
	f.Target, f.Op, f.Resource = t.Name(), p.op, p.resource
	return f
}

func (t *Target) explainStatus(p place, e *statusError) *fault.Error {
	unusable := func(class fault.Class, reason, hint, message string) *fault.Error {
		f := fault.New(class, reason, "%s", message)
		f.Hint, f.Unreachable = hint, true
		return f
	}
	stalled := func(reason, hint, format string, args ...any) *fault.Error {
		f := fault.New(fault.Stalled, reason, format, args...)
		f.Hint = hint
		return f
	}
	switch {
	case e.status == http.StatusServiceUnavailable && e.says(saysSealed):
		return unusable(fault.Waiting, "Sealed", "unseal it: bao operator unseal", "OpenBAO is sealed")
	case e.says(saysNoActive), e.says(saysNoLeader):
		return unusable(fault.Waiting, "NoActiveNode", "look at the cluster: bao operator raft list-peers", "the cluster has no active node")
	case e.status == http.StatusTooManyRequests:
		f := fault.New(fault.Transient, "RateLimited", "a rate limit quota of OpenBAO is exceeded")
		f.RetryAfter = e.retryAfter
		f.Hint = "raise the quota of " + t.config.Mount + "/, or lower the number of parallel reads"
		return f
	case e.status == http.StatusForbidden && e.says(saysPreflight):
		return stalled("MountUnavailable", "enable KV version 2 there (bao secrets enable -path="+t.config.Mount+" -version=2 kv), or grant the policy of the README",
			"there is no engine at %s/, or the policies of the token grant nothing below it", t.config.Mount)
	case e.status == http.StatusForbidden && !e.foreign:
		return stalled("PermissionDenied", fmt.Sprintf("grant %q on %q to the token's policies", p.capability, p.path),
			"permission denied: the token lacks %q on %q", p.capability, p.path)
	case e.status == http.StatusNotFound && e.says(saysNoRoute):
		return stalled("WrongMount", "enable KV version 2 at "+t.config.Mount+"/, or name the right mount in the configuration",
			"OpenBAO has no engine that holds %q", p.path)
	case e.status == http.StatusNotFound && e.says(saysNoNamespace):
		return stalled("NoNamespace", "create it (bao namespace create), or name the right one in the configuration",
			"OpenBAO has no namespace %q", t.config.Namespace)
	case e.status == http.StatusBadRequest && (e.says(saysMismatch) || e.says(saysMetaMismatch)):
		return moved()
	case e.says(saysUpgrading):
		f := fault.New(fault.Waiting, "MountUpgrading", "the mount is being made KV version 2")
		f.Hint = "look again in a moment"
		return f
	case e.says(saysCASRequired):
		return stalled("MetadataCASRequired", "set metadata_cas_required to false on the mount and the entry",
			"the mount demands check-and-set of metadata for every call")
	case e.says(saysTooLarge):
		return stalled("TooLarge", "remove what else is kept in the entry", "the entry is too large for the storage of OpenBAO")
	case e.foreign && e.status != http.StatusBadRequest:
		return unusable(fault.Transient, "NotOpenBAO", "look what answers at "+t.config.Address+": a proxy or a login page in between?", e.Error())
	case e.status >= 500:
		f := fault.New(fault.Transient, "ServerError", "OpenBAO failed with status %d", e.status)
		f.Hint = "look at the log of OpenBAO"
		return f
	default:
		return stalled("Refused", "look at the audit log of OpenBAO for the reason", "OpenBAO refused with status %d", e.status)
	}
}

// moved says that an entry is not what the plan saw.
func moved() *fault.Error {
	f := fault.New(fault.Transient, "Moved", "the credential changed since it was observed")
	f.Hint = "look again: the next plan goes by what stands now"
	return f
}

// explainSilence is for calls that got no answer, or none that makes sense. It
// goes by the sort of error alone.
func explainSilence(err error) *fault.Error {
	var netErr net.Error
	var dns *net.DNSError
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	reason, message := "Unreachable", "no answer"
	class := fault.Transient
	switch {
	case errors.Is(err, errNotOpenBAO), errors.As(err, &syntax), errors.As(err, &kind):
		reason, message = "NotOpenBAO", errNotOpenBAO.Error()
	case errors.Is(err, context.Canceled):
		reason, message = "Cancelled", "cancelled"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		reason, message = "Timeout", "no answer in time"
	case errors.As(err, &dns):
		message = "the host name is not known"
	case errors.Is(err, syscall.ECONNREFUSED):
		message = "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.EPIPE):
		message = "the connection ended without a whole answer"
	case strings.Contains(err.Error(), "x509:"), strings.Contains(err.Error(), "tls:"):
		reason, message, class = "TLS", "the server's certificate is not trusted, or it speaks no TLS that we do", fault.Stalled
	case strings.Contains(err.Error(), "protocol downgrade"), strings.Contains(err.Error(), "redirect"):
		reason, message = "Redirected", "the server redirects to where we do not follow"
	}
	f := fault.New(class, reason, "%s", message)
	f.Unreachable = reason != "Cancelled"
	return f
}

// unsent reports that a call surely had no effect: it never reached the server,
// or the server refused it before it did anything.
func unsent(err error) bool {
	if status, ok := asStatus(err); ok {
		return status.status < 500 && !status.foreign || status.says(saysSealed)
	}
	var op *net.OpError
	var f *fault.Error
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &f)
}

// systemic reports that a failure concerns the server and not one entry, so
// that asking on would only make it worse.
func systemic(f *fault.Error) bool {
	switch f.Reason {
	case "Sealed", "NotInitialized", "NoActiveNode", "MountUpgrading", "RateLimited", "MountUnavailable", "WrongMount", "WrongEngine", "NoNamespace",
		"TokenDead", "LoginRefused", "LoginFailed", "TLS", "Cancelled":
		return true
	default:
		return false
	}
}
