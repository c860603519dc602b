package harness

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed" // how the identity provider starts
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/gatewright/gatewright/e2e/standin"
)

// The administrator of the identity provider that a stack starts with.
const (
	thunderClient = "automation-client"
	thunderSecret = "automation-client-secret"
	thunderPort   = "8090/tcp"
	// ThunderURL is its issuer and where containers reach it.
	ThunderURL = "http://thunder:8090"
)

// thunderHome is where the image of ThunderID has everything.
const thunderHome = "/opt/thunderid"

//go:embed thunder/deployment.yaml
var thunderDeployment []byte

//go:embed thunder/bootstrap.yaml
var thunderBootstrap []byte

// thunder starts the identity provider.
func (s *Stack) thunder(ctx context.Context) (err error) {
	if p := s.peer("thunder"); p.real {
		s.Thunder, err = s.realThunder(ctx, p.Image)
	} else {
		s.Thunder, err = s.standIn(ctx, "thunder", standin.Thunder,
			published(thunderPort),
			testcontainers.WithCmd("-listen", "0.0.0.0:8090", "-public-url", ThunderURL,
				"-client-id", thunderClient, "-client-secret", thunderSecret))
	}
	if err != nil {
		return err
	}
	if s.thunderURL, err = s.Thunder.url(ctx, "http", thunderPort); err != nil {
		return err
	}
	return s.Thunder.answers(ctx, s.thunderURL+"/health/readiness")
}

// realThunder seeds ThunderID with an administrator that is a client, and
// starts it. Its binary is called itself: variants of the image have no shell.
func (s *Stack) realThunder(ctx context.Context, image string) (*Container, error) {
	data, err := thunderFiles()
	if err != nil {
		return nil, err
	}
	// A reader is spent by one container.
	files := func() testcontainers.CustomizeRequestOption {
		var out []testcontainers.ContainerFile
		for name, content := range data {
			out = append(out, testcontainers.ContainerFile{
				Reader: bytes.NewReader(content), ContainerFilePath: thunderHome + "/" + name, FileMode: 0o644,
			})
		}
		return testcontainers.WithFiles(out...)
	}
	disk, err := s.disk(ctx, "thunder")
	if err != nil {
		return nil, err
	}
	mount := disk.mount(thunderHome + "/database")
	seed, err := s.start(ctx, "thunder-seed", image, files(), mount,
		testcontainers.WithEntrypoint(thunderHome+"/thunderid"), testcontainers.WithCmd("bootstrap"),
		testcontainers.WithEnv(map[string]string{"ADMIN_USERNAME": "admin", "ADMIN_PASSWORD": "Admin-of-a-test-1", "PUBLIC_URL": ThunderURL}),
		testcontainers.WithWaitStrategyAndDeadline(2*time.Minute, wait.ForExit()))
	if err != nil {
		return nil, err
	}
	if state, err := seed.State(ctx); err != nil || state.ExitCode != 0 {
		return nil, fmt.Errorf("seed ThunderID: %w: exit code %d\n%s", err, state.ExitCode, seed.tail(ctx))
	}
	c, err := s.start(ctx, "thunder", image, files(), mount,
		testcontainers.WithEntrypoint(thunderHome+"/thunderid"), testcontainers.WithCmd(),
		published(thunderPort))
	if err == nil {
		c.Disk = disk
	}
	return c, err
}

// thunderFiles are the configuration, the resources and the keys of a server.
func thunderFiles() (map[string][]byte, error) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{
		"deployment.yaml":                   thunderDeployment,
		"bootstrap/50-automation.yaml":      thunderBootstrap,
		"config/certs/crypto.key":           randomHex(),
		"config/secrets/direct_auth_secret": randomHex(),
	}
	for _, name := range []string{"server", "signing"} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		if err := certified(out, "config/certs/"+name, key); err != nil {
			return nil, err
		}
	}
	return out, certified(out, "config/certs/ecdsa-signing", ec)
}

func randomHex() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return []byte(hex.EncodeToString(b))
}

// certified adds a key and a certificate that it signs itself.
func certified(out map[string][]byte, name string, key crypto.Signer) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "thunder"}, DNSNames: []string{"thunder", "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	out[name+".key"] = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	out[name+".cert"] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	return nil
}
