package image

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// layer is an archive that is not compressed and not kept: it is written anew
// for each reader, so that images of hundreds of megabytes need no memory.
type layer struct {
	entries []entry
	digest  v1.Hash
	size    int64
}

func newLayer(entries []entry) (*layer, error) {
	h, n := sha256.New(), &counter{}
	if err := write(io.MultiWriter(h, n), entries); err != nil {
		return nil, err
	}
	sum := hex.EncodeToString(h.Sum(nil))
	return &layer{entries: entries, digest: v1.Hash{Algorithm: "sha256", Hex: sum}, size: n.n}, nil
}

// counter counts what is written to it.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// Digest is that of the archive.
func (l *layer) Digest() (v1.Hash, error) { return l.digest, nil }

// DiffID is the digest, as nothing is compressed.
func (l *layer) DiffID() (v1.Hash, error) { return l.digest, nil }

// Size is that of the archive.
func (l *layer) Size() (int64, error) { return l.size, nil }

// MediaType says that the archive is not compressed.
func (l *layer) MediaType() (types.MediaType, error) { return types.DockerUncompressedLayer, nil }

// Compressed returns the archive, as Uncompressed does.
func (l *layer) Compressed() (io.ReadCloser, error) { return l.Uncompressed() }

// Uncompressed writes the archive while it is read. A reader that stops early
// has to close.
func (l *layer) Uncompressed() (io.ReadCloser, error) {
	r, w := io.Pipe()
	go func() {
		h := sha256.New()
		err := write(io.MultiWriter(w, h), l.entries)
		if sum := hex.EncodeToString(h.Sum(nil)); err == nil && sum != l.digest.Hex {
			err = fmt.Errorf("the files of layer %s have changed since it was made", l.digest)
		}
		_ = w.CloseWithError(err) // it always returns nil
	}()
	return r, nil
}
