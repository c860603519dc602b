package harness

import (
	"context"
	"fmt"
	"io"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/gatewright/gatewright/e2e/standin"
)

// diskSize is that of every disk. It takes what the largest scenario writes.
const diskSize = "192m"

// Disk is a small disk of a container, in memory, that can be filled. It keeps
// what is written while containers come and go.
type Disk struct {
	volume string
	keeper *Container
}

// disk makes a disk. The engine unmounts a volume that no container uses, which
// would empty one in memory: a container of ours keeps it mounted.
func (s *Stack) disk(ctx context.Context, name string) (*Disk, error) {
	volume, err := s.volumeOf(ctx, client.VolumeCreateOptions{
		Name: name + "-disk", Driver: "local",
		DriverOpts: map[string]string{"type": "tmpfs", "device": "tmpfs", "o": "size=" + diskSize + ",mode=1777"},
	})
	if err != nil {
		return nil, err
	}
	d := &Disk{volume: volume}
	// As root, since the disk gets the owner of the directory that it covers.
	d.keeper, err = s.standIn(ctx, "disk", standin.Disk, d.mount(standin.DiskDir),
		testcontainers.WithConfigModifier(func(c *container.Config) { c.User = "0:0" }))
	return d, err
}

// mount mounts the disk over a directory.
func (d *Disk) mount(dir string) testcontainers.CustomizeRequestOption {
	return testcontainers.WithMounts(testcontainers.VolumeMount(d.volume, testcontainers.ContainerMountTarget(dir)))
}

// Fill leaves no space on the disk; Free gives it back.
func (d *Disk) Fill(ctx context.Context) error { return d.do(ctx, "fill") }

// Free ends Fill.
func (d *Disk) Free(ctx context.Context) error { return d.do(ctx, "free") }

func (d *Disk) do(ctx context.Context, action string) error {
	code, said, err := d.keeper.Exec(ctx, append([]string{"/disk", "-dir", standin.DiskDir}, action))
	if err != nil || code == 0 {
		return err
	}
	text, _ := io.ReadAll(said) // it only says more
	return fmt.Errorf("%s the disk: exit code %d: %s", action, code, text)
}
