package schema

import (
	"crypto/sha1" //nolint:gosec // the id of a git blob, no protection
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/schema/internal/syntax"
)

// DirOptions are the options of [DirTree].
type DirOptions struct {
	// MaxFileSize bounds the files that are read, in bytes; a larger one is in
	// the tree with its size and cannot be read. The default is 1 MB.
	MaxFileSize int64
}

// DirTree reads a directory as it stands, for a working copy with uncommitted
// changes. It follows no symbolic link and leaves out what no spec can be in:
// directories whose names begin with . or _, and files of other formats. The
// digests are those of git blobs, so that they agree with the tree of a commit.
func DirTree(root string, o DirOptions) (Tree, error) {
	if o.MaxFileSize == 0 {
		o.MaxFileSize = Limits{}.orDefaults().FileSize
	}
	// Within an os.Root no path leads out, whatever changes while it is read.
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("read specs: %w", err)
	}
	w := &walker{root: dir, max: o.MaxFileSize}
	err = fs.WalkDir(dir.FS(), ".", w.visit)
	if err = errors.Join(err, dir.Close()); err != nil {
		return nil, fmt.Errorf("read specs in %s: %w", root, err)
	}
	slices.SortFunc(w.tree, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return w.tree, nil
}

// walker collects the tree.
type walker struct {
	root *os.Root
	max  int64
	tree Tree
}

// visit is a [fs.WalkDirFunc].
func (w *walker) visit(name string, d fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	if name == "." {
		return nil
	}
	hidden := strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_")
	switch {
	case hidden && d.IsDir():
		return fs.SkipDir
	case hidden:
		return nil
	case d.IsDir():
		if _, err := w.root.Lstat(path.Join(name, ".git")); err == nil {
			w.tree = append(w.tree, Entry{Path: name, Mode: ModeSubmodule, Read: unreadable(name)})
			return fs.SkipDir
		}
		return nil
	case d.Type()&fs.ModeSymlink != 0:
		w.tree = append(w.tree, Entry{Path: name, Mode: ModeSymlink, Read: unreadable(name)})
		return nil
	case !d.Type().IsRegular():
		w.tree = append(w.tree, Entry{Path: name, Mode: ModeOther, Read: unreadable(name)})
		return nil
	case syntax.FormatOf(name) == syntax.FormatNone:
		return nil
	}
	return w.file(name, d)
}

// unreadable is the content of what is no file.
func unreadable(name string) func() ([]byte, error) {
	return func() ([]byte, error) { return nil, fmt.Errorf("read %s: it is no file", name) }
}

// file adds a regular file. Its content is kept, so that what is evaluated is
// what the digest says.
func (w *walker) file(name string, d fs.DirEntry) error {
	info, err := d.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it went away since the directory was listed
	}
	if err != nil {
		return err
	}
	e := Entry{Path: filepath.ToSlash(name), Mode: ModeRegular, Size: info.Size()}
	if e.Size > w.max {
		e.Digest = fmt.Sprintf("unread-%d", e.Size)
		e.Read = func() ([]byte, error) { return nil, fmt.Errorf("read %s: it is larger than %d bytes", name, w.max) }
		w.tree = append(w.tree, e)
		return nil
	}
	data, err := w.read(name)
	if err != nil {
		return err
	}
	e.Size, e.Digest = int64(len(data)), BlobDigest(data)
	e.Read = func() ([]byte, error) { return data, nil }
	w.tree = append(w.tree, e)
	return nil
}

// read reads a file that may grow while it is read.
func (w *walker) read(name string) ([]byte, error) {
	f, err := w.root.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, w.max+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return data, nil
}

// BlobDigest returns the id that git gives to a file with content data in a
// repository of object format sha1.
func BlobDigest(data []byte) string {
	h := sha1.New() //nolint:gosec // the id of a git blob, no protection
	fmt.Fprintf(h, "blob %d\x00", len(data))
	_, _ = h.Write(data) // a hash takes every write
	return hex.EncodeToString(h.Sum(nil))
}
