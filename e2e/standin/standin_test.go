//go:build unix

package standin_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/gatewright/gatewright/e2e/standin"
	"github.com/gatewright/gatewright/tools/image"
)

// images are all stand-ins by their names.
var images = map[string]func(context.Context) (image.Spec, error){
	"thunder": standin.Thunder, "openbao": standin.OpenBAO, "openchoreo": standin.Platform, "gateway": standin.Gateway,
	"agent": standin.Agent, "kubernetes": standin.Kubernetes, "git": standin.Git, "postgres": standin.Postgres, "disk": standin.Disk, "gatewright": standin.Gatewright,
}

// TestLoad builds every image and loads it into the engine, which keeps it for
// the scenarios.
func TestLoad(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds everything")
	}
	if err := image.Ping(t.Context()); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("a container engine is needed: %v", err)
		}
		t.Skipf("no container engine: %v", err)
	}
	for name, of := range images {
		spec, err := of(t.Context())
		if errors.Is(err, standin.ErrNoPostgres) && os.Getenv("CI") != "true" {
			t.Logf("%s: %v", name, err)
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		img, err := image.Build(spec)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := image.Load(t.Context(), img, "gatewright-e2e/"+name+":dev"); err != nil {
			t.Error(err)
		}
	}
}
