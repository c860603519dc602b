package schema

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"os"

	"github.com/gatewright/gatewright/schema/internal/child"
	"github.com/gatewright/gatewright/schema/internal/syntax"
)

// workerArgument is the hidden command under which a binary is a worker.
const workerArgument = "evaluate-worker"

// WorkerMain is the hidden entry point of the worker. A main function, and the
// TestMain of a package whose tests load specs, has to call it first: it
// returns at once in every process but a worker, where it serves and ends the
// process.
func WorkerMain() {
	if os.Getenv(child.EnvMarker) == "" || len(os.Args) != 2 || os.Args[1] != workerArgument {
		return
	}
	w := &worker{}
	if err := child.Serve(os.Stdin, os.Stdout, w.handle); err != nil {
		fmt.Fprintln(os.Stderr, "gatewright: error:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// request is what the parent asks of the worker: to read files or to evaluate
// a unit.
type request struct {
	Read []unitFile
	Unit *unit
}

// reply is what the worker answers.
type reply struct {
	Facts  []syntax.Facts
	Result *unitResult
	Places []packedPositions
}

// worker answers requests.
type worker struct {
	evaluator evaluator
}

// handle is a [child.Handler].
func (w *worker) handle(message []byte) ([]byte, error) {
	var req request
	if err := gob.NewDecoder(bytes.NewReader(message)).Decode(&req); err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	var rep reply
	for _, f := range req.Read {
		file := syntax.Read(f.Path, f.Data)
		w.evaluator.files.put(f, file)
		rep.Facts = append(rep.Facts, file.Facts)
	}
	if req.Unit != nil {
		result, err := w.evaluator.evaluate(*req.Unit)
		if err != nil {
			return nil, err
		}
		rep.Places = pack(&result)
		rep.Result = &result
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(rep); err != nil {
		return nil, fmt.Errorf("write the reply: %w", err)
	}
	return b.Bytes(), nil
}

// encodeRequest makes the message of a request.
func encodeRequest(r request) ([]byte, error) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(r); err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	return b.Bytes(), nil
}

// decodeReply reads the message of a reply.
func decodeReply(message []byte) (reply, error) {
	var r reply
	if err := gob.NewDecoder(bytes.NewReader(message)).Decode(&r); err != nil {
		return reply{}, fmt.Errorf("read the reply: %w", err)
	}
	if r.Result != nil && !unpack(r.Result, r.Places) {
		return reply{}, errors.New("read the reply: positions do not fit")
	}
	return r, nil
}
