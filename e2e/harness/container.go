package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	tcnetwork "github.com/testcontainers/testcontainers-go/network"
)

// Container is one container of a stack. Its name is its host name on the
// stack's network.
type Container struct {
	Name string
	testcontainers.Container
	// Disk has its data; nil if that is elsewhere.
	Disk *Disk

	engine  *engine
	network *testcontainers.DockerNetwork
	alias   string
}

// start starts a container on the stack's network, under its name there.
func (s *Stack) start(ctx context.Context, name, image string, opts ...testcontainers.ContainerCustomizer) (*Container, error) {
	all := append([]testcontainers.ContainerCustomizer{
		testcontainers.WithLabels(labels()),
		tcnetwork.WithNetwork([]string{name}, s.network),
		testcontainers.WithLogger(quiet{}),
	}, opts...)
	c, err := testcontainers.Run(ctx, image, all...)
	if c != nil {
		out := &Container{Name: name, Container: c, engine: s.engine, network: s.network, alias: name}
		s.mu.Lock()
		s.containers = append(s.containers, out)
		s.mu.Unlock()
		if err == nil {
			return out, nil
		}
		err = fmt.Errorf("%w\n%s", err, out.tail(ctx))
	}
	return nil, fmt.Errorf("start %s (%s): %w", name, image, err)
}

// quiet keeps testcontainers from telling of every step.
type quiet struct{}

// Printf implements testcontainers' logger.
func (quiet) Printf(string, ...any) {}

// published publishes a port on loopback of the engine's machine alone. The
// number is chosen here, because one that the engine chooses changes when the
// container starts again.
func published(port string) testcontainers.CustomizeRequestOption {
	return func(r *testcontainers.GenericContainerRequest) error {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		_, number, err := net.SplitHostPort(l.Addr().String())
		if err := errors.Join(err, l.Close()); err != nil {
			return err
		}
		r.ExposedPorts = append(r.ExposedPorts, port)
		return testcontainers.WithHostConfigModifier(func(h *container.HostConfig) {
			if h.PortBindings == nil {
				h.PortBindings = network.PortMap{}
			}
			h.PortBindings[network.MustParsePort(port)] = []network.PortBinding{{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: number}}
		})(r)
	}
}

// startTime bounds the start of one container.
const startTime = 2 * time.Minute

// eventually calls f until it succeeds, while the container runs.
func (c *Container) eventually(ctx context.Context, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		err := f()
		if err == nil {
			return nil
		}
		if state, stateErr := c.State(ctx); stateErr == nil && !state.Running {
			return fmt.Errorf("%s has ended with exit code %d: %w\n%s", c.Name, state.ExitCode, err, c.tail(ctx))
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after %s: %w\n%s", c.Name, startTime, err, c.tail(ctx))
		}
	}
}

// answers waits until a GET of a URL of the container succeeds.
func (c *Container) answers(ctx context.Context, url string) error {
	return c.eventually(ctx, func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s answers %s", url, resp.Status)
		}
		return errors.Join(err, resp.Body.Close())
	})
}

// tail is the end of what the container said.
func (c *Container) tail(ctx context.Context) string {
	out, errs, err := c.said(context.WithoutCancel(ctx), "40")
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(out + errs)
}

// said returns the last lines of a container's standard output and error; all
// for "all".
func (c *Container) said(ctx context.Context, lines string) (stdout, stderr string, err error) {
	answer, err := c.engine.client.ContainerLogs(ctx, c.GetContainerID(), client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: lines})
	if err != nil {
		return "", "", err
	}
	var out, errs bytes.Buffer
	_, err = stdcopy.StdCopy(&out, &errs, answer)
	return out.String(), errs.String(), errors.Join(err, answer.Close())
}

// Said is everything that the container has said.
func (c *Container) Said(ctx context.Context) (string, error) {
	out, errs, err := c.said(ctx, "all")
	return out + errs, err
}

// keepLogs writes what the container said into a file of dir.
func (c *Container) keepLogs(ctx context.Context, dir string) error {
	text, err := c.Said(ctx)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, c.Name+".log"), []byte(text), 0o600)
}

// Pause stops every process of the container where it stands; Unpause lets
// them go on.
func (c *Container) Pause(ctx context.Context) error {
	_, err := c.engine.client.ContainerPause(ctx, c.GetContainerID(), client.ContainerPauseOptions{})
	return err
}

// Unpause ends Pause.
func (c *Container) Unpause(ctx context.Context) error {
	_, err := c.engine.client.ContainerUnpause(ctx, c.GetContainerID(), client.ContainerUnpauseOptions{})
	return err
}

// Kill ends the container as a power cut would. Restart brings it back.
func (c *Container) Kill(ctx context.Context) error {
	_, err := c.engine.client.ContainerKill(ctx, c.GetContainerID(), client.ContainerKillOptions{Signal: "KILL"})
	return err
}

// stopTime is how long a container has to end in order.
const stopTime = 20 * time.Second

// Restart ends the container in order, unless it has ended, and starts it.
func (c *Container) Restart(ctx context.Context) error {
	limit := int(stopTime / time.Second)
	_, err := c.engine.client.ContainerRestart(ctx, c.GetContainerID(), client.ContainerRestartOptions{Timeout: &limit})
	return err
}

// Disconnect takes the container off the network; Connect puts it back.
func (c *Container) Disconnect(ctx context.Context) error {
	_, err := c.engine.client.NetworkDisconnect(ctx, c.network.ID, client.NetworkDisconnectOptions{Container: c.GetContainerID(), Force: true})
	return err
}

// Connect ends Disconnect.
func (c *Container) Connect(ctx context.Context) error {
	_, err := c.engine.client.NetworkConnect(ctx, c.network.ID, client.NetworkConnectOptions{
		Container: c.GetContainerID(), EndpointConfig: &network.EndpointSettings{Aliases: []string{c.alias}},
	})
	return err
}

// url is where the machine of the harness reaches a port of the container.
func (c *Container) url(ctx context.Context, scheme, port string) (string, error) {
	return c.PortEndpoint(ctx, port, scheme)
}

// file reads a file of the container.
func (c *Container) file(ctx context.Context, path string) ([]byte, error) {
	r, err := c.CopyFileFromContainer(ctx, path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}
