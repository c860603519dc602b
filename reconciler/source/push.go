package source

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // the format of packs, not a protection
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// maxReport bounds what a server answers to a push.
const maxReport = 1 << 20

// refusalError is a push that the server, or a hook of it, does not take.
type refusalError struct{ text string }

func (e *refusalError) Error() string { return "the server refuses the push: " + e.text }

// push sends a delivery to git-receive-pack. The server moves the branch only if
// it stands where we saw it, so that nothing is ever pushed over.
func (l *remoteLook) push(ctx context.Context, d *delivery) error {
	talk, err := l.remote.dial(ctx, receivePack)
	if err != nil {
		return err
	}
	defer func() { _ = talk.close() }() // the answer was read, or is of no use
	adv, err := talk.advertise(ctx)
	if err != nil {
		return err
	}
	if adv.References[d.ref] != d.old {
		return errMoved
	}
	pack, err := packOf(d.objects)
	if err != nil {
		return err
	}
	req := updating(adv.Capabilities, d)
	var body bytes.Buffer
	if err := req.Encode(&body); err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	body.Write(pack)
	answer, err := talk.send(ctx, body.Bytes())
	// A server that fails, or a proxy before it, may have passed the push on.
	if status, ok := errors.AsType[*statusError](err); ok && status.status < http.StatusInternalServerError {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errUncertain, because(ctx, err))
	}
	said, err := l.report(answer, req, d)
	if errors.Is(err, errUncertain) {
		return fmt.Errorf("%w: %w", err, because(ctx, io.ErrUnexpectedEOF))
	}
	if err != nil {
		return l.refusedPush(ctx, d, said, err)
	}
	l.remote.take(pack, d)
	return nil
}

// updating begins a request that moves one branch.
func updating(caps *capability.List, d *delivery) *packp.ReferenceUpdateRequest {
	req := packp.NewReferenceUpdateRequest()
	for _, c := range []capability.Capability{capability.ReportStatus, capability.Sideband64k} {
		if caps.Supports(c) {
			mustSet(req.Capabilities, c)
		}
	}
	if caps.Supports(capability.Agent) {
		mustSet(req.Capabilities, capability.Agent, "gatewright")
	}
	req.Commands = []*packp.Command{{Name: plumbing.ReferenceName(d.ref), Old: d.old, New: d.new}}
	return req
}

// report reads whether the server took a delivery, and what it said beside that.
func (l *remoteLook) report(answer io.ReadCloser, req *packp.ReferenceUpdateRequest, d *delivery) (string, error) {
	defer func() { _ = answer.Close() }() // it was read to its end, or is of no use
	r := io.LimitReader(answer, maxReport)
	said := new(tail)
	if req.Capabilities.Supports(capability.Sideband64k) {
		demuxer := sideband.NewDemuxer(sideband.Sideband64k, r)
		demuxer.Progress = said
		r = demuxer
	}
	if !req.Capabilities.Supports(capability.ReportStatus) {
		return "", errUncertain
	}
	status := packp.NewReportStatus()
	if err := status.Decode(r); err != nil {
		return said.String(), errUncertain
	}
	if status.UnpackStatus != "ok" {
		return said.String(), errors.New("it could not unpack the objects: " + status.UnpackStatus)
	}
	for _, c := range status.CommandStatuses {
		if c.ReferenceName.String() != d.ref {
			continue
		}
		if c.Status != "ok" {
			return said.String(), errors.New(c.Status)
		}
		return "", nil
	}
	return said.String(), errUncertain
}

// refusedPush tells a branch that somebody else moved from a server that does not
// want the push: every server has other words for both.
func (l *remoteLook) refusedPush(ctx context.Context, d *delivery, said string, refused error) error {
	now := &remoteLook{remote: l.remote}
	if err := now.connect(ctx); err == nil {
		defer func() { _ = now.close() }() // it was only read
		if now.ids[d.ref] != d.old {
			return errMoved
		}
	}
	text := refused.Error()
	if said = strings.TrimSpace(said); said != "" {
		text += ": " + said
	}
	return &refusalError{text}
}

// take keeps what was pushed, so that it need not be fetched.
func (r *remote) take(pack []byte, d *delivery) {
	if got, err := indexPack(pack); err == nil {
		r.add(got)
		r.tip = d.new
	}
}

// packOf makes a pack of whole objects.
func packOf(objects []written) ([]byte, error) {
	b := new(bytes.Buffer)
	b.WriteString("PACK")
	_ = binary.Write(b, binary.BigEndian, uint32(2)) // a buffer takes everything
	_ = binary.Write(b, binary.BigEndian, uint32(len(objects)))
	for _, o := range objects {
		if err := writeEntry(b, o.object); err != nil {
			return nil, fmt.Errorf("make pack: %w", err)
		}
	}
	sum := sha1.Sum(b.Bytes()) //nolint:gosec // as above
	b.Write(sum[:])
	return b.Bytes(), nil
}

// pushFault is fault for what goes wrong with a push; sent says that it may have
// happened.
func (s *Source) pushFault(err error, sent bool) error {
	if refusal, ok := errors.AsType[*refusalError](err); ok {
		e := fault.New(fault.Stalled, "PushRefused", "the server refuses the push: %s", s.redacted(refusal.text))
		e.Hint = "the branch may be protected: let gatewright push to it, or have changes proposed on branches of their own"
		err = e
	}
	err = s.fault("commit", err)
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	out := *e
	if out.Op == "" {
		out.Op, out.Target, out.Resource = "commit", "git", s.location.String()
	}
	switch {
	case sent:
		out.Class, out.Reason = fault.Unknown, "PushUnanswered"
		out.Hint = "look whether the commit is on the branch before trying again"
	case out.Reason == "PermissionDenied", out.Reason == "AuthenticationRequired":
		out.Hint = "let the configured user, token or key write to the repository"
	case out.Reason == "ReadFailed":
		out.Reason = "CommitFailed"
	}
	return &out
}

// userInfo is what a URL in somebody's words carries before the host.
var userInfo = regexp.MustCompile(`://[^/@\s]*@`)

// maxSaid bounds what is repeated of a server's words.
const maxSaid = 500

// redacted is what a server said, without credentials, on few lines.
func (s *Source) redacted(text string) string {
	text = userInfo.ReplaceAllString(text, "://***@")
	for _, secret := range []string{s.config.Auth.Password.Reveal(), s.config.Auth.Token.Reveal(), s.location.password.Reveal()} {
		if len(secret) > 3 {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	text = strings.Join(strings.Fields(printable(text)), " ")
	if len(text) > maxSaid {
		text = strings.ToValidUTF8(text[:maxSaid], "") + "…"
	}
	return text
}
