package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/schema"
)

// keepContent is the size up to which a file of a working copy is kept from
// the moment it was hashed; a larger one is read again and compared.
const keepContent = 64 << 10

// copy lists the files, sorted by path.
func (c *copier) copy() (schema.Tree, error) {
	if err := c.directory(c.root, c.prefix, c.ignores, c.left); err != nil {
		return nil, err
	}
	if err := c.sparse(); err != nil {
		return nil, err
	}
	slices.SortFunc(c.tree, func(a, b schema.Entry) int { return strings.Compare(a.Path, b.Path) })
	return c.tree, nil
}

// sparse adds what a sparse checkout leaves out of the working copy: for git it is
// there, as the index has it.
func (c *copier) sparse() error {
	there := make(map[string]bool, len(c.tree))
	for _, e := range c.tree {
		there[e.Path] = true
	}
	for name, e := range c.tracked {
		inner, below := name, true
		if c.prefix != "" {
			inner, below = strings.CutPrefix(name, c.prefix+"/")
		}
		if !e.SkipWorktree || !below || there[inner] {
			continue
		}
		out := schema.Entry{Path: name, Mode: modeOf(uint64(e.Mode)), Size: int64(e.Size), Digest: e.Hash.String()}
		// A sparse checkout is mostly of a repository with far more than specs.
		switch format := path.Ext(name); {
		case out.Mode == schema.ModeSubmodule:
			out.Read = unreadable("a submodule")
		case out.Mode == schema.ModeRegular && !slices.Contains([]string{".cue", ".yaml", ".yml", ".json"}, format):
			out.Read = unreadable("what is no spec and not checked out")
		default:
			got, err := c.objects.read(e.Hash, DefaultFileSize)
			if err == nil {
				out.Size = int64(len(got.content))
			}
			out.Read = func() ([]byte, error) { return slices.Clone(got.content), err }
		}
		if err := c.add(out); err != nil {
			return err
		}
	}
	return nil
}

// directory lists one directory. Where it is left out, tracked files alone are
// listed: once git tracks a file, no rule hides it.
func (c *copier) directory(dir, name string, ig ignores, left bool) error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	ig = ig.with(filepath.Join(dir, ".gitignore"), name)
	for _, e := range entries {
		full, file := join(name, e.Name()), filepath.Join(dir, e.Name())
		out := left || ig.match(full, e.IsDir())
		switch {
		case strings.EqualFold(e.Name(), ".git"):
		case e.IsDir():
			err = c.subdirectory(file, full, ig, out)
		case out && c.tracked[full] == nil:
		default:
			err = c.file(file, full, e.Type())
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // it went while we looked
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) subdirectory(dir, name string, ig ignores, left bool) error {
	link := c.tracked[name]
	nested := exists(filepath.Join(dir, ".git")) && (!left || link != nil)
	switch {
	case nested || link != nil && link.Mode == filemode.Submodule:
		digest := "repository:" + name
		if link != nil {
			digest = link.Hash.String()
		}
		return c.add(schema.Entry{Path: name, Mode: schema.ModeSubmodule, Digest: digest, Read: unreadable("a submodule")})
	case left && !c.above[name]:
		return nil
	}
	return c.directory(dir, name, ig, left)
}

// add takes an entry in, its path made relative to the root of the specs.
func (c *copier) add(e schema.Entry) error {
	if c.prefix != "" {
		e.Path = strings.TrimPrefix(e.Path, c.prefix+"/")
	}
	if !utf8.ValidString(e.Path) {
		e.Mode, e.Read = schema.ModeOther, unreadable("a file with such a name")
	}
	if len(c.tree) >= DefaultFiles {
		return fmt.Errorf("%w: more than %d", errTooMany, DefaultFiles)
	}
	c.tree = append(c.tree, e)
	return nil
}

func (c *copier) file(file, name string, kind fs.FileMode) error {
	switch kind {
	case fs.ModeSymlink:
		target, err := os.Readlink(file)
		if err != nil {
			return err
		}
		content := []byte(target)
		return c.add(schema.Entry{
			Path: name, Mode: schema.ModeSymlink, Size: int64(len(content)), Digest: blobID(content),
			Read: func() ([]byte, error) { return slices.Clone(content), nil },
		})
	case 0:
		return c.regular(file, name)
	default:
		return nil // git knows no pipes, sockets and devices
	}
}

func (c *copier) regular(file, name string) error {
	info, err := os.Lstat(file)
	if err != nil {
		return err
	}
	c.remember(name, info)
	e := schema.Entry{Path: name, Mode: schema.ModeRegular, Size: info.Size()}
	if info.Size() > DefaultFileSize {
		e.Digest = fmt.Sprintf("stat:%s:%d:%d", name, info.Size(), info.ModTime().UnixNano())
		e.Read = func() ([]byte, error) { return readRegular(file) }
		return c.add(e)
	}
	content, err := readRegular(file)
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		// One file that cannot be read leaves the others readable.
		e.Digest, e.Read = "unreadable:"+name, func() ([]byte, error) { return nil, unreadableFile(file, err) }
		return c.add(e)
	}
	e.Size, e.Digest = int64(len(content)), blobID(content)
	e.Read = c.reread(file, e.Digest, content)
	return c.add(e)
}

func unreadableFile(file string, err error) error {
	s := &Source{location: location{scheme: "file", path: file}}
	return s.fault("read file", err)
}

// reread returns a Read that gives what was hashed, or says that it is gone.
func (c *copier) reread(file, digest string, content []byte) func() ([]byte, error) {
	if len(content) <= keepContent {
		return func() ([]byte, error) { return slices.Clone(content), nil }
	}
	return func() ([]byte, error) {
		content, err := readRegular(file)
		if err != nil {
			return nil, unreadableFile(file, err)
		}
		if blobID(content) != digest {
			e := fault.New(fault.Transient, "FileChanged", "the file was changed meanwhile")
			e.Op, e.Target, e.Resource, e.Hint = "read file", "git", file, "run it again"
			return nil, e
		}
		return content, nil
	}
}

func blobID(content []byte) string {
	return plumbing.ComputeHash(plumbing.BlobObject, content).String()
}

// remember notes the id that the index has for a file that was not touched
// since: with conversion of line ends or filters, it is another than that of
// the bytes on disk.
func (c *copier) remember(name string, info fs.FileInfo) {
	e := c.tracked[name]
	if e != nil && int64(e.Size) == info.Size() && e.ModifiedAt.Equal(info.ModTime()) {
		c.clean[name] = e.Hash
	}
}

// same reports whether the working copy has what HEAD has.
func (c *copier) same(tree, head schema.Tree) bool {
	return slices.EqualFunc(tree, head, func(now, before schema.Entry) bool {
		if now.Path != before.Path || now.Mode != before.Mode {
			return false
		}
		untouched := c.clean[join(c.prefix, now.Path)].String() == before.Digest
		return now.Digest == before.Digest || untouched
	})
}
