package harness

import (
	"bytes"
	"context"
	_ "embed" // how OpenBAO starts
	"encoding/json"
	"net/http"

	"github.com/testcontainers/testcontainers-go"

	"github.com/gatewright/gatewright/e2e/standin"
	"github.com/gatewright/gatewright/fixtures/hand"
)

// Where OpenBAO is, and where its image has its data.
const (
	baoPort = "8200/tcp"
	baoData = "/openbao/file"
	// OpenBAOURL is where containers reach it.
	OpenBAOURL = "http://openbao:8200"
)

//go:embed openbao/server.hcl
var baoConfig []byte

// bao is how OpenBAO is administered from here.
type bao struct {
	// url is where it is reached, token is that of the root, and key unseals it.
	url, token, key string
}

// hand does at OpenBAO what its administrator may; the rest of the stack may not
// be there yet.
func (b bao) hand() hand.Hand { return hand.Hand{BaoURL: b.url, BaoToken: b.token} }

// openbao starts OpenBAO as an administrator would: it is initialized, unsealed
// with its one key, and has KV version 2 at secret/.
func (s *Stack) openbao(ctx context.Context) (err error) {
	if p := s.peer("openbao"); p.real {
		s.OpenBAO, err = s.realOpenBAO(ctx, p.Image)
	} else {
		s.OpenBAO, err = s.standIn(ctx, "openbao", standin.OpenBAO, published(baoPort),
			testcontainers.WithCmd("-listen", "0.0.0.0:8200", "-uninitialized", "-mount", "-"))
	}
	if err != nil {
		return err
	}
	if s.bao.url, err = s.OpenBAO.url(ctx, "http", baoPort); err != nil {
		return err
	}
	if err := s.OpenBAO.answers(ctx, s.bao.url+"/v1/sys/seal-status"); err != nil {
		return err
	}
	return s.initialize(ctx)
}

// realOpenBAO starts the server with its integrated storage. The program is
// called itself, because the entry point of the image is for development.
func (s *Stack) realOpenBAO(ctx context.Context, image string) (*Container, error) {
	const config = "/openbao/config/server.hcl"
	disk, err := s.disk(ctx, "openbao")
	if err != nil {
		return nil, err
	}
	c, err := s.start(ctx, "openbao", image, published(baoPort), disk.mount(baoData),
		testcontainers.WithFiles(testcontainers.ContainerFile{Reader: bytes.NewReader(baoConfig), ContainerFilePath: config, FileMode: 0o644}),
		testcontainers.WithEntrypoint("/usr/bin/bao"), testcontainers.WithCmd("server", "-config="+config))
	if err == nil {
		c.Disk = disk
	}
	return c, err
}

// initialize makes the key and the root token, and mounts the engine.
func (s *Stack) initialize(ctx context.Context) error {
	answer, err := s.bao.hand().Bao(ctx, http.MethodPut, "sys/init", map[string]any{"secret_shares": 1, "secret_threshold": 1})
	if err != nil {
		return err
	}
	var made struct {
		Keys  []string `json:"keys"`
		Token string   `json:"root_token"`
	}
	if err := json.Unmarshal(answer, &made); err != nil {
		return err
	}
	s.bao.key, s.bao.token = made.Keys[0], made.Token
	if err := s.Unseal(ctx); err != nil {
		return err
	}
	engine := map[string]any{"type": "kv", "options": map[string]string{"version": "2"}}
	if _, err := s.bao.hand().Bao(ctx, http.MethodPost, "sys/mounts/secret", engine); err != nil {
		return err
	}
	return s.OpenBAO.eventually(ctx, func() error { // a new engine refuses everything for a moment
		_, err := s.bao.hand().Bao(ctx, http.MethodGet, "secret/config", nil)
		return err
	})
}

// Seal makes OpenBAO forget its key: it refuses everything until Unseal.
func (s *Stack) Seal(ctx context.Context) error {
	_, err := s.bao.hand().Bao(ctx, http.MethodPut, "sys/seal", nil)
	return err
}

// Unseal gives OpenBAO its key and waits until it is active. A server that was
// restarted needs it, too.
func (s *Stack) Unseal(ctx context.Context) error {
	err := s.OpenBAO.eventually(ctx, func() error {
		_, err := s.bao.hand().Bao(ctx, http.MethodPut, "sys/unseal", map[string]string{"key": s.bao.key})
		return err
	})
	if err != nil {
		return err
	}
	return s.OpenBAO.answers(ctx, s.bao.url+"/v1/sys/health")
}
