package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/index"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/schema"
)

// WorkingCopy returns the files below dir and subpath as they are on disk, with
// what is not committed: tracked files, and untracked ones that no .gitignore,
// info/exclude or core.excludesFile leaves out. Submodules and repositories
// inside are one entry each and not read. The revision is that of HEAD, with
// Dirty set if the files are not those of it; before the first commit it is
// empty and dirty.
//
// Files are taken as they are: no filter and no conversion of line ends runs.
func WorkingCopy(ctx context.Context, dir, subpath string) (Snapshot, error) {
	sub, err := cleanPath(subpath)
	if err != nil {
		return Snapshot{}, err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Snapshot{}, fmt.Errorf("read working copy: %w", err)
	}
	// Errors are told as those of a Source at the same place.
	s := &Source{location: location{scheme: "file", path: abs}}
	snap, err := workingCopy(ctx, abs, sub)
	if err != nil {
		return Snapshot{}, s.fault("read working copy", err)
	}
	return snap, nil
}

var errBare = fault.New(fault.Stalled, "NoWorkingCopy", "a bare repository has no working copy")

func workingCopy(ctx context.Context, dir, sub string) (Snapshot, error) {
	l, err := discoverAbove(dir)
	if err != nil {
		return Snapshot{}, err
	}
	if l.work == "" {
		e := *errBare
		e.Op, e.Target, e.Resource, e.Hint = "read working copy", "git", dir, "name a revision instead, as HEAD"
		return Snapshot{}, &e
	}
	d, err := openLayout(l)
	if err != nil {
		return Snapshot{}, err
	}
	defer func() { _ = d.close() }() // it was only read
	c, err := newCopier(ctx, d, filepath.Join(dir, filepath.FromSlash(sub)))
	if err != nil {
		return Snapshot{}, err
	}
	tree, err := c.copy()
	if err != nil {
		return Snapshot{}, err
	}
	revision, head, err := headOf(d, c.prefix)
	if err != nil {
		return Snapshot{}, err
	}
	revision.Dirty = revision.Hash == "" || !c.same(tree, head)
	return Snapshot{Revision: revision, Tree: tree}, nil
}

// headOf returns what HEAD has below a directory.
func headOf(d *disk, prefix string) (Revision, schema.Tree, error) {
	name, id, err := d.names.lookup("HEAD")
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return Revision{Ref: name}, nil, nil
	}
	if err != nil {
		return Revision{}, nil, err
	}
	commit, err := d.objects.commit(id)
	if err != nil {
		return Revision{}, nil, err
	}
	revision := revisionOf(commit, name)
	node, err := newForest(d.objects, Limits{Files: DefaultFiles}).at(commit.TreeHash, prefix)
	if missing := (*missingPathError)(nil); errors.As(err, &missing) {
		return revision, nil, nil
	}
	if err != nil {
		return Revision{}, nil, err
	}
	return revision, node.list(func(plumbing.Hash, int64) func() ([]byte, error) { return nil }), nil
}

// copier reads one directory of a working copy.
type copier struct {
	ctx    context.Context //nolint:containedctx // it lives for one call of workingCopy
	root   string
	prefix string
	// tracked are the entries of the index by path; above are the directories
	// that hold one.
	tracked map[string]*index.Entry
	above   map[string]bool
	ignores ignores
	objects *objects
	// left: the root itself is in a directory that is left out.
	left bool
	tree schema.Tree
	// clean are the ids in the index of files that were not touched since.
	clean map[string]plumbing.Hash
}

func newCopier(ctx context.Context, d *disk, root string) (*copier, error) {
	prefix, err := inside(d.layout.work, root)
	if err != nil {
		return nil, err
	}
	local, err := d.names.storage.Config()
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	c := &copier{ctx: ctx, root: root, prefix: prefix, objects: d.objects, tracked: map[string]*index.Entry{}, above: map[string]bool{}, clean: map[string]plumbing.Hash{}}
	idx, err := d.names.storage.Index()
	if err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	for _, e := range idx.Entries {
		c.tracked[e.Name] = e
		for dir := parent(e.Name); dir != "" && !c.above[dir]; dir = parent(dir) {
			c.above[dir] = true
		}
	}
	c.ignores = standing(d.layout, local)
	// The .gitignore files from the top down to above the root.
	at := ""
	for part := range strings.SplitSeq(prefix, "/") {
		if part == "" {
			continue
		}
		c.ignores = c.ignores.with(filepath.Join(d.layout.work, at, ".gitignore"), at)
		at = join(at, part)
		c.left = c.left || c.ignores.match(at, true)
	}
	return c, nil
}

// inside returns where root is in the working copy, symlinks resolved, and
// refuses one that is not.
func inside(work, root string) (string, error) {
	realWork, err := filepath.EvalSymlinks(work)
	if err != nil {
		return "", err
	}
	realRoot, err := filepath.EvalSymlinks(root)
	if errors.Is(err, os.ErrNotExist) {
		rel, _ := filepath.Rel(work, root)
		return "", &missingPathError{path: filepath.ToSlash(rel)}
	}
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(realWork, realRoot)
	if err != nil {
		return "", err
	}
	if rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", misconfigured("the path %q leads out of the working copy", "name a directory in it", root)
	}
	if rel == "." {
		rel = ""
	}
	info, err := os.Stat(realRoot)
	if err == nil && !info.IsDir() {
		err = &missingPathError{path: filepath.ToSlash(rel), found: schema.ModeRegular}
	}
	return filepath.ToSlash(rel), err
}

func parent(name string) string {
	i := strings.LastIndexByte(name, '/')
	return name[:max(i, 0)]
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// readRegular reads a file that was found to be a regular one, and refuses
// what stands there now if it is not.
func readRegular(file string) ([]byte, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|noFollow, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, errors.New("it is no longer a regular file"))
	}
	content, err := io.ReadAll(io.LimitReader(f, DefaultFileSize+1))
	if err == nil && int64(len(content)) > DefaultFileSize {
		err = fmt.Errorf("%w: more than %d bytes", errTooLarge, int64(DefaultFileSize))
	}
	return content, err
}
