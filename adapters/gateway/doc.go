// Package gateway keeps the authentication of agent APIs on OpenChoreo with
// the WSO2 API Platform gateway, through the Kubernetes API.
//
// An endpoint is two things: the trait instance on the agent's Component, which
// routes the API through the gateway, and the policy list of that instance in
// the ReleaseBinding of an environment, which says whom the gateway lets in.
// Only the authentication entry of that list is ours: the other entries and
// their order are kept. Key managers, the issuers that a gateway trusts, stand
// in the ConfigMap that its APIGateway names.
//
// The package promises that no write of its own ever leaves an API with weaker
// authentication than it had, unless the spec says "none"; that the trait is
// never detached; that what another field manager applies is not changed; and
// that "rolled out" means that the gateway itself has taken the policy in. It
// does not deploy or promote agents, and it does not restart gateways.
//
// The versions met here: OpenChoreo 1.2 (openchoreo.dev/v1alpha1), API Platform
// gateway 1.2 (gateway.api-platform.wso2.com/v1), policy jwt-auth v1.
package gateway
