package openbao

import (
	"strings"
	"time"
	"unicode"

	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// The keys of our mark in an entry's custom metadata.
const (
	markManager      = "managed_by"
	markInstallation = "installation"
	markBinding      = "binding"
	markClient       = "client"
	markDigest       = "digest"
	manager          = "gatewright"

	// What the mark says of the secret beside its digest. It counts as long as
	// the digest is that of the secret that stands.
	markApplication = "application"
	markSince       = "since"
	markUntil       = "until"
)

// marks are all keys of a mark.
var marks = []string{markManager, markInstallation, markBinding, markClient, markDigest, markApplication, markSince, markUntil}

// mark makes the mark of an entry whose secret, with this digest and of this time,
// is about to be written for an application. If it is the first secret of that
// application, until is how long the one before it serves; it is zero elsewise,
// and what the mark says of that stays.
func (t *Target) mark(id resource.ID, digest, application string, at, until time.Time) map[string]string {
	out := map[string]string{
		markManager: manager, markInstallation: t.config.Installation,
		markBinding: id.Binding.String(), markClient: id.Name, markDigest: digest, markApplication: application,
	}
	if !at.IsZero() {
		out[markSince] = at.UTC().Format(time.RFC3339Nano)
	}
	if !until.IsZero() {
		out[markUntil] = until.UTC().Format(time.RFC3339Nano)
	}
	return out
}

// application is which of a client's two applications an entry holds the secret
// of.
//
//	client_id of the entry | digest of the mark               | application
//	-----------------------+----------------------------------+------------------
//	cannot be read         | any                              | as marked
//	one of the two         | of the secret, under another one | as marked: only
//	                       |                                  | the field differs
//	one of the two         | else                             | as the field says
//	any other              | any                              | as marked
func (r record) application(id resource.ID) string {
	marked := id.Name
	if spare := resource.Spare(id.Name); r.custom[markApplication] == spare {
		marked = spare
	}
	for _, name := range []string{id.Name, resource.Spare(id.Name)} {
		if !r.live || r.text(fieldClientID) != id.Binding.ClientID(name) {
			continue
		}
		if name == marked || r.secret().Digest(id.Binding.ClientID(marked)) != r.custom[markDigest] {
			return name
		}
	}
	return marked
}

// method is how the client of an entry authenticates.
func (r record) method() schema.AuthMethod {
	if r.text(fieldAuthMethod) == schema.AuthPrivateKey.String() {
		return schema.AuthPrivateKey
	}
	return schema.AuthSecretBasic
}

// secret is the secret that stands in an entry: a client_secret, or a key.
func (r record) secret() resource.Secret {
	if r.method() == schema.AuthPrivateKey {
		return resource.NewSecret(r.text(fieldPrivateKey))
	}
	return resource.NewSecret(r.text(fieldClientSecret))
}

// digest names the secret that stands in an entry.
func (r record) digest(id resource.ID) string {
	return r.secret().Digest(id.Binding.ClientID(r.application(id)))
}

// owner reads a mark.
//
//	managed_by | installation | binding, client | owner
//	-----------+--------------+-----------------+---------------------------
//	gatewright | ours         | the entry's     | us
//	gatewright | another      | any             | that installation
//	gatewright | ours         | another's       | other: somebody copied it
//	other      | any          | any             | whoever that names
//	none       | any          | any             | other, unknown
func (t *Target) owner(id resource.ID, custom map[string]string) (resource.Owner, string) {
	switch m := custom[markManager]; {
	case m == "":
		return resource.OwnerOther, "someone who left no mark"
	case m != manager:
		return resource.OwnerOther, shown(m)
	case custom[markInstallation] != t.config.Installation:
		return resource.OwnerOther, "the gatewright installation " + shown(custom[markInstallation])
	case custom[markBinding] != id.Binding.String() || custom[markClient] != id.Name:
		return resource.OwnerOther, "a copy of the credential of " + shown(custom[markBinding]+" "+custom[markClient])
	default:
		return resource.OwnerUs, ""
	}
}

// shown makes text of the store's fit for an error: short, printable, quoted.
func shown(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 80 {
		s = string(r[:80]) + "…"
	}
	return `"` + s + `"`
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}
