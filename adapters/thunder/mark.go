package thunder

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// managedBy is who we are, in marks.
const managedBy = "gatewright"

// mark is how an application says that it is ours: members of its metadata.
// What else the metadata holds is left alone.
type mark struct {
	ManagedBy    string `json:"managedBy"`
	Installation string `json:"installation,omitempty"`
	Binding      string `json:"binding"`
	Client       string `json:"client"`
	// SecretDigest is the resource.Secret.Digest of the secret that the
	// application was given with the mark.
	SecretDigest string `json:"secretDigest,omitempty"`
}

func (t *Target) mark(id resource.ID, secret resource.Secret) mark {
	return mark{
		ManagedBy: managedBy, Installation: t.c.Installation, Binding: id.Binding.String(), Client: id.Name,
		SecretDigest: secret.Digest(clientID(id)),
	}
}

// owner says whether an application is ours under an id, and whose it is
// elsewise.
func (t *Target) owner(a application, id resource.ID) (resource.Owner, string) {
	m := a.Metadata
	switch {
	case m.ManagedBy == "":
		return resource.OwnerOther, fmt.Sprintf("application %q, which nobody marked", clip(a.Name))
	case m.ManagedBy != managedBy:
		return resource.OwnerOther, fmt.Sprintf("%s (application %q)", clip(m.ManagedBy), clip(a.Name))
	case m.Installation != t.c.Installation:
		return resource.OwnerOther, fmt.Sprintf("gatewright installation %q", clip(m.Installation))
	case m.Binding != id.Binding.String() || m.Client != id.Name:
		return resource.OwnerOther, fmt.Sprintf("gatewright client %q of %q", clip(m.Client), clip(m.Binding))
	default:
		return resource.OwnerUs, ""
	}
}

// clip shortens what others wrote, for messages.
func clip(s string) string {
	const most = 100
	s = strings.ToValidUTF8(s, "?")
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// The list of applications shows descriptions but no metadata, so a
// description carries the short form of a mark, too: it finds, the metadata
// decides.
var shortMark = regexp.MustCompile(`\[gatewright:([A-Za-z0-9._-]*):([A-Za-z0-9_-]+)\]`)

// describe returns a description with the short mark, keeping what somebody
// wrote there.
func (t *Target) describe(id resource.ID, have string) string {
	if i, ok := t.readShortMark(have); ok && i == clientID(id) {
		return have
	}
	rest := strings.TrimSpace(shortMark.ReplaceAllString(have, ""))
	if rest == "" {
		rest = managedDescription(id)
	}
	return "[gatewright:" + t.c.Installation + ":" + clientID(id) + "] " + rest
}

// managedDescription is what the description says where nobody has written one.
func managedDescription(id resource.ID) string {
	return "OAuth client of " + id.Binding.String() + ", managed by gatewright; changes are undone."
}

// readShortMark returns the client id in our short mark.
func (t *Target) readShortMark(description string) (string, bool) {
	m := shortMark.FindStringSubmatch(description)
	if m == nil || m[1] != t.c.Installation {
		return "", false
	}
	return m[2], true
}
