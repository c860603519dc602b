package harness

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/moby/moby/client"

	"github.com/gatewright/gatewright/tools/image"
)

// images is where the images are that are built here. Each has two tags: "dev",
// which spares the next run the load, and one of its run, since another run may
// build from other sources at the same time.
const images = "gatewright-e2e/"

// image builds an image, puts it into the engine, and returns its name there for
// as long as the run lasts.
func (s *Stack) image(ctx context.Context, name string, of func(context.Context) (image.Spec, error)) (string, error) {
	spec, err := of(ctx)
	if err != nil {
		return "", err
	}
	img, err := image.Build(spec)
	if err != nil {
		return "", err
	}
	id, err := img.ConfigName()
	if err != nil {
		return "", err
	}
	dev, own := images+name+":dev", images+name+":"+runTag()
	before, err := s.engine.client.ImageInspect(ctx, dev)
	superseded := err == nil && before.ID != id.String()
	if err := image.Load(ctx, img, dev); err != nil {
		return "", err
	}
	if _, err := s.engine.client.ImageTag(ctx, client.ImageTagOptions{Source: id.String(), Target: own}); err != nil {
		return "", err
	}
	if superseded {
		s.engine.drop(ctx, before.ID)
	}
	return own, nil
}

// drop removes an image that has no name any more. The engine refuses that for
// one that a container of another run still uses.
func (e *engine) drop(ctx context.Context, id string) {
	if found, err := e.client.ImageInspect(ctx, id); err == nil && len(found.RepoTags) == 0 {
		_, _ = e.client.ImageRemove(ctx, id, client.ImageRemoveOptions{PruneChildren: true})
	}
}

// runTag is the tag of this run's images.
func runTag() string { return "run-" + strconv.Itoa(os.Getpid()) + "-" + bootSum() }

// bootSum is short for this boot of this machine.
func bootSum() string {
	sum := sha256.Sum256([]byte(boot()))
	return hex.EncodeToString(sum[:4])
}

// tagLabels reads a run's tag as the labels of the run.
func tagLabels(tag string) map[string]string {
	run, ok := strings.CutPrefix(tag, "run-")
	pid, sum, _ := strings.Cut(run, "-")
	if !ok || sum != bootSum() {
		return nil
	}
	return map[string]string{labelRun: pid, labelBoot: boot()}
}

// removeImages takes the names of runs off images. One that has no other goes.
func (e *engine) removeImages(ctx context.Context, which func(labels map[string]string) bool) (n int, err error) {
	found, err := e.client.ImageList(ctx, client.ImageListOptions{Filters: make(client.Filters).Add("reference", images+"*")})
	if err != nil {
		return 0, fmt.Errorf("list images: %w", err)
	}
	var errs []error
	for _, i := range found.Items {
		for _, name := range i.RepoTags {
			if _, tag, _ := strings.Cut(name, ":"); which(tagLabels(tag)) {
				n++
				_, err := e.client.ImageRemove(ctx, name, client.ImageRemoveOptions{PruneChildren: true})
				errs = append(errs, err)
			}
		}
	}
	return n, errors.Join(errs...)
}
