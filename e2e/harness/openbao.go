package harness

import (
	"context"

	"github.com/testcontainers/testcontainers-go"

	"github.com/gatewright/gatewright/e2e/standin"
)

// Where OpenBAO is and how it is administered. It keeps everything in memory.
const (
	baoPort  = "8200/tcp"
	baoToken = "root-of-a-test"
	// OpenBAOURL is where containers reach it.
	OpenBAOURL = "http://openbao:8200"
)

// openbao starts OpenBAO, unsealed, with KV version 2 at secret/.
func (s *Stack) openbao(ctx context.Context) (err error) {
	if p := s.peer("openbao"); p.real {
		s.OpenBAO, err = s.start(ctx, "openbao", p.Image, published(baoPort),
			testcontainers.WithEntrypoint("/usr/bin/bao"),
			testcontainers.WithCmd("server", "-dev", "-dev-no-store-token", "-dev-listen-address=0.0.0.0:8200", "-dev-root-token-id="+baoToken))
	} else {
		s.OpenBAO, err = s.standIn(ctx, "openbao", standin.OpenBAO, published(baoPort),
			testcontainers.WithCmd("-listen", "0.0.0.0:8200", "-root-token", baoToken))
	}
	if err != nil {
		return err
	}
	if s.baoURL, err = s.OpenBAO.url(ctx, "http", baoPort); err != nil {
		return err
	}
	return s.OpenBAO.answers(ctx, s.baoURL+"/v1/sys/health")
}
