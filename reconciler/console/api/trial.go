package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// Token is an access token. The names of its first members are those of an
// answer of a token endpoint (RFC 6749 section 5.1).
type Token struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `doc:"In seconds."   json:"expires_in"`
	desk.Token
}

// trials registers what tries an API.
func (s service) trials() {
	huma.Register(s.api, s.operation("get-token", http.MethodPost, ofBinding+"/token", tagTry, "An access token with the stored credential of a client"),
		func(ctx context.Context, in *struct {
			Place

			Body *struct {
				Client string `doc:"By default that for tests or, where there is none, the binding's own." json:"client,omitempty" maxLength:"63"`
			}
		}) (*answer[Token], error) {
			client := ""
			if in.Body != nil {
				client = in.Body.Client
			}
			t, err := s.desk.Token(ctx, access.From(ctx), in.binding(), client)
			return answered(Token{
				Token: t, AccessToken: t.Access.Reveal(), TokenType: "Bearer", ExpiresIn: int(time.Until(t.Expiry).Seconds()),
			}, err)
		})
	huma.Register(s.api, s.operation("try", http.MethodPost, ofBinding+"/try", tagTry, "Send a request to the API of a binding"),
		func(ctx context.Context, in *struct {
			Place

			Body desk.Request
		}) (*answer[desk.Response], error) {
			return answered(s.desk.Try(ctx, access.From(ctx), in.binding(), in.Body))
		})
	huma.Register(s.api, s.operation("prove", http.MethodPost, ofBinding+"/proof", tagTry, "Try whether the gateway refuses and admits whom it should"),
		func(ctx context.Context, in *Place) (*answer[resource.Proof], error) {
			return answered(s.desk.Prove(ctx, access.From(ctx), in.binding()))
		})
}
