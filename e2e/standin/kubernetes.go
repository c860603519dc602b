//go:build unix

package standin

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gatewright/gatewright/fixtures/kube"
	"github.com/gatewright/gatewright/tools/image"
)

// Where the API server keeps its data, and Kubeconfig where the
// administrator's access stands once it is ready. It says
// https://kubernetes:6443; the certificate is for localhost and 127.0.0.1 too.
const (
	kubeHome   = "/var/lib/kubernetes"
	Kubeconfig = kubeHome + "/kubeconfig"
)

// Kubernetes is a real API server with its etcd, at https://kubernetes:6443. It
// prints one line, "API server at …", when it is ready. A container that is
// started again has its objects and tokens still.
//
// The first time both are built, which takes minutes; see package kube.
func Kubernetes(ctx context.Context) (image.Spec, error) {
	args := []string{"run", "-dir", kubeHome, "-kubeconfig", Kubeconfig, "-listen", "0.0.0.0:6443", "-names", "kubernetes"}
	s, err := program(ctx, "kube", args, "6443/tcp")
	if err != nil {
		return s, err
	}
	bin, err := kube.Binaries(ctx, func(line string) { fmt.Fprintln(os.Stderr, "kube: "+line) })
	if err != nil {
		return s, err
	}
	const dir = "/usr/local/bin/"
	for _, name := range []string{"kube-apiserver", "etcd"} {
		s.Files = append(s.Files, image.File{Path: dir + name, Mode: 0o755, From: filepath.Join(bin, name)})
	}
	s.Env = append(s.Env, kube.EnvBin+"="+dir)
	home(&s, kubeHome)
	return s, nil
}
