package source

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1" //nolint:gosec // the format of packs, not a protection
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// completeThin adds to a thin pack the bases of deltas that it left out since
// we have them, as git index-pack --fix-thin does. Only a thin pack is small
// between two shallow commits: otherwise the server sends every file anew.
func completeThin(raw []byte, read func(plumbing.Hash) (object, error)) ([]byte, error) {
	bases, count, err := outerBases(raw)
	if err != nil || len(bases) == 0 {
		return raw, err
	}
	if count > math.MaxUint32-uint32(len(bases)) {
		return nil, fmt.Errorf("%w: the pack counts %d objects", errProtocol, count)
	}
	out := bytes.NewBuffer(bytes.Clone(raw[:len(raw)-sha1.Size]))
	for _, id := range bases {
		base, err := read(id)
		if err != nil {
			return nil, fmt.Errorf("base of a delta: %w", err)
		}
		if err := writeEntry(out, base); err != nil {
			return nil, fmt.Errorf("complete pack: %w", err)
		}
	}
	binary.BigEndian.PutUint32(out.Bytes()[8:], count+uint32(len(bases)))
	sum := sha1.Sum(out.Bytes()) //nolint:gosec // as above
	out.Write(sum[:])
	return out.Bytes(), nil
}

// outerBases returns the ids that deltas of a pack refer to. Within a pack they
// refer to offsets, since that is what we ask for.
func outerBases(raw []byte) ([]plumbing.Hash, uint32, error) {
	malformed := func(err error) ([]plumbing.Hash, uint32, error) {
		return nil, 0, fmt.Errorf("%w: the pack cannot be read: %w", errProtocol, err)
	}
	scan := packfile.NewScanner(bytes.NewReader(raw))
	_, count, err := scan.Header()
	if errors.Is(err, packfile.ErrEmptyPackfile) {
		return nil, 0, nil
	}
	if err != nil || len(raw) < sha1.Size {
		return malformed(errors.Join(err, io.ErrUnexpectedEOF))
	}
	if err := plausible(count, len(raw)); err != nil {
		return nil, 0, err
	}
	var bases []plumbing.Hash
	seen := map[plumbing.Hash]bool{}
	for range count {
		h, err := scan.NextObjectHeader()
		if err != nil {
			return malformed(err)
		}
		if h.Length > maxInflated {
			return nil, 0, fmt.Errorf("%w: an object of %d bytes", errTooLarge, h.Length)
		}
		if h.Type == plumbing.REFDeltaObject && !seen[h.Reference] {
			seen[h.Reference] = true
			bases = append(bases, h.Reference)
		}
		var sizes deltaSizes
		if _, _, err := scan.NextObject(&sizes); err != nil {
			return malformed(err)
		}
		if h.Type.IsDelta() && sizes.target() > maxInflated {
			return nil, 0, fmt.Errorf("%w: a delta makes an object of %d bytes", errTooLarge, sizes.target())
		}
	}
	return bases, count, nil
}

// deltaSizes keeps the head of a delta, two numbers of seven bits a byte, the
// lowest first: how large the base is and what it becomes. A few bytes of delta
// can make any size of it.
type deltaSizes struct {
	head [2 * binary.MaxVarintLen64]byte
	n    int
}

// Write implements io.Writer.
func (d *deltaSizes) Write(p []byte) (int, error) {
	d.n += copy(d.head[d.n:], p)
	return len(p), nil
}

// target is the size of what the delta makes; 0 if it has no such head.
func (d *deltaSizes) target() uint64 {
	_, n := binary.Uvarint(d.head[:d.n])
	if n <= 0 {
		return 0
	}
	size, _ := binary.Uvarint(d.head[n:d.n])
	return size
}

// writeEntry writes an object as a pack holds it: its kind and size, four bits
// of the size and then seven at a time, and its content.
func writeEntry(w *bytes.Buffer, o object) error {
	size := uint64(len(o.content))
	b := byte(o.kind)<<4 | byte(size&0x0f)
	for size >>= 4; size > 0; size >>= 7 {
		w.WriteByte(b | 0x80)
		b = byte(size & 0x7f)
	}
	w.WriteByte(b)
	z := zlib.NewWriter(w)
	if _, err := z.Write(o.content); err != nil {
		return err
	}
	return z.Close()
}
