package source

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// maxInflated bounds one object of a pack that a server sends; a pack is
// indexed by inflating each.
const maxInflated = 1 << 30

// leastEntry is how many bytes an object takes in a pack at the least: one of
// kind and size, and eight of a deflated nothing.
const leastEntry = 9

// plausible refuses a pack that counts more objects than its bytes can hold:
// memory for each is taken before the first is read.
func plausible(count uint32, size int) error {
	if int64(count) > int64(size/leastEntry) {
		return fmt.Errorf("%w: a pack of %d bytes counts %d objects", errProtocol, size, count)
	}
	return nil
}

// indexPack makes a received pack readable. An empty pack is none.
func indexPack(raw []byte) ([]*pack, error) {
	if len(raw) == 0 || len(raw) >= 12 && string(raw[:4]) == "PACK" && binary.BigEndian.Uint32(raw[8:]) == 0 {
		return nil, nil
	}
	w := new(idxfile.Writer)
	parser, err := packfile.NewParser(packfile.NewScanner(bytes.NewReader(raw)), guard{size: len(raw)}, w)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errProtocol, err)
	}
	sum, err := parser.Parse()
	if errors.Is(err, errTooLarge) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the pack cannot be read: %w", errProtocol, err)
	}
	idx, err := w.Index()
	if err != nil {
		return nil, fmt.Errorf("%w: the pack cannot be indexed: %w", errProtocol, err)
	}
	open := func() (billy.File, error) { return memoryFile{bytes.NewReader(raw)}, nil }
	return []*pack{{name: sum.String(), idx: idx, open: open}}, nil
}

// guard stops the parser of a pack of size bytes before it takes memory for
// objects that cannot be there, or inflates a bomb.
type guard struct{ size int }

// OnHeader implements packfile.Observer.
func (g guard) OnHeader(count uint32) error { return plausible(count, g.size) }

// OnInflatedObjectHeader implements packfile.Observer.
func (guard) OnInflatedObjectHeader(_ plumbing.ObjectType, size, _ int64) error {
	if size > maxInflated {
		return fmt.Errorf("%w: an object of %d bytes", errTooLarge, size)
	}
	return nil
}

// OnInflatedObjectContent implements packfile.Observer.
func (guard) OnInflatedObjectContent(plumbing.Hash, int64, uint32, []byte) error { return nil }

// OnFooter implements packfile.Observer.
func (guard) OnFooter(plumbing.Hash) error { return nil }

// memoryFile is a pack in memory as the file that go-git reads.
type memoryFile struct{ *bytes.Reader }

// Name implements billy.File.
func (memoryFile) Name() string { return "pack" }

// Write implements billy.File.
func (memoryFile) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }

// Lock implements billy.File.
func (memoryFile) Lock() error { return nil }

// Unlock implements billy.File.
func (memoryFile) Unlock() error { return nil }

// Truncate implements billy.File.
func (memoryFile) Truncate(int64) error { return errors.ErrUnsupported }

// Close implements billy.File.
func (memoryFile) Close() error { return nil }

var _ io.ReaderAt = memoryFile{}
