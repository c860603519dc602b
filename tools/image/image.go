// Package image builds container images from static binaries and files, in
// this process: no Dockerfile, no engine and no base image take part.
//
// The same Spec and the same file contents give the same digest, on every
// machine and at any time: entries are sorted, times are zero, modes and
// owners are those that were asked for, and the one layer is not compressed,
// so that no compressor has a say in it. It does not push: an image is loaded
// into an engine (Load) or written as an archive by package tarball of
// go-containerregistry.
package image

import (
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// File is a regular file, a symbolic link or, in Spec.Dirs, a directory.
type File struct {
	// Path is absolute in the image. Directories above it are made with mode
	// 0755 and owner 0 unless Spec.Dirs says otherwise.
	Path string
	// Mode holds permissions and the set-user, set-group and sticky bits, in
	// Go's form (fs.ModeSticky) or as octal digits (0o1777). Zero means 0644,
	// and 0755 for a directory.
	Mode fs.FileMode
	// Data is the content. From, if set, is a file of this machine that is
	// copied instead.
	Data []byte
	From string
	// Link is the target of a symbolic link; the file is one if it is set.
	Link     string
	UID, GID int
}

// Spec is what an image holds and how it is run by default.
type Spec struct {
	Files, Dirs []File
	// User is "uid:gid" or a name of the image's /etc/passwd.
	User string
	// Entrypoint, Cmd and Env ("NAME=value") are as in a Dockerfile.
	Entrypoint, Cmd, Env []string
	WorkingDir           string
	// Ports are of the form "8090/tcp".
	Ports []string
	// Volumes are paths.
	Volumes []string
	// Health is the test of a health check: "CMD" and a command line, or
	// "CMD-SHELL" and a script. Empty means none.
	Health []string
	Labels map[string]string
}

// How an engine asks for the health of a container.
const (
	healthInterval    = 10 * time.Second
	healthTimeout     = 5 * time.Second
	healthStartPeriod = 5 * time.Second
	healthRetries     = 3
)

// Build makes the image. Files named by From are read now for the digest, and
// again whenever the layer is read; they must not change in between.
func Build(s Spec) (v1.Image, error) {
	entries, err := s.entries()
	if err != nil {
		return nil, fmt.Errorf("build image: %w", err)
	}
	l, err := newLayer(entries)
	if err != nil {
		return nil, fmt.Errorf("build image: %w", err)
	}
	img, err := mutate.Append(empty.Image, mutate.Addendum{
		Layer:   l,
		History: v1.History{CreatedBy: "gatewright", Created: v1.Time{Time: time.Unix(0, 0).UTC()}},
	})
	if err != nil {
		return nil, fmt.Errorf("build image: %w", err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("build image: %w", err)
	}
	file = file.DeepCopy()
	file.Architecture, file.OS = runtime.GOARCH, "linux"
	file.Created = v1.Time{Time: time.Unix(0, 0).UTC()}
	file.Config = s.config()
	if img, err = mutate.ConfigFile(img, file); err != nil {
		return nil, fmt.Errorf("build image: %w", err)
	}
	return img, nil
}

// config is how the image is run.
func (s Spec) config() v1.Config {
	c := v1.Config{
		User: s.User, WorkingDir: s.WorkingDir,
		Entrypoint: slices.Clone(s.Entrypoint), Cmd: slices.Clone(s.Cmd), Env: slices.Clone(s.Env),
		ExposedPorts: set(s.Ports), Volumes: set(s.Volumes), Labels: maps.Clone(s.Labels),
	}
	if len(s.Health) > 0 {
		c.Healthcheck = &v1.HealthConfig{
			Test: slices.Clone(s.Health), Interval: healthInterval, Timeout: healthTimeout,
			StartPeriod: healthStartPeriod, Retries: healthRetries,
		}
	}
	return c
}

func set(keys []string) map[string]struct{} {
	if len(keys) == 0 {
		return nil
	}
	m := make(map[string]struct{}, len(keys))
	for _, k := range keys {
		m[k] = struct{}{}
	}
	return m
}
