package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// fault says what an error means for whoever runs this: its class, a word for
// machines and what to do. The kinds of error are those of this table, tried
// from above:
//
//	already classified                        as it is
//	the caller gave up                        transient, Canceled
//	the repository's state                    waiting or stalled
//	the server's refusal                      stalled, but for 429 and 5xx
//	the network                               transient and unreachable, but for TLS
//	anything else                             transient
func (s *Source) fault(op string, err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	e := &fault.Error{Class: fault.Transient, Reason: "ReadFailed", Err: err}
	for _, classify := range []func(*fault.Error, error) bool{canceled, stateOfRefs, stateOfObjects, stateOfDisk, refusal, refusedSSH, unreachable} {
		if classify(e, err) {
			break
		}
	}
	e.Op, e.Target, e.Resource = op, "git", s.location.String()
	return e
}

func set(e *fault.Error, class fault.Class, reason, hint string) bool {
	e.Class, e.Reason, e.Hint = class, reason, hint
	return true
}

func canceled(e *fault.Error, err error) bool {
	switch {
	case errors.Is(err, errTimeout), errors.Is(err, context.DeadlineExceeded):
		e.Unreachable = true
		return set(e, fault.Transient, "Timeout", "the repository's host does not answer in time; see whether it is up, or raise the timeout")
	case errors.Is(err, context.Canceled), errors.Is(err, errClosed):
		return set(e, fault.Transient, "Canceled", "")
	}
	return false
}

func stateOfRefs(e *fault.Error, err error) bool {
	if ref, ok := errors.AsType[*missingRefError](err); ok {
		hint := "push a commit"
		if len(ref.others) > 0 {
			hint = "it has " + strings.Join(near(ref.short(), ref.others), ", ")
		}
		switch {
		case ref.unborn && len(ref.others) == 0:
			return set(e, fault.Waiting, "EmptyRepository", "push a commit to it")
		case ref.unborn:
			return set(e, fault.Waiting, "UnbornBranch", hint+"; configure one of them, or push a commit")
		case ref.tag():
			return set(e, fault.Stalled, "TagNotFound", hint+"; configure another, or push the tag")
		default:
			return set(e, fault.Stalled, "BranchNotFound", hint+"; configure another, or push the branch")
		}
	}
	if path, ok := errors.AsType[*missingPathError](err); ok {
		hint := "configure a directory of this revision"
		if len(path.others) > 0 {
			hint += "; there are " + strings.Join(path.others, ", ")
		}
		return set(e, fault.Stalled, "PathNotFound", hint)
	}
	return false
}

func stateOfObjects(e *fault.Error, err error) bool {
	switch {
	case errors.Is(err, ErrUnknownRevision):
		return set(e, fault.Stalled, "UnknownRevision", "see git log for what there is; a commit that was pushed over by force may be gone")
	case errors.Is(err, errAmbiguous):
		return set(e, fault.Stalled, "AmbiguousRevision", "write more digits of the id")
	case errors.Is(err, errNotSupported):
		return set(e, fault.Stalled, "UnsupportedRevision", "write what git rev-parse prints for it")
	case errors.Is(err, ErrShallow):
		return set(e, fault.Stalled, "ShallowHistory", "run git fetch --unshallow in the repository")
	case errors.Is(err, errNotCommit):
		return set(e, fault.Stalled, "NotACommit", "name a commit, a branch or a tag")
	case errors.Is(err, errTooMany):
		return set(e, fault.Stalled, "TooManyFiles", "keep specs in a directory of their own and configure it as the path, or raise the limit")
	case errors.Is(err, errTooLarge):
		return set(e, fault.Stalled, "TooLarge", "specs are small; remove the file, or raise the limit")
	case errors.Is(err, fs.ErrPermission):
		return set(e, fault.Stalled, "PermissionDenied", "let the user that gatewright runs as read the repository")
	case errors.Is(err, errCorrupt):
		return set(e, fault.Stalled, "CorruptRepository", "run git fsck --full in the repository")
	case errors.Is(err, plumbing.ErrObjectNotFound):
		return set(e, fault.Transient, "ObjectNotFound", "it may have been pushed over and collected meanwhile; if it stays so, the clone is partial or broken: run git fsck")
	}
	return false
}

func stateOfDisk(e *fault.Error, err error) bool {
	switch {
	case errors.Is(err, errNotRepository):
		return set(e, fault.Stalled, "NotARepository", "name a directory that git init, clone or worktree made")
	case errors.Is(err, errFormat):
		return set(e, fault.Stalled, "UnsupportedFormat", "repositories with SHA-1 ids and plain refs are read; clone into one, or read it over https or ssh")
	case errors.Is(err, fs.ErrNotExist):
		return set(e, fault.Stalled, "RepositoryNotFound", "create it with git init --bare, or name another path")
	}
	return false
}

