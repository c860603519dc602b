//go:build unix

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gatewright/gatewright/e2e/harness"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// Traffic is what consumers do while something changes: 100 calls a second, or 20
// requests for tokens.
//
//	traffic NAME call AGENT            call an API without a token
//	traffic NAME call AGENT WITH       with one that agent WITH has got now
//	traffic NAME reread AGENT CLIENT   ask for a token with the stored credential,
//	                                   and read that anew when it is refused
//	traffic NAME once AGENT CLIENT     the same with the credential as it is now,
//	                                   never read anew
//	answered NAME OUTCOME>OUTCOME...   end it, and insist on these answers in this
//	                                   order: once another one has come, none of
//	                                   those before may come again. Outcomes are
//	                                   statuses of calls, and token or refused

// The time from one request to the next: a token costs the identity provider a
// hash.
const (
	callEvery = 10 * time.Millisecond
	askEvery  = 50 * time.Millisecond
)

// traffic is requests in the background.
type traffic struct {
	stop context.CancelFunc
	done sync.WaitGroup

	mu sync.Mutex
	// runs are the outcomes in order, equal ones that follow each other
	// counted together.
	runs []outcomes
}

type outcomes struct {
	outcome string
	count   int
}

// begin makes a request every so often.
func begin(ctx context.Context, every time.Duration, request func(context.Context) string) *traffic {
	t := &traffic{}
	ctx, t.stop = context.WithCancel(ctx)
	t.done.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			// What has begun is awaited, so that its end is no failure of it.
			outcome := request(context.WithoutCancel(ctx))
			t.mu.Lock()
			if n := len(t.runs); n > 0 && t.runs[n-1].outcome == outcome {
				t.runs[n-1].count++
			} else {
				t.runs = append(t.runs, outcomes{outcome, 1})
			}
			t.mu.Unlock()
		}
	})
	return t
}

// end ends it and returns what came.
func (t *traffic) end() []outcomes {
	t.stop()
	t.done.Wait()
	return t.runs
}

func startTraffic(ts *testscript.TestScript, w *world, args []string) {
	name, kind, b := args[0], args[1], w.agent(args[2])
	if w.traffic[name] != nil {
		ts.Fatalf("traffic %s runs already", name)
	}
	var request func(context.Context) string
	every := callEvery
	switch {
	case kind == "call" && len(args) == 3:
		request = w.caller(b, "")
	case kind == "call":
		token, err := w.by.Token(w.ctx, harness.Credential(w.agent(args[3]), resource.ClientOwn))
		ts.Check(err)
		request = w.caller(b, token)
	case (kind == "reread" || kind == "once") && len(args) == 4:
		path := harness.Credential(b, args[3])
		id, secret, err := w.by.Stored(w.ctx, path)
		ts.Check(err)
		request, every = w.asker(path, id, secret, kind == "reread"), askEvery
	default:
		ts.Fatalf("nothing is known of traffic %s", strings.Join(args[1:], " "))
	}
	w.traffic[name] = begin(w.ctx, every, request)
}

// caller calls an API.
func (w *world) caller(b resource.Binding, token string) func(context.Context) string {
	return func(ctx context.Context) string {
		status, err := w.by.Call(ctx, b.Organization, b.Agent, b.Environment, token)
		if err != nil {
			return "error"
		}
		return fmt.Sprint(status)
	}
}

// asker asks for tokens.
func (w *world) asker(path, id, secret string, reread bool) func(context.Context) string {
	return func(ctx context.Context) string {
		_, err := w.by.Ask(ctx, id, secret)
		if err != nil && reread {
			if id, secret, err = w.by.Stored(ctx, path); err == nil {
				_, err = w.by.Ask(ctx, id, secret)
			}
		}
		if err != nil {
			return "refused"
		}
		return "token"
	}
}

func answered(ts *testscript.TestScript, w *world, args []string) {
	t := w.traffic[args[0]]
	if t == nil {
		ts.Fatalf("there is no traffic %s", args[0])
	}
	delete(w.traffic, args[0])
	runs := t.end()
	var got, counted []string
	for _, r := range runs {
		got = append(got, r.outcome)
		counted = append(counted, fmt.Sprintf("%s %d times", r.outcome, r.count))
	}
	ts.Logf("%s: %s", args[0], strings.Join(counted, ", then "))
	if want := strings.Split(args[1], ">"); !slices.Equal(got, want) {
		ts.Fatalf("%s was answered %s; want %s", args[0], strings.Join(counted, ", then "), strings.Join(want, ", then "))
	}
}
