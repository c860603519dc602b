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
	w := &worker{codec: newCodec()}
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

// codec makes and reads the messages of one end of a worker's life. What a
// message is made of is described once, in the first that has it, since that
// takes longer than most messages do. After an error it is of no more use.
type codec struct {
	in, out bytes.Buffer
	enc     *gob.Encoder
	dec     *gob.Decoder
}

func newCodec() *codec {
	c := &codec{}
	c.enc, c.dec = gob.NewEncoder(&c.out), gob.NewDecoder(&c.in)
	return c
}

// write makes a message, which holds until the next one is made.
func (c *codec) write(v any) ([]byte, error) {
	c.out.Reset()
	if err := c.enc.Encode(v); err != nil {
		return nil, err //nolint:wrapcheck // both ends say what they were about
	}
	return c.out.Bytes(), nil
}

// read reads a message of the other end.
func (c *codec) read(message []byte, into any) error {
	c.in.Reset()
	c.in.Write(message)
	return c.dec.Decode(into) //nolint:wrapcheck // both ends say what they were about
}

// worker answers requests.
type worker struct {
	evaluator evaluator
	codec     *codec
}

// handle is a [child.Handler].
func (w *worker) handle(message []byte) ([]byte, error) {
	var req request
	if err := w.codec.read(message, &req); err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	rep, err := w.answer(req)
	if err != nil {
		return nil, err
	}
	answer, err := w.codec.write(rep)
	if err != nil {
		return nil, fmt.Errorf("write the reply: %w", err)
	}
	return answer, nil
}

// answer does what a request asks for.
func (w *worker) answer(req request) (rep reply, err error) {
	for _, f := range req.Read {
		file := syntax.Read(f.Path, f.Data)
		w.evaluator.files.put(f, file)
		rep.Facts = append(rep.Facts, file.Facts)
	}
	if req.Unit != nil {
		result, err := w.evaluator.evaluate(*req.Unit)
		if err != nil {
			return reply{}, err
		}
		rep.Places = pack(&result)
		rep.Result = &result
	}
	return rep, nil
}

// unpack puts back what was packed for the way.
func (r reply) unpack() error {
	if r.Result != nil && !unpack(r.Result, r.Places) {
		return errors.New("read the reply: positions do not fit")
	}
	return nil
}

// readReply reads the message of a reply.
func readReply(c *codec, message []byte) (reply, error) {
	var r reply
	if err := c.read(message, &r); err != nil {
		return reply{}, fmt.Errorf("read the reply: %w", err)
	}
	return r, r.unpack()
}