func refusal(e *fault.Error, err error) bool {
	if status, ok := errors.AsType[*statusError](err); ok {
		return refusedStatus(e, status)
	}
	if to := (*redirectError)(nil); errors.As(err, &to) {
		return set(e, fault.Stalled, "Redirected", "credentials are sent to the configured host alone; if it moved, configure where it is now")
	}
	if not := (*notGitError)(nil); errors.As(err, &not) {
		return set(e, fault.Stalled, "NotAGitServer", "the URL leads to a web page, as that of a login; write the URL that git clone takes, and configure credentials")
	}
	var said *remoteError
	switch {
	case !errors.As(err, &said):
		return false
	case said.missing():
		return set(e, fault.Stalled, "RepositoryNotFound", "compare the path with what git clone takes; many hosts answer so too when access is missing")
	case said.denied():
		return set(e, fault.Stalled, "PermissionDenied", "let the configured user or key read the repository")
	}
	return set(e, fault.Transient, "RefusedByServer", "")
}

func refusedStatus(e *fault.Error, s *statusError) bool {
	e.RetryAfter = s.retryAfter
	switch {
	case s.status == http.StatusUnauthorized && !s.offered:
		return set(e, fault.Stalled, "AuthenticationRequired", "configure a user name with a password, or a token")
	case s.status == http.StatusUnauthorized:
		return set(e, fault.Stalled, "AuthenticationFailed", "the password or token is wrong or expired; configure a valid one")
	case s.status == http.StatusForbidden:
		return set(e, fault.Stalled, "PermissionDenied", "let the configured user or token read the repository")
	case s.status == http.StatusNotFound, s.status == http.StatusGone:
		return set(e, fault.Stalled, "RepositoryNotFound", "compare the URL with what git clone takes; many hosts answer so too when access is missing")
	case s.status == http.StatusTooManyRequests:
		return set(e, fault.Transient, "RateLimited", "poll less often")
	case s.status >= http.StatusInternalServerError:
		e.Unreachable = true
		return set(e, fault.Transient, "ServerError", "")
	}
	return set(e, fault.Stalled, "RefusedByServer", "compare the URL with what git clone takes")
}

func refusedSSH(e *fault.Error, err error) bool {
	var host *hostKeyError
	switch {
	case errors.As(err, &host) && host.changed:
		return set(e, fault.Stalled, "HostKeyChanged", "somebody may be in between; compare the key with what the host publishes, and only then replace it in known_hosts")
	case errors.As(err, &host):
		return set(e, fault.Stalled, "HostKeyUnknown", "compare the key of ssh-keyscan "+host.host+" with what the host publishes, and add it to known_hosts")
	case errors.Is(err, errNoSSHKey):
		return set(e, fault.Stalled, "AuthenticationRequired", "configure an SSH key")
	case strings.Contains(err.Error(), "ssh: unable to authenticate"):
		return set(e, fault.Stalled, "AuthenticationFailed", "add the public key to the repository's host, or configure another key")
	}
	return false
}

func unreachable(e *fault.Error, err error) bool {
	var network net.Error
	switch {
	case certificate(err):
		e.Unreachable = true
		return set(e, fault.Stalled, "TLSFailed", "if the host's certificate is of your own CA, configure the CA file; never turn verification off")
	case errors.As(err, &network) && network.Timeout():
		e.Unreachable = true
		return set(e, fault.Transient, "Timeout", "the repository's host does not answer in time; see whether it is up, or raise the timeout")
	case errors.As(err, &network), errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e.Unreachable = true
		return set(e, fault.Transient, "Unreachable", "see whether the repository's host is up, and whether it can be reached from here")
	case errors.Is(err, errProtocol):
		e.Unreachable = true
		return set(e, fault.Transient, "InvalidAnswer", "compare the URL with what git clone takes")
	}
	return false
}

func certificate(err error) bool {
	var (
		verify  *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		header  tls.RecordHeaderError
		alert   tls.AlertError
	)
	return errors.As(err, &verify) || errors.As(err, &unknown) || errors.As(err, &host) ||
		errors.As(err, &invalid) || errors.As(err, &header) || errors.As(err, &alert) ||
		strings.Contains(fmt.Sprint(err), "server gave HTTP response to HTTPS client")
}
