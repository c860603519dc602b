package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	tclog "github.com/testcontainers/testcontainers-go/log"
)

// The labels of everything that a run starts.
const (
	labelRun  = "dev.gatewright.e2e"      // the process that started it
	labelBoot = "dev.gatewright.e2e.boot" // of which boot of which machine
)

// ErrNoEngine says that there is no Docker engine to work with.
var ErrNoEngine = errors.New("no Docker engine answers: start one, or set DOCKER_HOST")

// engine is the Docker engine.
type engine struct {
	client *client.Client
	// reaper says whether testcontainers' reaper looks after this run, too.
	reaper bool
}

// connect finds the engine and settles what testcontainers would get wrong on
// it.
func connect(ctx context.Context) (*engine, error) {
	if os.Getenv("TESTCONTAINERS_HOST_OVERRIDE") == "" && strings.HasPrefix(dockerHost(), "unix:") {
		// Ports are published on loopback of the machine that the socket is on.
		if err := os.Setenv("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1"); err != nil {
			return nil, err
		}
	}
	c, err := client.New(client.FromEnv)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrNoEngine, err)
	}
	if _, err := c.Ping(ctx, client.PingOptions{}); err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrNoEngine, err)
	}
	tclog.SetDefault(quiet{}) // it greets with a page about the engine
	e := &engine{client: c}
	// testcontainers reads its settings once: all of this comes before.
	return e, e.settleReaper(ctx)
}

// dockerHost is where the engine is expected.
func dockerHost() string {
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		return host
	}
	return "unix:///var/run/docker.sock"
}

// settleReaper turns testcontainers' reaper off where its image cannot be had:
// it would make every start fail. What it does, sweep does later.
func (e *engine) settleReaper(ctx context.Context) error {
	if disabled, err := strconv.ParseBool(os.Getenv("TESTCONTAINERS_RYUK_DISABLED")); err == nil {
		e.reaper = !disabled
		return nil
	}
	//nolint:staticcheck // which image it will be is said nowhere else
	if err := e.have(ctx, testcontainers.ReaperDefaultImage); err != nil {
		return os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
	}
	e.reaper = true
	return nil
}

// have makes sure that the engine has an image.
func (e *engine) have(ctx context.Context, image string) error {
	if _, err := e.client.ImageInspect(ctx, image); err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, pullTime)
	defer cancel()
	answer, err := e.client.ImagePull(ctx, image, client.ImagePullOptions{})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer)
	if err := errors.Join(err, answer.Close()); err != nil {
		return err
	}
	_, err = e.client.ImageInspect(ctx, image)
	return err
}

// labels are those of this run.
func labels() map[string]string {
	return map[string]string{labelRun: strconv.Itoa(os.Getpid()), labelBoot: boot()}
}

// boot names this boot of this machine, so that process numbers mean something.
func boot() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		id = nil
	}
	host, err := os.Hostname()
	if err != nil {
		host = "?"
	}
	return host + " " + strings.TrimSpace(string(id))
}

// leftBehind reports whether labels are those of a run that has ended.
func leftBehind(of map[string]string) bool {
	pid, err := strconv.Atoi(of[labelRun])
	if err != nil || of[labelBoot] != boot() || pid == os.Getpid() {
		return false
	}
	return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// sweep removes what runs that were killed have left, and counts it.
func (e *engine) sweep(ctx context.Context) (int, error) {
	return e.remove(ctx, leftBehind)
}

// remove removes containers, with their volumes, and networks by their labels,
// and the names of images.
func (e *engine) remove(ctx context.Context, which func(labels map[string]string) bool) (n int, err error) {
	filters := make(client.Filters).Add("label", labelRun)
	containers, err := e.client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
	if err != nil {
		return 0, fmt.Errorf("list containers: %w", err)
	}
	var errs []error
	for _, c := range containers.Items {
		if which(c.Labels) {
			n++
			_, err := e.client.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
			errs = append(errs, err)
		}
	}
	networks, err := e.client.NetworkList(ctx, client.NetworkListOptions{Filters: filters})
	if err != nil {
		return n, errors.Join(append(errs, fmt.Errorf("list networks: %w", err))...)
	}
	for _, network := range networks.Items {
		if which(network.Labels) {
			n++
			_, err := e.client.NetworkRemove(ctx, network.ID, client.NetworkRemoveOptions{})
			errs = append(errs, err)
		}
	}
	volumes, err := e.client.VolumeList(ctx, client.VolumeListOptions{Filters: filters})
	if err != nil {
		return n, errors.Join(append(errs, fmt.Errorf("list volumes: %w", err))...)
	}
	for _, v := range volumes.Items {
		if which(v.Labels) {
			n++
			_, err := e.client.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{Force: true})
			errs = append(errs, err)
		}
	}
	named, err := e.removeImages(ctx, which)
	return n + named, errors.Join(append(errs, err)...)
}
