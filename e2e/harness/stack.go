package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"golang.org/x/sync/errgroup"

	tcnetwork "github.com/testcontainers/testcontainers-go/network"

	"github.com/gatewright/gatewright/tools/image"
)

// Options say what to start.
type Options struct {
	// Organizations have a gateway of their own in each environment.
	Organizations []string
	// Environments are those that specs may name; by default development and
	// production.
	Environments []string
	// KeyManagers are the names under which the gateways trust ThunderID; by
	// default ThunderKeyManager.
	KeyManagers []string
	// Progress gets a line now and then. It may be nil.
	Progress func(line string)
}

// Stack is everything that gatewright works with, in containers.
type Stack struct {
	Thunder, OpenBAO, Kubernetes, Platform, Gateway, Git *Container
	// PostgreSQL is nil until Postgres.
	PostgreSQL *Container
	// Swept counts what was found of runs that had been killed.
	Swept int

	options      Options
	engine       *engine
	network      *testcontainers.DockerNetwork
	peers        []*Peer
	cluster      cluster
	repositories gitServer
	thunderURL   string
	bao          bao
	own          string // gatewright's image
	serial       atomic.Int64

	postgres    sync.Once
	postgresErr error

	mu         sync.Mutex
	containers []*Container
}

// Start starts a stack and waits until it answers. ctx bounds the start alone.
func Start(ctx context.Context, o Options) (*Stack, error) {
	if len(o.Environments) == 0 {
		o.Environments = []string{"development", "production"}
	}
	if len(o.KeyManagers) == 0 {
		o.KeyManagers = []string{KeyManager}
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	s := &Stack{options: o}
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	var group errgroup.Group
	for name, start := range map[string]func(context.Context) error{
		"thunder": s.thunder, "openbao": s.openbao, "cluster": s.platform, "git": s.git, "image": s.gatewright,
	} {
		group.Go(func() error {
			if err := start(ctx); err != nil {
				return err
			}
			o.Progress(name + " is ready")
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// begin finds the engine and the peers, and makes the network.
func (s *Stack) begin(ctx context.Context) (err error) {
	if s.engine, err = connect(ctx); err != nil {
		return err
	}
	if s.Swept, err = s.engine.sweep(ctx); err != nil {
		return fmt.Errorf("remove what an earlier run has left: %w", err)
	}
	if s.peers, err = peers(); err != nil {
		return err
	}
	if err := s.engine.resolve(ctx, s.peers); err != nil {
		return err
	}
	s.network, err = tcnetwork.New(ctx, tcnetwork.WithLabels(labels()))
	return err
}

// Stop removes everything that the stack has started.
func (s *Stack) Stop(ctx context.Context) error {
	ours := func(l map[string]string) bool {
		mine := labels()
		return l[labelRun] == mine[labelRun] && l[labelBoot] == mine[labelBoot]
	}
	_, err := s.engine.remove(ctx, ours)
	if file := s.repositories.caFile; file != "" {
		err = errors.Join(err, os.Remove(file))
	}
	return errors.Join(err, s.engine.client.Close())
}

// KeepLogs writes what each container has said into a file of dir.
func (s *Stack) KeepLogs(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	s.mu.Lock()
	all := slices.Clone(s.containers)
	s.mu.Unlock()
	var errs []error
	for _, c := range all {
		if err := c.keepLogs(ctx, dir); err != nil {
			errs = append(errs, fmt.Errorf("logs of %s: %w", c.Name, err))
		}
	}
	return errors.Join(errs...)
}

// standIn starts a container of an image that is built here.
func (s *Stack) standIn(ctx context.Context, name string, of func(context.Context) (image.Spec, error), opts ...testcontainers.ContainerCustomizer) (*Container, error) {
	built, err := s.image(ctx, name, of)
	if err != nil {
		return nil, fmt.Errorf("stand-in of %s: %w", name, err)
	}
	return s.start(ctx, name, built, opts...)
}

// volume makes a named volume.
func (s *Stack) volume(ctx context.Context, name string) (string, error) {
	return s.volumeOf(ctx, client.VolumeCreateOptions{Name: name})
}

// volumeOf makes a volume, whose name it completes.
func (s *Stack) volumeOf(ctx context.Context, o client.VolumeCreateOptions) (string, error) {
	o.Name = "gatewright-e2e-" + strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(s.serial.Add(1), 10) + "-" + o.Name
	o.Labels = labels()
	_, err := s.engine.client.VolumeCreate(ctx, o)
	return o.Name, err
}

// forget drops a container that was removed.
func (s *Stack) forget(c *Container) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.containers = slices.DeleteFunc(s.containers, func(other *Container) bool { return other == c })
}
