package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// pipe is a conversation over two streams: those of a program that ssh started,
// or of a connection to git's own daemon.
type pipe struct {
	in  io.WriteCloser
	out io.Reader
	// said returns what the other side said beside the protocol.
	said func() string
	end  func() error
}

func (p *pipe) advertise(context.Context) (*packp.AdvRefs, error) {
	adv := packp.NewAdvRefs()
	err := adv.Decode(io.LimitReader(p.out, maxAdvertised))
	switch {
	case err == nil, errors.Is(err, packp.ErrEmptyAdvRefs):
		return adv, nil
	case errors.Is(err, packp.ErrEmptyInput), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		if said := p.said(); said != "" {
			return nil, &remoteError{said}
		}
	}
	return nil, answerError(err)
}

func (p *pipe) request(_ context.Context, req *packp.UploadPackRequest) (*packp.UploadPackResponse, error) {
	if err := encode(p.in, req, true); err != nil {
		return nil, err
	}
	return decode(req, io.NopCloser(p.out))
}

func (p *pipe) send(_ context.Context, body []byte) (io.ReadCloser, error) {
	if _, err := p.in.Write(body); err != nil {
		return nil, fmt.Errorf("send request: %w", err)
	}
	return io.NopCloser(p.out), nil
}

func (p *pipe) close() error {
	// A flush ends the conversation politely where no pack was asked for;
	// otherwise nobody listens any more.
	_, _ = p.in.Write(pktline.FlushPkt)
	return p.end()
}

// remoteError is what a git server says itself, as ERR or on its standard
// error.
type remoteError struct{ text string }

func (e *remoteError) Error() string { return "the server says: " + e.text }

// missing reports whether the words say that there is no such repository; every
// host has its own.
func (e *remoteError) missing() bool {
	text := strings.ToLower(e.text)
	for _, words := range []string{
		"not found", "does not exist", "does not appear to be a git repository", "no such repository",
		"not exported", "could not be found", "not a git repository",
	} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

func (e *remoteError) denied() bool {
	text := strings.ToLower(e.text)
	return strings.Contains(text, "denied") || strings.Contains(text, "not authorized") || strings.Contains(text, "permission")
}

// answerError tells what a server said from what it should have said.
func answerError(err error) error {
	if line, ok := errors.AsType[*pktline.ErrorLine](err); ok {
		return &remoteError{printable(line.Text)}
	}
	for _, end := range []error{io.ErrUnexpectedEOF, io.EOF, packp.ErrEmptyInput} {
		if errors.Is(err, end) {
			return fmt.Errorf("%w: %w", errProtocol, io.ErrUnexpectedEOF)
		}
	}
	var broken net.Error
	if errors.As(err, &broken) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if unexpected, ok := errors.AsType[*packp.ErrUnexpectedData](err); ok {
		// It would repeat what was received.
		return fmt.Errorf("%w: %s", errProtocol, printable(unexpected.Msg))
	}
	return fmt.Errorf("%w: %w", errProtocol, plain(err))
}

const gitPort = "9418"

// dialGit begins a conversation with git daemon.
func dialGit(ctx context.Context, loc location, s service) (conversation, error) {
	host := loc.host
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(strings.Trim(host, "[]"), gitPort)
	}
	conn, err := connect(ctx, host)
	if err != nil {
		return nil, err
	}
	// The connection ends with the context; stop lets go of it before.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	end := func() error { stop(); return conn.Close() }
	ask := packp.GitProtoRequest{RequestCommand: string(s), Pathname: loc.path, Host: loc.host}
	if err := ask.Encode(conn); err != nil {
		return nil, errors.Join(err, end())
	}
	return &pipe{in: conn, out: conn, said: func() string { return "" }, end: end}, nil
}

// connect dials, and sets the deadline of the context on the connection.
func connect(ctx context.Context, address string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: 15 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}
