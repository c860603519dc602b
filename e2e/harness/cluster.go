package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/testcontainers/testcontainers-go"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/gatewright/gatewright/e2e/standin"
	"github.com/gatewright/gatewright/fixtures/gateway"
	"github.com/gatewright/gatewright/fixtures/openchoreo"
)

// Where the cluster and the gateway are.
const (
	kubePort    = "6443/tcp"
	gatewayPort = "8080/tcp"
	// GatewayURL is where containers reach the gateway.
	GatewayURL = "http://gateway:8080"
	// KeyManager is the name under which every gateway trusts ThunderID unless
	// Options say otherwise.
	KeyManager = "ThunderKeyManager"
)

// cluster is how the API server is reached.
type cluster struct {
	// outside is the administrator's access for the harness, and inside the
	// same for containers.
	outside *rest.Config
	inside  []byte
	gateway string
}

// platform starts the API server, OpenChoreo and the gateway.
func (s *Stack) platform(ctx context.Context) error {
	if err := s.kubernetes(ctx); err != nil {
		return err
	}
	if err := openchoreo.Install(ctx, s.cluster.outside); err != nil {
		return err
	}
	if err := gateway.Install(ctx, s.cluster.outside, s.gateways()...); err != nil {
		return err
	}
	config := func() testcontainers.CustomizeRequestOption { // a reader is spent by one container
		return testcontainers.WithFiles(testcontainers.ContainerFile{
			Reader: bytes.NewReader(s.cluster.inside), ContainerFilePath: "/kubeconfig", FileMode: 0o644,
		})
	}
	var err error
	if s.Platform, err = s.standIn(ctx, "openchoreo", standin.Platform, config(),
		testcontainers.WithCmd("-kubeconfig", "/kubeconfig", "-install=false")); err != nil {
		return err
	}
	s.Gateway, err = s.standIn(ctx, "gateway", standin.Gateway, config(), published(gatewayPort),
		testcontainers.WithCmd("-kubeconfig", "/kubeconfig", "-addr", "0.0.0.0:8080", "-upstream", "sample"))
	if err != nil {
		return err
	}
	s.cluster.gateway, err = s.Gateway.url(ctx, "http", gatewayPort)
	return err
}

// kubernetes starts the API server and reads how it is reached.
func (s *Stack) kubernetes(ctx context.Context) (err error) {
	s.Kubernetes, err = s.standIn(ctx, "kubernetes", standin.Kubernetes, published(kubePort))
	if err != nil {
		return err
	}
	config, err := s.kubeconfig(ctx)
	if err != nil {
		return err
	}
	for _, c := range config.Clusters {
		c.Server = "https://kubernetes:6443"
	}
	if s.cluster.inside, err = clientcmd.Write(*config); err != nil {
		return err
	}
	url, err := s.Kubernetes.url(ctx, "https", kubePort)
	if err != nil {
		return err
	}
	for _, c := range config.Clusters {
		c.Server = url
	}
	s.cluster.outside, err = clientcmd.NewDefaultClientConfig(*config, nil).ClientConfig()
	if err != nil {
		return err
	}
	s.cluster.outside.QPS = -1
	return nil
}

// gateways lists the gateway of each organization and environment.
func (s *Stack) gateways() []gateway.Environment {
	var trusted []gateway.KeyManager
	for _, name := range s.options.KeyManagers {
		trusted = append(trusted, gateway.KeyManager{
			Name: name, Issuer: ThunderURL, JWKS: gateway.JWKS{Remote: &gateway.RemoteJWKS{URI: ThunderURL + "/oauth2/jwks"}},
		})
	}
	var out []gateway.Environment
	for _, organization := range s.options.Organizations {
		for _, environment := range s.options.Environments {
			out = append(out, gateway.Environment{Namespace: organization, Name: environment, KeyManagers: trusted})
		}
	}
	return out
}

// Agent puts an agent into the cluster, as the platform does: released and
// bound in each of the environments.
func (s *Stack) Agent(ctx context.Context, organization, project, name string, environments ...string) error {
	return openchoreo.Seed(ctx, s.cluster.outside, openchoreo.SeedOptions{Production: []string{"production"}}, openchoreo.AgentSeed{
		Namespace: organization, Project: project, Component: name, Environments: environments,
	})
}

// Detached puts an agent into the cluster that is reached directly: it is
// released and bound in each of the environments, without the gateway's trait.
func (s *Stack) Detached(ctx context.Context, organization, project, name string, environments ...string) error {
	return openchoreo.Seed(ctx, s.cluster.outside, openchoreo.SeedOptions{Production: []string{"production"}}, openchoreo.AgentSeed{
		Namespace: organization, Project: project, Component: name, Environments: environments, Detached: true,
	})
}

// Cluster is the administrator's access to the API server.
func (s *Stack) Cluster() *rest.Config { return rest.CopyConfig(s.cluster.outside) }

// Kubeconfig is the administrator's access to the API server for containers.
func (s *Stack) Kubeconfig() []byte { return bytes.Clone(s.cluster.inside) }

// errNoKubeconfig says that the API server did not start.
var errNoKubeconfig = errors.New("the API server has written no kubeconfig")

// kubeconfig reads the administrator's access, which the API server writes when
// it is ready.
func (s *Stack) kubeconfig(ctx context.Context) (*clientcmdapi.Config, error) {
	var out *clientcmdapi.Config
	err := s.Kubernetes.eventually(ctx, func() error {
		data, err := s.Kubernetes.file(ctx, standin.Kubeconfig)
		if err != nil {
			return fmt.Errorf("%w: %w", errNoKubeconfig, err)
		}
		out, err = clientcmd.Load(data)
		return err
	})
	return out, err
}
