package source

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/fsnotify/fsnotify"
)

// maxWatched bounds the directories of refs that are watched; names of
// branches with slashes make one each.
const maxWatched = 4096

// notifier tells of changes to the refs of a repository on this machine. It
// belongs to one goroutine. The methods of a nil notifier tell of nothing.
type notifier struct {
	path    string
	logger  *slog.Logger
	watcher *fsnotify.Watcher
	// heads are the directories of HEAD and packed-refs, where other files
	// come and go that say nothing.
	heads map[string]bool
	// blind: not all could be watched.
	blind bool
}

// newNotifier watches a repository. It returns nil where the system cannot:
// the poll remains.
func newNotifier(path string, logger *slog.Logger) *notifier {
	n := &notifier{path: path, logger: logger, heads: map[string]bool{}}
	var err error
	if n.watcher, err = fsnotify.NewWatcher(); err != nil {
		logger.Warn("cannot watch a repository, only polling", slog.Any("error", err))
		return nil
	}
	n.arm()
	return n
}

func (n *notifier) events() <-chan fsnotify.Event {
	if n == nil {
		return nil
	}
	return n.watcher.Events
}

// errors tell that events were lost.
func (n *notifier) errors() <-chan error {
	if n == nil {
		return nil
	}
	return n.watcher.Errors
}

func (n *notifier) close() {
	if n != nil {
		_ = n.watcher.Close() // nobody listens any more
	}
}

// arm watches everything that holds refs. Watching twice is once, so that it
// also mends what a repository that was moved or made anew has lost.
func (n *notifier) arm() {
	if n == nil {
		return
	}
	n.blind = false
	l, err := discover(n.path)
	if err != nil {
		n.trouble(err)
		return
	}
	clear(n.heads)
	n.heads[filepath.Clean(l.dir)], n.heads[filepath.Clean(l.common)] = true, true
	for dir := range n.heads {
		n.trouble(n.watcher.Add(dir))
	}
	n.below(filepath.Join(l.common, "refs"))
}

// below watches a directory and those in it. One that git removes meanwhile
// is no trouble.
func (n *notifier) below(dir string) {
	n.trouble(filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return ignoreGone(err)
		}
		if len(n.watcher.WatchList()) >= maxWatched {
			return errors.New("too many directories of refs")
		}
		return ignoreGone(n.watcher.Add(path))
	}))
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fsnotify.ErrNonExistentWatch) {
		return nil
	}
	return err
}

func (n *notifier) trouble(err error) {
	if err != nil {
		n.blind = true
		n.logger.Debug("cannot watch all of a repository, polling the rest", slog.Any("error", err))
	}
}

// relevant reports whether an event may mean that a ref moved, and watches
// directories that came.
func (n *notifier) relevant(e fsnotify.Event) bool {
	if e.Op == fsnotify.Chmod || strings.HasSuffix(e.Name, ".lock") {
		return false
	}
	name := filepath.Base(e.Name)
	if n.heads[filepath.Dir(e.Name)] && !n.heads[e.Name] && name != "HEAD" && name != "packed-refs" && name != "refs" {
		return false
	}
	if info, err := os.Lstat(e.Name); err == nil && info.IsDir() {
		n.below(e.Name)
	}
	return true
}
