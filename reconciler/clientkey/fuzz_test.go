package clientkey_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/clientkey"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// FuzzKey: what is stored as a client's key is read, or refused without being
// repeated.
func FuzzKey(f *testing.F) {
	f.Add("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
	f.Add("secret")
	f.Add("")
	f.Fuzz(func(t *testing.T, stored string) {
		secret := resource.NewSecret(stored)
		_, err := clientkey.ID(secret)
		set, err2 := clientkey.JWKS(secret)
		_, err3 := clientkey.Assertion(secret, "client", "https://id.example", time.Unix(0, 0))
		if (err == nil) != (err2 == nil) || (err == nil) != (err3 == nil) {
			t.Errorf("%q: %v, %v, %v", stored, err, err2, err3)
		}
		for _, err := range []error{err, err2, err3} {
			if err != nil && len(stored) > 20 && strings.Contains(err.Error(), stored) {
				t.Errorf("the key is repeated: %v", err)
			}
		}
		if strings.Contains(set, `"d"`) {
			t.Errorf("the private half is published: %s", set)
		}
	})
}
