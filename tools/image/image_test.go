package image_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/gatewright/gatewright/tools/image"
)

// sample is an image with one of everything.
func sample(tb testing.TB) image.Spec {
	tb.Helper()
	from := filepath.Join(tb.TempDir(), "program")
	if err := os.WriteFile(from, []byte("a program"), 0o600); err != nil {
		tb.Fatal(err)
	}
	return image.Spec{
		Files: []image.File{
			{Path: "/usr/bin/program", Mode: 0o755, From: from},
			{Path: "/etc/motd", Data: []byte("hello\n"), UID: 7, GID: 8},
			{Path: "/bin", Link: "usr/bin"},
		},
		Dirs: []image.File{
			{Path: "/tmp", Mode: 0o777 | fs.ModeSticky},
			{Path: "/var/tmp", Mode: 0o1777},
			{Path: "/var/lib/data", Mode: 0o700, UID: 65532, GID: 65532},
		},
		User: "65532:65532", Entrypoint: []string{"/usr/bin/program"}, Cmd: []string{"run"}, Env: []string{"A=b"},
		WorkingDir: "/var/lib/data", Ports: []string{"8090/tcp", "80/tcp"}, Volumes: []string{"/var/lib/data"},
		Health: []string{"CMD", "/usr/bin/program", "health"}, Labels: map[string]string{"title": "sample", "b": "c"},
	}
}

func build(tb testing.TB, s image.Spec) v1.Image {
	tb.Helper()
	img, err := image.Build(s)
	if err != nil {
		tb.Fatal(err)
	}
	return img
}

func TestSameDigest(t *testing.T) {
	t.Parallel()
	one := sample(t)
	other := sample(t) // the file that is copied is another one with the same bytes and another time
	slices.Reverse(other.Files)
	slices.Reverse(other.Dirs)
	slices.Reverse(other.Ports)
	a, err := build(t, one).Digest()
	if err != nil {
		t.Fatal(err)
	}
	b, err := build(t, other).Digest()
	if err != nil {
		t.Fatal(err)
	}
	if a != b {
		t.Errorf("two builds of one image: %s and %s", a, b)
	}
}

func TestLayer(t *testing.T) {
	t.Parallel()
	layers, err := build(t, sample(t)).Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers: %v", len(layers), err)
	}
	r, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	type line struct {
		Name     string
		Type     byte
		Mode     int64
		UID, GID int
		Content  string
	}
	var got []line
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.ModTime.Unix() != 0 {
			t.Errorf("%s has the time %s", h.Name, h.ModTime)
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, line{h.Name, h.Typeflag, h.Mode, h.Uid, h.Gid, h.Linkname + string(content)})
	}
	want := []line{
		{"bin", tar.TypeSymlink, 0o777, 0, 0, "usr/bin"},
		{"etc/", tar.TypeDir, 0o755, 0, 0, ""},
		{"etc/motd", tar.TypeReg, 0o644, 7, 8, "hello\n"},
		{"tmp/", tar.TypeDir, 0o1777, 0, 0, ""},
		{"usr/", tar.TypeDir, 0o755, 0, 0, ""},
		{"usr/bin/", tar.TypeDir, 0o755, 0, 0, ""},
		{"usr/bin/program", tar.TypeReg, 0o755, 0, 0, "a program"},
		{"var/", tar.TypeDir, 0o755, 0, 0, ""},
		{"var/lib/", tar.TypeDir, 0o755, 0, 0, ""},
		{"var/lib/data/", tar.TypeDir, 0o700, 65532, 65532, ""},
		{"var/tmp/", tar.TypeDir, 0o1777, 0, 0, ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("layer (-want +got):\n%s", diff)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	file, err := build(t, sample(t)).ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c := file.Config
	got := []any{
		file.OS, file.Created.Unix(), c.User, c.WorkingDir, c.Entrypoint, c.Cmd, c.Env, len(c.ExposedPorts), c.ExposedPorts["8090/tcp"],
		len(c.Volumes), c.Volumes["/var/lib/data"], c.Healthcheck.Test, c.Labels,
	}
	want := []any{
		"linux", int64(0), "65532:65532", "/var/lib/data", []string{"/usr/bin/program"}, []string{"run"}, []string{"A=b"}, 2, struct{}{},
		1, struct{}{}, []string{"CMD", "/usr/bin/program", "health"}, map[string]string{"title": "sample", "b": "c"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]image.Spec{
		"a relative path":     {Files: []image.File{{Path: "etc/motd"}}},
		"a file twice":        {Files: []image.File{{Path: "/etc/motd"}, {Path: "/etc//motd"}}},
		"a file in a file":    {Files: []image.File{{Path: "/etc"}, {Path: "/etc/motd"}}},
		"a missing host file": {Files: []image.File{{Path: "/program", From: "/nowhere/program"}}},
	} {
		if _, err := image.Build(s); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	pem := image.Certificates()
	if !x509.NewCertPool().AppendCertsFromPEM(pem) || bytes.Count(pem, []byte("BEGIN CERTIFICATE")) < 100 {
		t.Errorf("%d bytes with no or few certificates", len(pem))
	}
}

// needEngine skips where there is no engine, and fails under CI=true, where
// nothing may go unchecked.
func needEngine(tb testing.TB) {
	tb.Helper()
	err := image.Ping(tb.Context())
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		tb.Fatalf("a container engine is needed: %v", err)
	default:
		tb.Skipf("no container engine: %v", err)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	needEngine(t)
	// The tag stays in the engine as the other cached images do.
	const tag = "gatewright-e2e/sample:test"
	img := build(t, sample(t))
	for range 2 {
		if err := image.Load(t.Context(), img, tag); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNoEngine(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "none.sock"))
	err := image.Load(t.Context(), build(t, sample(t)), "gatewright-e2e/sample:test")
	if !errors.Is(err, image.ErrNoEngine) {
		t.Errorf("got %v", err)
	}
}

func TestBinary(t *testing.T) {
	t.Parallel()
	const pkg = "github.com/gatewright/gatewright/fixtures/cmd/openbao-sim"
	paths := make([]string, 2)
	done := make(chan error, len(paths))
	for i := range paths {
		go func() {
			var err error
			paths[i], err = image.Binary(context.Background(), pkg)
			done <- err
		}()
	}
	for range paths {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if paths[0] != paths[1] || filepath.Base(paths[0]) != "openbao-sim" {
		t.Errorf("one program at two places: %q", paths)
	}
	if _, err := image.Binary(t.Context(), "./fixtures/cmd/none"); err == nil || !strings.Contains(err.Error(), "./fixtures/cmd/none") {
		t.Errorf("a package that is not there: %v", err)
	}
}
