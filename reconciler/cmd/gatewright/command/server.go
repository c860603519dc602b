package command

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// server is a console whose API answers in place of the inventory and the
// targets, so that a person needs no right but their role there.
type server struct {
	url, tokenFile string
}

// serverToken is the variable of the environment with the token for the API.
const serverToken = "GATEWRIGHT_SERVER_TOKEN"

// serverFlags lets a command ask a console.
func serverFlags(cmd *cobra.Command) *server {
	s := &server{}
	cmd.Flags().StringVar(&s.url, "server", "", "ask the console at this URL, and need no configuration")
	cmd.Flags().StringVar(&s.tokenFile, "server-token-file", "", "file with the token for the console; by default "+serverToken+" holds it")
	return s
}

// given reports that a console is to be asked.
func (s *server) given() bool { return s.url != "" || s.tokenFile != "" }

// serverLimit bounds a call of the API, maxServerAnswer what is read of it.
const (
	serverLimit     = time.Minute
	maxServerAnswer = 64 << 20
)

// call asks the API; in and out are JSON, or nil.
func (s *server) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	target, err := s.target(path, query)
	if err != nil {
		return err
	}
	token, err := s.token()
	if err != nil {
		return err
	}
	body := io.Reader(http.NoBody)
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("ask the console: %w", err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), body)
	if err != nil {
		return usage("--server %q: %w", s.url, err)
	}
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	// A redirect is refused: the token is for this console alone.
	client := http.Client{Timeout: serverLimit, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return s.silence(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxServerAnswer))
	switch {
	case err != nil:
		return s.silence(err)
	case resp.StatusCode >= http.StatusMultipleChoices:
		return s.refusal(resp, text)
	case out == nil:
		return nil
	case json.Unmarshal(text, out) != nil:
		return s.foreign(resp)
	}
	return nil
}

// target is the URL of a path of the API.
func (s *server) target(path string, query url.Values) (*url.URL, error) {
	u, err := url.Parse(s.url)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, usage("--server is the URL of a console, as https://gatewright.example.org, without a user, a query or a fragment")
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, usage("--server begins with https://: a token is not sent in plain text to another machine")
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + "/api/v1" + path
	u.RawQuery = query.Encode()
	return u, nil
}

// loopback reports that a host is this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// token reads the token for the API.
func (s *server) token() (resource.Secret, error) {
	value := os.Getenv(serverToken)
	if s.tokenFile != "" {
		text, err := os.ReadFile(s.tokenFile)
		if err != nil {
			return resource.Secret{}, usage("--server-token-file: %w", err)
		}
		value = string(text)
	}
	value = strings.TrimSpace(value)
	if value == "" || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return resource.Secret{}, usage("no token for the console: name a file that holds one with --server-token-file, or set %s", serverToken)
	}
	return resource.NewSecret(value), nil
}

// problem is an error of the API (RFC 9457).
type problem struct {
	Detail string      `json:"detail"`
	Title  string      `json:"title"`
	Class  fault.Class `json:"class"`
	Reason string      `json:"reason"`
	Hint   string      `json:"hint"`
	Errors []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
	} `json:"errors"`
}

// refusal says an error of the API as if it had happened here.
func (s *server) refusal(resp *http.Response, text []byte) error {
	var p problem
	if json.Unmarshal(text, &p) != nil || p.Title == "" {
		return s.foreign(resp)
	}
	details := []string{cmp.Or(p.Detail, p.Title)}
	for _, e := range p.Errors {
		details = append(details, e.Location+": "+e.Message)
	}
	f := &fault.Error{Class: cmp.Or(p.Class, fault.Stalled), Target: "console", Reason: p.Reason, Hint: p.Hint, Err: errors.New(strings.Join(details, "; "))}
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		f.Hint = cmp.Or(f.Hint, "the token is expired, or not for this console; get a new one")
	case http.StatusForbidden:
		f.Hint = cmp.Or(f.Hint, "ask whoever grants roles at the console")
	case http.StatusNotFound:
		f.Hint = cmp.Or(f.Hint, "see `gatewright status --server "+s.url+"` for what you may see")
	}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		f.RetryAfter = time.Duration(seconds) * time.Second
	}
	return f
}

// foreign says that what answers is no console.
func (s *server) foreign(resp *http.Response) error {
	f := fault.New(fault.Stalled, "NotAConsole", "what answers there with status %d is no console", resp.StatusCode)
	f.Target, f.Op, f.Resource, f.Hint = "console", "ask", s.url, "look at --server: it is the address of the console, without /api"
	return f
}

// silence says that the console gave no answer.
func (s *server) silence(err error) error {
	if link, ok := errors.AsType[*url.Error](err); ok {
		err = link.Err
	}
	return &fault.Error{
		Class: fault.Transient, Target: "console", Op: "ask", Resource: s.url, Reason: "Unreachable", Unreachable: true, Err: err,
		Hint: "look whether the console runs, and whether it can be reached from here",
	}
}
