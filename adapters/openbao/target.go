package openbao

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/openbao/openbao/api/v2"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/target"
)

// name is what people call the target.
const name = "openbao"

// Target keeps credentials in one mount of one OpenBAO. It is safe for
// concurrent use, but one writer at a time for each binding is assumed: OpenBAO
// has no check-and-set for removing.
type Target struct {
	config  Config
	session *session
	reader  *reader
	ledger  *ledger

	mu      sync.Mutex
	mounted time.Time // when the mount was last seen to be right
	sample  string    // a key that was worked on, for Check
	looking chan struct{}
}

var _ target.Target = (*Target)(nil)

// New returns a target. It fails for a configuration that no server could make
// right, and not because the server is away: that is for each call to report.
// The token is renewed until Close or the end of ctx.
func New(ctx context.Context, c Config) (*Target, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("openbao: %w", err)
	}
	cfg, err := c.clientConfig()
	if err != nil {
		return nil, fmt.Errorf("openbao: %w", err)
	}
	transport, isHTTP := cfg.HttpClient.Transport.(*http.Transport)
	if !isHTTP {
		return nil, errors.New("openbao: the api client has another transport than net/http's")
	}
	// Fewer would close and open connections all the time.
	transport.MaxIdleConnsPerHost = c.Reads + 4
	base, err := api.NewClient(cfg)
	if err != nil {
		return nil, fmt.Errorf("openbao: %w", err)
	}
	cfg.HttpClient.Transport = standbyOnly{transport}
	reader := newReader(cfg.HttpClient.Transport, c)
	return &Target{
		config: c, session: newSession(ctx, c, base, reader), reader: reader, ledger: newLedger(),
		looking: make(chan struct{}, 1),
	}, nil
}

// Name implements target.Target.
func (t *Target) Name() string { return name }

// Close ends the renewal of the token, waits for it, and revokes a token that
// we logged in for.
func (t *Target) Close() error {
	t.session.close()
	t.reader.client.CloseIdleConnections()
	return nil
}

// mountFor is how long one look at the mount counts.
const mountFor = 10 * time.Minute

// ready makes sure that the mount is KV version 2: on any other, what looks like
// a missing credential is none. A look newer than since is not repeated.
func (t *Target) ready(ctx context.Context, since time.Time) *fault.Error {
	seen := func() bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		return t.mounted.After(since)
	}
	if seen() {
		return nil
	}
	select {
	case t.looking <- struct{}{}:
		defer func() { <-t.looking }()
	case <-ctx.Done():
		return t.explain(place{op: "look at the mount"}, context.Cause(ctx))
	}
	if seen() {
		return nil
	}
	if _, f := t.lookAtMount(ctx); f != nil {
		return f
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mounted = time.Now()
	return nil
}

// readyNow is ready with what was seen lately.
func (t *Target) readyNow(ctx context.Context) *fault.Error {
	return t.ready(ctx, time.Now().Add(-mountFor))
}

// lookAtMount asks what the mount is. The path serves every token that may do
// anything below the mount.
func (t *Target) lookAtMount(ctx context.Context) (string, *fault.Error) {
	var in struct {
		Data struct {
			Type    string            `json:"type"`
			Path    string            `json:"path"`
			Options map[string]string `json:"options"`
		} `json:"data"`
	}
	path := "sys/internal/ui/mounts/" + t.config.Mount
	err := t.fetch(ctx, path, nil, func(status int, body []byte) error {
		if status != http.StatusOK || json.Unmarshal(body, &in) != nil || in.Data.Type == "" {
			return errNotOpenBAO
		}
		return nil
	})
	if err != nil {
		f := t.explain(place{"look at the mount", t.config.Mount, path, "read"}, err)
		if f.Reason == "Sealed" {
			t.distinguishSeal(ctx, f)
		}
		return "", f
	}
	return t.judgeMount(in.Data.Path, in.Data.Type, in.Data.Options["version"])
}

// judgeMount says whether a mount is the one that we need.
func (t *Target) judgeMount(path, kind, version string) (string, *fault.Error) {
	f := fault.New(fault.Stalled, "WrongEngine", "")
	f.Target, f.Op, f.Resource = t.Name(), "look at the mount", t.config.Mount
	f.Hint = "name a mount of KV version 2 in the configuration, or enable one: bao secrets enable -path=" + t.config.Mount + " -version=2 kv"
	switch {
	case path != t.config.Mount+"/":
		f.Err = fmt.Errorf("there is no engine at %s/, only at %s", t.config.Mount, shown(path))
	case kind != "kv":
		f.Err = fmt.Errorf("the engine at %s/ is %s and not kv", t.config.Mount, shown(kind))
	case version != "2":
		f.Err = fmt.Errorf("the engine at %s/ is KV version 1, which has no check-and-set", t.config.Mount)
		f.Hint += ", or upgrade it: bao kv enable-versioning " + t.config.Mount
	default:
		return "KV version 2 at " + path, nil
	}
	return "", f
}

// distinguishSeal tells a server that was never initialized from a sealed one:
// both give the same answer.
func (t *Target) distinguishSeal(ctx context.Context, f *fault.Error) {
	if h, err := t.health(ctx); err == nil && !h.Initialized {
		f.Reason, f.Hint = "NotInitialized", "initialize it: bao operator init"
		f.Err = errors.New("OpenBAO is not initialized")
	}
}
