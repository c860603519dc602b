package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/objfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// deltaCache bounds what is kept of the bases of deltas, per depot.
const deltaCache = 8 << 20

// maxAlternates is git's own bound on repositories that borrow objects.
const maxAlternates = 5

// pack is one packfile with its index.
type pack struct {
	name string
	idx  idxfile.Index
	open func() (billy.File, error)
	file *packfile.Packfile
}

func (p *pack) reader(c cache.Object) (*packfile.Packfile, error) {
	if p.file == nil {
		f, err := p.open()
		if err != nil {
			return nil, err
		}
		// Without a filesystem it keeps the one descriptor, so that a pack that
		// gc deletes meanwhile goes on being readable.
		p.file = packfile.NewPackfileWithCache(p.idx, nil, f, c, 0)
	}
	return p.file, nil
}

// depot reads the objects of one repository. go-git's own ObjectStorage is not
// used since it never notices new packs, opens a pack for every object, and
// finds no size in a borrowed repository.
//
// It is not safe for concurrent use.
type depot struct {
	// dir is an objects directory; empty for packs in memory.
	dir   string
	packs []*pack
	bases cache.Object
	// borrowed are the depots of objects/info/alternates.
	borrowed []*depot
}

// openDepot reads the pack indexes of an objects directory and of those that
// it borrows from.
func openDepot(dir string) (*depot, error) { return openNested(dir, maxAlternates) }

func openNested(dir string, depth int) (*depot, error) {
	d := &depot{dir: dir, bases: cache.NewObjectLRU(deltaCache)}
	if err := d.refresh(); err != nil {
		return nil, err
	}
	others, err := alternates(dir)
	if err != nil {
		return nil, err
	}
	for _, other := range others {
		if depth == 0 {
			return nil, fmt.Errorf("objects are borrowed over more than %d repositories", maxAlternates)
		}
		o, err := openNested(other, depth-1)
		if errors.Is(err, fs.ErrNotExist) {
			continue // as git: what cannot be borrowed may not be needed
		}
		if err != nil {
			return nil, err
		}
		d.borrowed = append(d.borrowed, o)
	}
	return d, nil
}

func alternates(dir string) ([]string, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "info", "alternates"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for line := range strings.SplitSeq(string(raw), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if !filepath.IsAbs(line) {
			line = filepath.Join(dir, line)
		}
		out = append(out, line)
	}
	return out, nil
}

// refresh takes up packs that came and lets go of packs that went.
func (d *depot) refresh() error {
	if d.dir == "" {
		return nil
	}
	known := make(map[string]*pack, len(d.packs))
	for _, p := range d.packs {
		known[p.name] = p
	}
	names, err := packIndexes(d.dir)
	if err != nil {
		return err
	}
	packs := make([]*pack, 0, len(names))
	for _, name := range names {
		p := known[name]
		delete(known, name)
		if p == nil {
			p, err = loadPack(d.dir, name)
			if errors.Is(err, fs.ErrNotExist) {
				continue // gc was faster
			}
			if err != nil {
				return err
			}
		}
		packs = append(packs, p)
	}
	d.packs = packs
	err = nil
	for _, p := range known {
		err = errors.Join(err, p.close())
	}
	for _, o := range d.borrowed {
		err = errors.Join(err, o.refresh())
	}
	return err
}

func packIndexes(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "pack"))
	if errors.Is(err, fs.ErrNotExist) {
		_, err = os.Stat(dir) // no pack yet, or no objects directory at all
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "pack-") && strings.HasSuffix(e.Name(), ".idx") {
			out = append(out, filepath.Join(dir, "pack", e.Name()))
		}
	}
	return out, nil
}

func loadPack(dir, name string) (*pack, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	idx := idxfile.NewMemoryIndex()
	if err := idxfile.NewDecoder(bytes.NewReader(raw)).Decode(idx); err != nil {
		return nil, fmt.Errorf("%w: index of pack %s: %w", errCorrupt, filepath.Base(name), err)
	}
	file := strings.TrimSuffix(filepath.Base(name), ".idx") + ".pack"
	open := func() (billy.File, error) { return openPack(filepath.Join(dir, "pack", file)) }
	return &pack{name: name, idx: idx, open: open}, nil
}

// smallPack is the size up to which a pack is read whole: each object of a pack
// on disk costs several system calls, and a repository of specs is small.
const smallPack = 16 << 20

