package child

import (
	"encoding/binary"
	"fmt"
	"io"
)

// The kinds of frames. A frame is four bytes of big-endian length, one byte of
// kind and the payload; the length counts kind and payload.
const (
	frameLimits byte = iota + 1 // parent to child, once: the limits
	frameReady                  // child to parent, once: the limits are in force
	frameCall                   // parent to child
	frameReply                  // child to parent: an answer
	frameCap                    // child to parent: a cap was hit; the child ends
)

// maxRequest bounds what a child reads as one request.
const maxRequest = 1 << 30

// writeFrame writes one frame with a single write.
func writeFrame(w io.Writer, kind byte, payload []byte) error {
	buf := make([]byte, 5, 5+len(payload))
	binary.BigEndian.PutUint32(buf, uint32(len(payload))+1)
	buf[4] = kind
	_, err := w.Write(append(buf, payload...))
	return err
}

// frameSizeError says that a frame is longer than its reader accepts.
type frameSizeError struct{ size, limit int64 }

// Error says both sizes.
func (e frameSizeError) Error() string {
	return fmt.Sprintf("a frame of %d bytes is over the limit of %d", e.size, e.limit)
}

// readFrame reads one frame whose payload has at most limit bytes.
func readFrame(r io.Reader, limit int64) (kind byte, payload []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	size := int64(binary.BigEndian.Uint32(head[:4])) - 1
	if size < 0 || size > limit {
		return 0, nil, frameSizeError{size, limit}
	}
	payload = make([]byte, size)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, nil, err
	}
	return head[4], payload, nil
}
