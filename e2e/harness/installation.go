package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/gatewright/gatewright/e2e/standin"
	"github.com/gatewright/gatewright/fixtures/openchoreo"
)

// gatewright builds gatewright's image.
func (s *Stack) gatewright(ctx context.Context) (err error) {
	s.own, err = s.image(ctx, "gatewright", standin.Gatewright)
	return err
}

// Where the container has its configuration, and DataDir, where it has its data.
const (
	configDir = "/etc/gatewright"
	DataDir   = "/var/lib/gatewright"
)

// Settings are those of an installation.
type Settings struct {
	// Installation is the name in every mark; by default that of the
	// installation's containers. Replicas share it.
	Installation string
	// Repository is the git URL of the specs as containers see it.
	Repository string
	// Environments that it keeps; by default those of the stack.
	Environments []string
	// Organization is the one whose gateway is asked for its key managers.
	Organization string
	// KeyManagers are the issuers that specs may name; by default those that
	// the gateways trust.
	KeyManagers []string
	// Database is the URL of a PostgreSQL; by default the inventory is a file on
	// a volume of its own.
	Database string
	// Interval is how often everything is looked at; by default 2s.
	Interval string
	// Extra is added to the configuration, as YAML.
	Extra string
	// Files go beside the configuration, under /etc/gatewright, and Data beside
	// the inventory.
	Files, Data map[string][]byte
	// SmallDisk puts the data on a disk that can be filled.
	SmallDisk bool
	// Thunder and OpenBAO credentials other than the administrators'. With an
	// AppRole the role id stands before a colon.
	ThunderClient, ThunderSecret, BaoToken string
	// Kubeconfig other than the administrator's.
	Kubeconfig []byte
}

// Installation is one gatewright: its configuration, its data, and what runs of
// it. Every container of it has a read-only root file system.
type Installation struct {
	Name string
	// Daemon is nil until Start.
	Daemon *Container
	// Disk is there with Settings.SmallDisk.
	Disk *Disk

	stack        *Stack
	config, data string // volumes
}

// Install writes the configuration of an installation. Nothing runs yet.
func (s *Stack) Install(ctx context.Context, name string, o Settings) (*Installation, error) {
	i := &Installation{Name: name, stack: s}
	var err error
	if i.config, err = s.volume(ctx, name+"-config"); err != nil {
		return nil, err
	}
	if err := i.store(ctx, o.SmallDisk); err != nil {
		return nil, err
	}
	var files []testcontainers.ContainerFile
	for path, data := range s.files(name, o) {
		files = append(files, testcontainers.ContainerFile{Reader: bytes.NewReader(data), ContainerFilePath: configDir + "/" + path, FileMode: 0o644})
	}
	for path, data := range o.Data {
		files = append(files, testcontainers.ContainerFile{Reader: bytes.NewReader(data), ContainerFilePath: DataDir + "/" + path, FileMode: 0o666})
	}
	// Files reach a volume through a container that has it and may be written to.
	c, err := i.container(ctx, name+"-install", []string{"version"}, testcontainers.WithFiles(files...),
		testcontainers.WithHostConfigModifier(writable), testcontainers.WithWaitStrategyAndDeadline(startTime, wait.ForExit()))
	if err != nil {
		return nil, err
	}
	s.forget(c)
	return i, c.Terminate(ctx)
}

// store makes the place of the inventory.
func (i *Installation) store(ctx context.Context, small bool) (err error) {
	if !small {
		i.data, err = i.stack.volume(ctx, i.Name+"-data")
		return err
	}
	if i.Disk, err = i.stack.disk(ctx, i.Name); err != nil {
		return err
	}
	i.data = i.Disk.volume
	return nil
}

// writable undoes the read-only root file system.
func writable(h *container.HostConfig) { h.ReadonlyRootfs = false }