func openPack(file string) (billy.File, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Size() > smallPack {
		return osfs.New(filepath.Dir(file)).Open(filepath.Base(file))
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return memoryFile{bytes.NewReader(raw)}, nil
}

// size returns the size of an object, from its header.
func (d *depot) size(id plumbing.Hash) (int64, error) {
	for _, p := range d.packs {
		offset, err := p.idx.FindOffset(id)
		if err != nil {
			continue
		}
		r, err := p.reader(d.bases)
		if err != nil {
			return 0, err
		}
		return r.GetSizeByOffset(offset)
	}
	if size, err := d.looseSize(id); !errors.Is(err, plumbing.ErrObjectNotFound) {
		return size, err
	}
	return tryEach(d.borrowed, func(o *depot) (int64, error) { return o.size(id) })
}

// object is the content of an object, checked against its id.
type object struct {
	kind    plumbing.ObjectType
	content []byte
}

func (d *depot) read(id plumbing.Hash) (object, error) {
	for _, p := range d.packs {
		if _, err := p.idx.FindOffset(id); err != nil {
			continue
		}
		r, err := p.reader(d.bases)
		if err != nil {
			return object{}, err
		}
		o, err := r.Get(id)
		if err != nil {
			return object{}, err
		}
		return drain(o)
	}
	if o, err := d.looseRead(id); !errors.Is(err, plumbing.ErrObjectNotFound) {
		return o, err
	}
	return tryEach(d.borrowed, func(o *depot) (object, error) { return o.read(id) })
}

func drain(o plumbing.EncodedObject) (object, error) {
	r, err := o.Reader()
	if err != nil {
		return object{}, err
	}
	content, err := io.ReadAll(r)
	return object{o.Type(), content}, errors.Join(err, r.Close())
}

func (d *depot) loose(id plumbing.Hash) (*os.File, error) {
	if d.dir == "" {
		return nil, plumbing.ErrObjectNotFound
	}
	name := id.String()
	f, err := os.Open(filepath.Join(d.dir, name[:2], name[2:]))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, plumbing.ErrObjectNotFound
	}
	return f, err
}

// looseSize inflates no more than the header.
func (d *depot) looseSize(id plumbing.Hash) (int64, error) {
	_, size, _, err := d.looseOpen(id, 256, nil)
	return size, err
}

func (d *depot) looseRead(id plumbing.Hash) (object, error) {
	kind, _, content, err := d.looseOpen(id, 4<<10, io.ReadAll)
	return object{kind, content}, err
}

// looseOpen reads the header of a loose object and hands the rest to use.
func (d *depot) looseOpen(id plumbing.Hash, buffer int, use func(io.Reader) ([]byte, error)) (kind plumbing.ObjectType, size int64, content []byte, err error) {
	f, err := d.loose(id)
	if err != nil {
		return 0, 0, nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	r, err := objfile.NewReader(bufio.NewReaderSize(f, buffer))
	if err != nil {
		return 0, 0, nil, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	defer func() { _ = r.Close() }()
	if kind, size, err = r.Header(); err != nil {
		return 0, 0, nil, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	if use == nil {
		return kind, size, nil, nil
	}
	// One byte more than was declared, so that a bomb is noticed and not read.
	if content, err = use(io.LimitReader(r, size+1)); err != nil || int64(len(content)) != size {
		return 0, 0, nil, fmt.Errorf("%w: %d of %d bytes: %w", errCorrupt, len(content), size, errors.Join(err, io.ErrUnexpectedEOF))
	}
	return kind, size, content, nil
}

// tryEach returns the first answer that is not "not found".
func tryEach[T any](depots []*depot, ask func(*depot) (T, error)) (T, error) {
	for _, d := range depots {
		if v, err := ask(d); !errors.Is(err, plumbing.ErrObjectNotFound) {
			return v, err
		}
	}
	var zero T
	return zero, plumbing.ErrObjectNotFound
}

func (p *pack) close() error {
	if p.file == nil {
		return nil
	}
	f := p.file
	p.file = nil
	return f.Close()
}

func (d *depot) close() error {
	var err error
	for _, p := range d.packs {
		err = errors.Join(err, p.close())
	}
	for _, o := range d.borrowed {
		err = errors.Join(err, o.close())
	}
	return err
}
