package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// workFiles are the files of a work tree that a delivery changes, with the index
// that knows them.
type workFiles struct {
	look     diskLook
	delivery *delivery
	held     *locked
	index    *index.Index
}

// lock keeps git from changing the index meanwhile, and reads it.
func (w *workFiles) lock(ctx context.Context) error {
	var err error
	if w.held, err = lockFile(ctx, filepath.Join(w.look.disk.layout.dir, "index")); err != nil {
		return err
	}
	if w.index, err = w.look.storage.Index(); err != nil {
		w.held.release()
		return fmt.Errorf("read index: %w", err)
	}
	return nil
}

func (w *workFiles) unlock() { w.held.release() }

// path is where a file of the repository stands.
func (w *workFiles) path(name string) string {
	return filepath.Join(w.look.disk.layout.work, filepath.FromSlash(name))
}

// entry is what the index has of a file.
func (w *workFiles) entry(name string) *index.Entry {
	i := slices.IndexFunc(w.index.Entries, func(e *index.Entry) bool { return e.Name == name })
	if i < 0 {
		return nil
	}
	return w.index.Entries[i]
}

// clean refuses to write over what somebody has changed and not committed.
func (w *workFiles) clean() error {
	for _, e := range w.delivery.edits {
		known := w.entry(e.path)
		// Stage 0 is merged, whatever index.Merged says in go-git v5.19.
		changed := known == nil && !e.old.IsZero() || known != nil && (known.Hash != e.old || known.Stage != 0 || known.SkipWorktree)
		if err := w.inPlace(e.path); err != nil {
			return err
		}
		content, err := readRegular(w.path(e.path))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			changed = changed || !e.old.IsZero()
		case err != nil:
			return fmt.Errorf("read %s of the working copy: %w", e.path, err)
		default:
			changed = changed || plumbing.ComputeHash(plumbing.BlobObject, content) != e.old
		}
		if changed {
			return uncommittable("WorkingCopyChanged", "commit or undo that change first; a bare repository has no working copy that could be in the way",
				"%s has changes in the working copy that are not committed", e.path)
		}
	}
	return nil
}

// inPlace refuses a path that leads through a symlink.
func (w *workFiles) inPlace(name string) error {
	for dir := parent(name); dir != ""; dir = parent(dir) {
		info, err := os.Lstat(w.path(dir))
		if err == nil && !info.IsDir() {
			return uncommittable("WorkingCopyChanged", "undo that change first", "%s is no directory in the working copy", dir)
		}
	}
	return nil
}

// update brings the files and the index to what the branch has now.
func (w *workFiles) update() error {
	for _, e := range w.delivery.edits {
		if err := w.write(e); err != nil {
			return fmt.Errorf("the commit is made, but %s of the working copy could not be written; git checkout HEAD -- %s does: %w", e.path, e.path, err)
		}
	}
	if slices.ContainsFunc(w.index.Entries, func(e *index.Entry) bool { return e.SkipWorktree || e.IntentToAdd }) {
		w.index.Version = max(w.index.Version, 3)
	}
	var b bytes.Buffer
	if err := index.NewEncoder(&b).Encode(w.index); err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	return w.held.commit(b.Bytes())
}

// write writes one file, and its entry in the index.
func (w *workFiles) write(e fileEdit) error {
	path := w.path(e.path)
	if e.new.IsZero() {
		w.index.Entries = slices.DeleteFunc(w.index.Entries, func(known *index.Entry) bool { return known.Name == e.path })
		if err := os.Remove(path); err != nil {
			return err
		}
		for dir := parent(e.path); dir != "" && os.Remove(w.path(dir)) == nil; dir = parent(dir) {
			continue // as git: a directory goes with its last file
		}
		return nil
	}
	mode, perm := filemode.Regular, fs.FileMode(0o666)
	if e.mode == "100755" {
		mode, perm = filemode.Executable, 0o777
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil { //nolint:gosec // as git: the umask says who may
		return err
	}
	if err := replaceFile(path, e.content, perm); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	known := w.entry(e.path)
	if known == nil {
		known = &index.Entry{Name: e.path}
		w.index.Entries = append(w.index.Entries, known)
	}
	// Without the rest of what stat says, git looks at the content once and notes
	// it itself.
	*known = index.Entry{Name: e.path, Hash: e.new, Mode: mode, Size: uint32(len(e.content)), ModifiedAt: info.ModTime()}
	return nil
}

// replaceFile puts a new file in the place of one, whole.
func replaceFile(path string, content []byte, perm fs.FileMode) error {
	temporary := path + ".gatewright"
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL|noFollow, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return nil
}