// files are the configuration and what it names.
func (s *Stack) files(name string, o Settings) map[string][]byte {
	if len(o.Environments) == 0 {
		o.Environments = s.options.Environments
	}
	or := func(value, fallback string) string {
		if value == "" {
			return fallback
		}
		return value
	}
	out := map[string][]byte{
		"thunder-secret": []byte(or(o.ThunderSecret, thunderSecret)), "openbao-token": []byte(or(o.BaoToken, s.bao.token)), "kubeconfig": s.cluster.inside,
	}
	if o.Kubeconfig != nil {
		out["kubeconfig"] = o.Kubeconfig
	}
	var b strings.Builder
	trust := "caFile: git-ca.pem"
	if strings.HasPrefix(o.Repository, "ssh:") {
		trust = "knownHosts: git-known-hosts"
	}
	fmt.Fprintf(&b, "installation: %q\ndatabase: %q\ninterval: %q\nsource: {repository: %q, branch: main, poll: 1s, auth: {%s, username: %s, password: {file: git-password}}}\n",
		or(o.Installation, name), "sqlite:"+DataDir+"/gatewright.db", or(o.Interval, "2s"), o.Repository, trust, gitUser)
	if o.Database != "" {
		// It holds a password.
		out["database-url"] = []byte(o.Database)
		text := strings.Replace(b.String(), fmt.Sprintf("database: %q", "sqlite:"+DataDir+"/gatewright.db"), "database: {url: {file: database-url}}", 1)
		b.Reset()
		b.WriteString(text)
	}
	out["git-ca.pem"], out["git-known-hosts"], out["git-password"] = s.repositories.ca, s.repositories.knownHosts, []byte(gitPassword)
	if len(o.KeyManagers) == 0 {
		o.KeyManagers = s.options.KeyManagers
	}
	managers := "{" + strings.Join(o.KeyManagers, ": {}, ") + ": {}}"
	b.WriteString("environments:\n")
	for _, env := range o.Environments {
		fmt.Fprintf(&b, `  %s:
    thunder: {url: %q, clientID: %q, clientSecret: {file: thunder-secret}}
    openbao: {address: %q, auth: {token: {file: openbao-token}}}
    cluster: {kubeconfig: kubeconfig}
    gateway: {url: %q, apiGateway: {namespace: %q, name: %q}, keyManagers: %s}
`, env, ThunderURL, or(o.ThunderClient, thunderClient), OpenBAOURL, GatewayURL, openchoreo.GatewayNamespace(o.Organization, env), openchoreo.GatewayName(o.Organization, env), managers)
	}
	b.WriteString(o.Extra)
	out["gatewright.yaml"] = []byte(b.String())
	maps.Copy(out, o.Files)
	return out
}

// container starts a container of the installation.
func (i *Installation) container(ctx context.Context, name string, args []string, opts ...testcontainers.ContainerCustomizer) (*Container, error) {
	return i.stack.start(ctx, name, i.stack.own, append([]testcontainers.ContainerCustomizer{
		testcontainers.WithCmd(args...),
		testcontainers.WithMounts(
			testcontainers.VolumeMount(i.config, configDir), testcontainers.VolumeMount(i.data, DataDir)),
		testcontainers.WithTmpfs(map[string]string{"/tmp": "rw,mode=1777"}),
		testcontainers.WithHostConfigModifier(func(h *container.HostConfig) { h.ReadonlyRootfs = true }),
	}, opts...)...)
}

// Start starts the daemon.
func (i *Installation) Start(ctx context.Context) (err error) {
	if i.Daemon, err = i.container(ctx, i.Name, []string{"run"}); err == nil {
		i.Daemon.Disk = i.Disk
	}
	return err
}

// Stop ends the daemon in order and reports how it ended.
func (i *Installation) Stop(ctx context.Context) error {
	limit := stopTime
	if err := i.Daemon.Stop(ctx, &limit); err != nil {
		return err
	}
	state, err := i.Daemon.State(ctx)
	if err != nil {
		return err
	}
	if state.ExitCode != 0 {
		return fmt.Errorf("the daemon ended with exit code %d\n%s", state.ExitCode, i.Daemon.tail(ctx))
	}
	return nil
}

// Result is what a command said.
type Result struct {
	Stdout, Stderr string
	Code           int
	Took           time.Duration
}

// commandTime bounds one command.
const commandTime = 5 * time.Minute

// Run runs a command of gatewright in a container of its own.
func (i *Installation) Run(ctx context.Context, args ...string) (Result, error) {
	started := time.Now()
	name := fmt.Sprintf("%s-command-%d", i.Name, i.stack.serial.Add(1))
	c, err := i.container(ctx, name, args, testcontainers.WithWaitStrategyAndDeadline(commandTime, wait.ForExit()))
	if err != nil {
		return Result{}, err
	}
	r := Result{Took: time.Since(started)}
	state, err := c.State(ctx)
	if err == nil {
		r.Code = state.ExitCode
		r.Stdout, r.Stderr, err = c.said(ctx, "all")
	}
	_, gone := i.stack.engine.client.ContainerRemove(ctx, c.GetContainerID(), client.ContainerRemoveOptions{Force: true})
	i.stack.forget(c)
	return r, errors.Join(err, gone)
}
