// Package standin describes the images that stand in for the systems around
// gatewright where their own images cannot be pulled: simulators and real
// servers, built on this machine from this checkout. Each function builds what
// its image holds and returns the description; nothing reaches an engine.
//
// Every image listens on all addresses of its container, runs as 65532, ends
// in order at SIGTERM and answers under the name of its system on a network:
// thunder, openbao, kubernetes, gateway, agent, git, postgres. A command line
// given to a container replaces Cmd and leaves the program.
package standin

import (
	"context"
	"fmt"

	"github.com/gatewright/gatewright/tools/image"
)

// commands is where the programs of the stand-ins are.
const commands = "github.com/gatewright/gatewright/fixtures/cmd/"

// userID is the user and group of every stand-in.
const userID = 65532

// Gatewright is gatewright's own image, as it is released but for the version
// and the paths in its binary.
func Gatewright(ctx context.Context) (image.Spec, error) {
	const version = "e2e"
	binary, err := image.Binary(ctx, image.GatewrightPackage)
	if err != nil {
		return image.Spec{}, err
	}
	return image.Gatewright(binary, version), nil
}

// Thunder is the simulator of the identity provider, at http://thunder:8090.
func Thunder(ctx context.Context) (image.Spec, error) {
	return program(ctx, "thunder-sim", []string{"-listen", "0.0.0.0:8090", "-public-url", "http://thunder:8090"}, "8090/tcp")
}

// OpenBAO is the simulator of the secret store, at http://openbao:8200.
func OpenBAO(ctx context.Context) (image.Spec, error) {
	return program(ctx, "openbao-sim", []string{"-listen", "0.0.0.0:8200"}, "8200/tcp")
}

// Platform is the stand-in of OpenChoreo's controllers. It needs a kubeconfig,
// which it expects at /kubeconfig.
func Platform(ctx context.Context) (image.Spec, error) {
	return program(ctx, "openchoreo-sim", []string{"-kubeconfig", "/kubeconfig"})
}

// Gateway is the stand-in of the gateway, at http://gateway:8080, and of the
// ingress, at port 8081. It needs a kubeconfig, which it expects at
// /kubeconfig, and calls agents by the hosts that their RestApis name.
func Gateway(ctx context.Context) (image.Spec, error) {
	args := []string{"-kubeconfig", "/kubeconfig", "-addr", "0.0.0.0:8080", "-ingress-addr", "0.0.0.0:8081"}
	return program(ctx, "gateway-sim", args, "8080/tcp", "8081/tcp")
}

// Agent is the sample agent, at http://agent:8000.
func Agent(ctx context.Context) (image.Spec, error) {
	return program(ctx, "agent-sim", []string{"-listen", "0.0.0.0:8000"}, "8000/tcp")
}

// DiskDir is where the image of Disk expects a disk.
const DiskDir = "/disk-of-another"

// Disk keeps a disk mounted that other containers use, and fills it when
// `/disk fill` is executed in it.
func Disk(ctx context.Context) (image.Spec, error) {
	s, err := program(ctx, "disk", []string{"keep"})
	s.Entrypoint = append(s.Entrypoint, "-dir", DiskDir)
	return s, err
}

// program is an image around one command of the fixtures.
func program(ctx context.Context, name string, args []string, ports ...string) (image.Spec, error) {
	s := image.Nonroot()
	binary, err := image.Binary(ctx, commands+name)
	if err != nil {
		return s, fmt.Errorf("stand-in: %w", err)
	}
	s.Files = append(s.Files, image.File{Path: "/" + name, Mode: 0o755, From: binary})
	s.Entrypoint, s.Cmd, s.Ports = []string{"/" + name}, args, ports
	s.Labels = map[string]string{"org.opencontainers.image.title": name}
	return s, nil
}

// home gives an image a directory that its user may write to, as its working
// directory.
func home(s *image.Spec, dir string) {
	s.Dirs = append(s.Dirs, image.File{Path: dir, Mode: 0o700, UID: userID, GID: userID})
	s.WorkingDir = dir
}
