package thunder

import (
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// What the clients that we make may do, and how they authenticate.
const (
	inboundOAuth = "oauth2"
	grantType    = "client_credentials"
)

// state is what an application is to the core. A client that cannot use the
// secret that it was given, because somebody took its grant away or changed
// how it authenticates, has no digest, so that it is given the secret again.
func (a application) state() *resource.Client {
	c, ok := a.oauth()
	out := &resource.Client{ApplicationID: a.ID}
	if !ok {
		return out
	}
	out.ClientID = c.ClientID
	out.Audience = c.Token.AccessToken.DefaultAudience
	out.Validity = schema.Seconds(max(0, c.Token.AccessToken.ClientConfig.ValidityPeriod))
	for _, m := range []schema.AuthMethod{schema.AuthSecretBasic, schema.AuthPrivateKey} {
		if c.Method == m.String() && slices.Contains(c.GrantTypes, grantType) {
			out.AuthMethod, out.SecretDigest = m, a.Metadata.SecretDigest
		}
	}
	return out
}

// oauth returns the application's OAuth client.
func (a application) oauth() (oauthConfig, bool) {
	for _, in := range a.Inbound {
		if in.Type == inboundOAuth {
			return in.Config, true
		}
	}
	return oauthConfig{}, false
}

// observed renders an application as an observation.
func (t *Target) observed(a application, id resource.ID) resource.Observed {
	o := resource.Observed{ID: id, Found: true, State: resource.State{Client: a.state()}}
	o.Owner, o.OwnerName = t.owner(a, id)
	o.Adoptable = a.Metadata.ManagedBy != managedBy
	o.Version = version(o)
	return o
}

// version names all that we manage of an application. ThunderID has no ETag;
// what others change beside is kept anyway, since a PUT sends back what a GET
// just before it answered.
func version(o resource.Observed) string {
	h := fnv.New64a()
	c := o.State.Client
	_, _ = fmt.Fprintf(h, "%s\x00%s\x00%s\x00%d\x00%s\x00%s\x00%s", // a hash never fails
		o.Owner, c.ClientID, c.Audience, c.Validity, c.SecretDigest, o.OwnerName, c.AuthMethod)
	return fmt.Sprintf("%016x", h.Sum64())
}

// satisfies reports that a state is what is wanted, the secret included.
func satisfies(have *resource.Client, want resource.Client, digest string) bool {
	return have.ClientID == want.ClientID && have.Audience == want.Audience &&
		have.Validity == want.Validity && have.AuthMethod == want.AuthMethod && have.SecretDigest == digest
}
