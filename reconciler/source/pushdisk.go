package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/gatewright/gatewright/reconciler/fault"
)

// push moves a branch of a repository on this machine, by git's own protocol of
// locks. If the branch is checked out, the files that it changes are brought
// along, as git's receive.denyCurrentBranch=updateInstead does, unless somebody
// is at work on one of them.
func (l diskLook) push(ctx context.Context, d *delivery) (err error) {
	if err := l.unguarded(); err != nil {
		return err
	}
	var work *workFiles
	if d.old != plumbing.ZeroHash {
		if work, err = l.checkedOut(d); err != nil {
			return err
		}
	}
	for _, o := range d.objects {
		if _, err := l.storage.SetEncodedObject(memory(o.object)); err != nil {
			return fmt.Errorf("write object: %w", err)
		}
	}
	if work != nil {
		if err := work.lock(ctx); err != nil {
			return err
		}
		defer work.unlock()
		// Only under the lock does nobody switch branches.
		if again, err := l.checkedOut(d); err != nil {
			return err
		} else if again == nil {
			return errMoved
		}
		// Whoever held the lock may have moved the branch, and its files with it.
		if _, id, err := l.lookup(d.ref); err != nil {
			return err
		} else if id != d.old {
			return errMoved
		}
		if err := work.clean(); err != nil {
			return err
		}
	}
	if err := l.moveRef(ctx, d); err != nil {
		return err
	}
	l.remember(d, work != nil)
	if work != nil {
		return work.update()
	}
	return nil
}

// guards are the hooks that could refuse a push.
var guards = []string{"pre-receive", "update", "reference-transaction"}

// unguarded refuses a repository whose hooks would have to be asked.
func (l diskLook) unguarded() error {
	dir := filepath.Join(l.disk.layout.common, "hooks")
	cfg, err := l.storage.Config()
	if err != nil {
		return fmt.Errorf("read config: %w", err)
	}
	if path := cfg.Raw.Section("core").Option("hooksPath"); path != "" {
		dir = path
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(l.disk.layout.common, path)
			if l.disk.layout.work != "" {
				dir = filepath.Join(l.disk.layout.work, path)
			}
		}
	}
	for _, name := range guards {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return uncommittable("GuardedByHook", "give its address with ssh:// or https://, so that git runs the hook",
				"the repository has a hook %s, which is not run on this machine's own files", name)
		}
	}
	return nil
}

// locked is a file of git's that is being replaced: others see its .lock.
type locked struct {
	file *os.File
	path string
}

// lockWait is how long git is waited for.
const lockWait = 2 * time.Second

// lockFile takes the lock of a file, as git takes it.
func lockFile(ctx context.Context, path string) (*locked, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil { //nolint:gosec // as git: the umask says who may
		return nil, err
	}
	for until := time.Now().Add(lockWait); ; {
		f, err := os.OpenFile(path+".lock", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) //nolint:gosec // as git: the umask says who may
		if err == nil {
			return &locked{f, path}, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if time.Now().After(until) {
			e := fault.New(fault.Transient, "Locked", "%s is locked: git is at work, or ended in the midst of it", filepath.Base(path))
			e.Hint = "see whether a git process runs there; if none does, remove " + path + ".lock"
			return nil, e
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// commit puts content in the place of the file.
func (l *locked) commit(content []byte) error {
	_, err := l.file.Write(content)
	if err = errors.Join(err, l.file.Sync(), l.file.Close()); err != nil {
		return errors.Join(err, os.Remove(l.path+".lock"))
	}
	l.file = nil
	return os.Rename(l.path+".lock", l.path)
}

// release lets go of the lock, if commit did not.
func (l *locked) release() {
	if l.file != nil {
		_ = l.file.Close() // nothing was written that counts
		_ = os.Remove(l.path + ".lock")
		l.file = nil
	}
}

// moveRef moves a branch under its lock, if it stands where it was seen.
func (l diskLook) moveRef(ctx context.Context, d *delivery) error {
	path := filepath.Join(l.disk.layout.common, filepath.FromSlash(d.ref))
	lock, err := lockFile(ctx, path)
	if err != nil {
		return err
	}
	defer lock.release()
	_, id, err := l.lookup(d.ref)
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		id, err = plumbing.ZeroHash, nil
	}
	switch {
	case err != nil:
		return err
	case id != d.old:
		return errMoved
	}
	return lock.commit([]byte(d.new.String() + "\n"))
}

// remember writes the reflogs that the repository keeps. They are notes for
// people: that one cannot be written undoes nothing.
func (l diskLook) remember(d *delivery, head bool) {
	line := fmt.Appendf(nil, "%s %s %s <%s> %d %s\tpush: gatewright\n", d.old, d.new, d.commit.Committer.Name, d.commit.Committer.Email,
		d.commit.Committer.When.Unix(), d.commit.Committer.When.Format("-0700"))
	files := []string{filepath.Join(l.disk.layout.common, "logs", filepath.FromSlash(d.ref))}
	if head {
		files = append(files, filepath.Join(l.disk.layout.dir, "logs", "HEAD"))
	}
	for _, name := range files {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			continue // there is none
		}
		_, _ = f.Write(line)
		_ = f.Close()
	}
}

// checkedOut returns the work tree that has a branch checked out; nil if none
// has. One of another working copy than ours is not touched.
func (l diskLook) checkedOut(d *delivery) (*workFiles, error) {
	heads := []string{filepath.Join(l.disk.layout.common, "HEAD")}
	others, err := filepath.Glob(filepath.Join(globEscaped(l.disk.layout.common), "worktrees", "*", "HEAD"))
	if err != nil {
		return nil, err
	}
	own := filepath.Join(l.disk.layout.dir, "HEAD")
	cfg, err := l.storage.Config()
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	for _, head := range append(heads, others...) {
		raw, err := os.ReadFile(head)
		if err != nil || !bytes.Equal(bytes.TrimSpace(raw), []byte("ref: "+d.ref)) {
			continue
		}
		switch {
		case head == own && l.disk.layout.work != "":
			return &workFiles{look: l, delivery: d}, nil
		case head == heads[0] && cfg.Core.IsBare: // nothing is checked out there
		default:
			return nil, uncommittable("CheckedOutElsewhere", "configure that working copy as the repository, or follow another branch",
				"another working copy has the branch %s checked out", strings.TrimPrefix(d.ref, "refs/heads/"))
		}
	}
	return nil, nil //nolint:nilnil // no work tree is concerned
}

// globEscaped is a path that a pattern takes for itself.
func globEscaped(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
