package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// entry is a line of the layer's archive, and where its content is.
type entry struct {
	header tar.Header
	data   []byte
	from   string
}

// entries returns what the layer holds, sorted by name, so that a directory
// comes before what is in it.
func (s Spec) entries() ([]entry, error) {
	all := map[string]entry{}
	add := func(f File, dir bool) error {
		e, err := newEntry(f, dir)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		name := strings.TrimSuffix(e.header.Name, "/")
		if _, taken := all[name]; taken {
			return fmt.Errorf("%s: stands twice in the image", f.Path)
		}
		all[name] = e
		return nil
	}
	for _, d := range s.Dirs {
		if err := add(d, true); err != nil {
			return nil, err
		}
	}
	for _, f := range s.Files {
		if err := add(f, false); err != nil {
			return nil, err
		}
	}
	for _, f := range slices.Concat(s.Dirs, s.Files) {
		for dir := path.Dir(path.Clean(f.Path)); dir != "/"; dir = path.Dir(dir) {
			above, made := all[strings.TrimPrefix(dir, "/")]
			if made && above.header.Typeflag == tar.TypeReg {
				return nil, fmt.Errorf("%s: %s is a file", f.Path, dir)
			}
			if !made {
				if err := add(File{Path: dir}, true); err != nil {
					return nil, err
				}
			}
		}
	}
	sorted := make([]entry, 0, len(all))
	for _, e := range all {
		sorted = append(sorted, e)
	}
	slices.SortFunc(sorted, func(a, b entry) int { return strings.Compare(a.header.Name, b.header.Name) })
	return sorted, nil
}

func newEntry(f File, dir bool) (entry, error) {
	if !path.IsAbs(f.Path) || path.Clean(f.Path) == "/" {
		return entry{}, errors.New("a path in an image is absolute and below /")
	}
	e := entry{data: f.Data, from: f.From, header: tar.Header{
		Typeflag: tar.TypeReg, Name: strings.TrimPrefix(path.Clean(f.Path), "/"),
		Mode: mode(f.Mode, 0o644), Uid: f.UID, Gid: f.GID, ModTime: time.Unix(0, 0),
	}}
	switch h := &e.header; {
	case dir:
		h.Typeflag, h.Name, h.Mode = tar.TypeDir, h.Name+"/", mode(f.Mode, 0o755)
	case f.Link != "":
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, f.Link, 0o777
	case f.From != "":
		info, err := os.Stat(f.From)
		if err != nil {
			return entry{}, err
		}
		if !info.Mode().IsRegular() {
			return entry{}, fmt.Errorf("%s is no regular file", f.From)
		}
		h.Size = info.Size()
	default:
		h.Size = int64(len(f.Data))
	}
	return e, nil
}

// mode returns the bits of an archive's header.
func mode(m fs.FileMode, unset int64) int64 {
	if m == 0 {
		return unset
	}
	bits := int64(m & 0o7777)
	for flag, bit := range map[fs.FileMode]int64{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&flag != 0 {
			bits |= bit
		}
	}
	return bits
}

// write writes the entries as an archive.
func write(w io.Writer, entries []entry) error {
	tw := tar.NewWriter(w)
	for _, e := range entries {
		if err := e.write(tw); err != nil {
			return fmt.Errorf("%s: %w", e.header.Name, err)
		}
	}
	return tw.Close()
}

func (e entry) write(tw *tar.Writer) error {
	h := e.header
	if err := tw.WriteHeader(&h); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeReg {
		return nil
	}
	if e.from == "" {
		_, err := tw.Write(e.data)
		return err
	}
	f, err := os.Open(e.from)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(tw, f) // a file that grew is refused, one that shrank at the next header
	return err
}
