package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
)

// Credential is what a consumer needs, its secret or a token for it included.
type Credential struct {
	desk.Credential

	ClientSecret  string `doc:"For clients that authenticate with a secret."              json:"client_secret,omitempty"`
	PrivateKey    string `doc:"PKCS #8 in PEM, for clients that authenticate with a key." json:"private_key,omitempty"`
	WrappingToken string `doc:"OpenBAO gives the credential for it, once: bao unwrap."    json:"wrapping_token,omitempty"`
}

// credentialOf is a credential with what it hides.
func credentialOf(c desk.Credential) Credential {
	out := Credential{Credential: c, WrappingToken: c.Wrapping.Reveal()}
	if c.Key {
		out.PrivateKey = c.Secret.Reveal()
	} else {
		out.ClientSecret = c.Secret.Reveal()
	}
	return out
}

// ClientPlace is a client that a path names.
type ClientPlace struct {
	Place

	Client string `example:"mobile-app" maxLength:"63" path:"client"`
}

// credentials registers what hands out and replaces secrets.
func (s service) credentials() {
	huma.Register(s.api, s.operation("reveal-credential", http.MethodPost, ofBinding+"/credentials/{client}", tagClients, "The credential of a client, which is recorded"),
		func(ctx context.Context, in *struct {
			ClientPlace

			Body *struct {
				WrapTTL int `doc:"Seconds: a token in place of the secret, for which OpenBAO gives it once within that time." json:"wrapTTL,omitempty" maximum:"86400" minimum:"0"`
			}
		}) (*answer[Credential], error) {
			wrap := time.Duration(0)
			if in.Body != nil {
				wrap = time.Duration(in.Body.WrapTTL) * time.Second
			}
			c, err := s.desk.Reveal(ctx, access.From(ctx), in.binding(), in.Client, wrap)
			return answered(credentialOf(c), err)
		})
	rotate := s.operation("rotate-client", http.MethodPost, ofBinding+"/clients/{client}/rotate", tagClients, "Ask for a new secret of a client")
	rotate.DefaultStatus = http.StatusAccepted
	huma.Register(s.api, rotate,
		func(ctx context.Context, in *struct {
			ClientPlace

			Body desk.RotateOptions
		}) (*struct{}, error) {
			return done(s.desk.Rotate(ctx, access.From(ctx), in.binding(), in.Client, in.Body))
		})
}
