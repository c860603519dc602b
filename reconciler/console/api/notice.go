package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
)

// How long a reader may take for one notice, how often a silent stream says that
// it lives, and when a reader comes again that has lost it.
const (
	writeLimit = 10 * time.Second
	heartbeat  = 20 * time.Second
	comeAgain  = 3 * time.Second
)

// notices registers the stream of notices (Server-Sent Events).
func (s service) notices() {
	op := s.operation("watch", http.MethodGet, prefix+"/events", tagBindings, "Be told what has changed, as it changes")
	op.Description = "Each event bears its kind as its name: bindings, event, run or revision. " +
		"One may be lost: it says that something is to be looked at again, and not what it is."
	op.Responses["200"] = &huma.Response{
		Description: "Server-Sent Events, each with a notice as its data",
		Content: map[string]*huma.MediaType{
			"text/event-stream": {Schema: s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[desk.Notice](), true, "Notice")},
		},
	}
	huma.Register(s.api, op, func(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
		if !access.From(ctx).MayAny(access.Viewer) {
			return nil, problemOf(desk.ErrForbidden)
		}
		return &huma.StreamResponse{Body: s.stream}, nil
	})
}

// stream writes notices until the reader leaves.
func (s service) stream(c huma.Context) {
	r, w := humago.Unwrap(c)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy that collects an answer would keep it for ever
	w.WriteHeader(http.StatusOK)
	out := http.NewResponseController(w)
	// The server's own limits are for answers that end.
	_ = out.SetReadDeadline(time.Time{}) // not every writer has one
	send := func(text string) bool {
		_ = out.SetWriteDeadline(time.Now().Add(writeLimit))
		if _, err := fmt.Fprint(w, text); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	if !send(fmt.Sprintf("retry: %d\n\n", comeAgain.Milliseconds())) {
		return
	}
	alive := time.NewTicker(heartbeat)
	defer alive.Stop()
	notices := s.desk.Watch(ctx, access.From(ctx))
	for {
		select {
		case n, open := <-notices:
			data, err := json.Marshal(n)
			if !open || err != nil || !send("event: "+n.Kind+"\ndata: "+string(data)+"\n\n") {
				return
			}
		case <-alive.C:
			if !send(": still here\n\n") {
				return
			}
		}
	}
}
