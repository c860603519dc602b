package thunder

import (
	"crypto/sha256"
	"encoding/hex"
)

// longestName is how many characters ThunderID takes for a name.
const longestName = 100

// applicationName is the name of a client's application: its client id, or the
// beginning of that and a hash where it is too long. Client ids hold no '~',
// so that no two share a name.
func applicationName(clientID string) string {
	if len(clientID) <= longestName {
		return clientID
	}
	sum := sha256.Sum256([]byte(clientID))
	hash := "~" + hex.EncodeToString(sum[:16])
	return clientID[:longestName-len(hash)] + hash
}
