package openbao

import (
	"strings"
	"unicode"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// The keys of our mark in an entry's custom metadata.
const (
	markManager      = "managed_by"
	markInstallation = "installation"
	markBinding      = "binding"
	markClient       = "client"
	markDigest       = "digest"
	manager          = "gatewright"
)

// mark makes the mark of an entry. The digest is that of the secret that is
// about to be written.
func (t *Target) mark(id resource.ID, digest string) map[string]any {
	return map[string]any{
		markManager: manager, markInstallation: t.config.Installation,
		markBinding: id.Binding.String(), markClient: id.Name, markDigest: digest,
	}
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
