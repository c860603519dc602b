package harness

import (
	"github.com/gatewright/gatewright/fixtures/hand"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// Hand does by hand what an administrator may do.
func (s *Stack) Hand() hand.Hand {
	return hand.Hand{
		ThunderURL: s.thunderURL, Issuer: ThunderURL, ClientID: thunderClient, ClientSecret: thunderSecret,
		BaoURL: s.bao.url, BaoToken: s.bao.token, GatewayURL: s.cluster.gateway, Cluster: s.Cluster(),
	}
}

// Credential is the path of a client's credential.
func Credential(b resource.Binding, client string) string {
	return "secret/agents/" + b.Identity() + "/" + b.Environment + "/" + client
}
