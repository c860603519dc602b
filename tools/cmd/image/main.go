// Command image builds gatewright's container image, writes it as an archive
// that `docker load` reads, and loads it into the container engine if there is
// one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/gatewright/gatewright/tools/image"
)

// options are the flags.
type options struct {
	out, tag, version string
	check             bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	flag.StringVar(&o.out, "out", "bin/gatewright-image.tar", "the archive to write")
	flag.StringVar(&o.tag, "tag", "gatewright:dev", "what the image is called")
	flag.StringVar(&o.version, "version", "dev", "the version that the binary and the label say")
	flag.BoolVar(&o.check, "check", false, "build twice, the binary too, and fail if the digests differ")
	flag.Parse()
	if err := run(ctx, o); err != nil {
		fmt.Fprintf(os.Stderr, "image: error: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	binary, err := image.Stamped(ctx, image.GatewrightPackage, o.version)
	if err != nil {
		return err
	}
	img, err := image.Build(image.Gatewright(binary, o.version))
	if err != nil {
		return err
	}
	digest, err := img.Digest()
	if err != nil {
		return err
	}
	if o.check {
		if err := again(ctx, o.version, digest); err != nil {
			return err
		}
	}
	size, err := archive(img, o)
	if err != nil {
		return err
	}
	fmt.Printf("image: %s %s, %.1f MB, %s\n", o.tag, digest, float64(size)/1e6, o.out)
	switch err := image.Load(ctx, img, o.tag); {
	case errors.Is(err, image.ErrNoEngine):
		fmt.Printf("image: no container engine answers here, so it was not loaded; elsewhere: docker load -i %s\n", o.out)
	case err != nil:
		return err
	default:
		fmt.Println("image: loaded into the container engine")
	}
	return nil
}

// again links the binary and builds the image once more, in another place, and
// reports a digest that differs.
func again(ctx context.Context, version string, first v1.Hash) error {
	dir, err := os.MkdirTemp("", "gatewright-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "gatewright")
	if err := image.Compile(ctx, image.GatewrightPackage, version, binary); err != nil {
		return err
	}
	img, err := image.Build(image.Gatewright(binary, version))
	if err != nil {
		return err
	}
	second, err := img.Digest()
	if err != nil {
		return err
	}
	if first != second {
		return fmt.Errorf("two builds have two digests: %s and %s", first, second)
	}
	fmt.Println("image: two builds have one digest")
	return nil
}

// archive writes the image to a file and returns how large that is.
func archive(img v1.Image, o options) (int64, error) {
	ref, err := name.NewTag(o.tag)
	if err != nil {
		return 0, err
	}
	if err := os.MkdirAll(filepath.Dir(o.out), 0o755); err != nil { //nolint:gosec // build output is no secret
		return 0, err
	}
	if err := tarball.WriteToFile(o.out, ref, img); err != nil {
		return 0, fmt.Errorf("write %s: %w", o.out, err)
	}
	info, err := os.Stat(o.out)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
