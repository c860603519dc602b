package standin

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/tools/image"
)

// loaded returns the dynamic linker and the shared libraries that programs and
// libraries among files need, and what those need in turn, for the same places
// in an image. It reads what the linker would (ld.so(8)): DT_NEEDED and the
// directories of /etc/ld.so.conf. What is loaded by name at run time, such as
// modules of NSS, is not found; glibc has those for files and DNS built in.
func loaded(files []image.File) ([]image.File, error) {
	dirs, err := libraryDirs("/etc/ld.so.conf")
	if err != nil {
		return nil, err
	}
	found := map[string]string{} // by path in the image, the file of this machine
	var pending []string
	for _, f := range files {
		if f.From != "" {
			pending = append(pending, f.From)
		}
	}
	for len(pending) > 0 {
		file := pending[0]
		pending = pending[1:]
		needs, err := needed(file)
		if err != nil {
			return nil, fmt.Errorf("libraries of %s: %w", file, err)
		}
		for _, name := range needs {
			path, err := locate(name, dirs)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			if found[path] == "" {
				if found[path], err = filepath.EvalSymlinks(path); err != nil {
					return nil, err
				}
				pending = append(pending, found[path])
			}
		}
	}
	var out []image.File
	for _, path := range slices.Sorted(maps.Keys(found)) {
		out = append(out, image.File{Path: path, Mode: 0o755, From: found[path]})
	}
	return out, nil
}

// needed returns what an ELF file says that it needs: names of libraries, and
// the path of its linker. A file of another kind needs nothing.
func needed(file string) ([]string, error) {
	f, err := elf.Open(file)
	if _, other := errors.AsType[*elf.FormatError](err); other {
		return nil, nil
	}
	if err != nil {
		return nil, ignoreShort(file, err)
	}
	defer f.Close()
	needs, err := f.ImportedLibraries()
	if err != nil {
		return nil, err
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		interpreter := make([]byte, p.Filesz)
		if _, err := p.ReadAt(interpreter, 0); err != nil {
			return nil, err
		}
		needs = append(needs, strings.TrimRight(string(interpreter), "\x00"))
	}
	return needs, nil
}

// ignoreShort drops the error of a file that is too short to be a program.
func ignoreShort(file string, err error) error {
	if info, stat := os.Stat(file); stat == nil && info.Size() < 64 {
		return nil
	}
	return err
}

// locate finds a library.
func locate(name string, dirs []string) (string, error) {
	if filepath.IsAbs(name) {
		return name, nil
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: %w in %v", name, fs.ErrNotExist, dirs)
}

// libraryDirs reads the linker's configuration: a directory a line, and
// "include PATTERN". The linker's own directories come last.
func libraryDirs(conf string) ([]string, error) {
	dirs, err := readLibraryDirs(conf)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return append(dirs, "/lib64", "/usr/lib64", "/lib", "/usr/lib"), err
}

func readLibraryDirs(conf string) ([]string, error) {
	f, err := os.Open(conf)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var dirs []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		line = strings.TrimSpace(line)
		pattern, include := strings.CutPrefix(line, "include ")
		if !include {
			if line != "" {
				dirs = append(dirs, line)
			}
			continue
		}
		included, err := filepath.Glob(strings.TrimSpace(pattern))
		if err != nil {
			return nil, err
		}
		for _, name := range included {
			more, err := readLibraryDirs(name)
			if err != nil {
				return nil, err
			}
			dirs = append(dirs, more...)
		}
	}
	return dirs, lines.Err()
}
