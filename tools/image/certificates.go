package image

import (
	"bytes"
	"encoding/pem"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// Certificates returns the public certificate authorities that Mozilla trusts,
// as a PEM file, in the version of the module golang.org/x/crypto/x509roots.
// Those that are trusted under a condition that a file cannot express, such as
// a date, are left out.
func Certificates() []byte {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}))
		}
	}
	return out.Bytes()
}
