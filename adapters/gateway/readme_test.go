//go:build unix

package gateway

import (
	"os"
	"strings"
	"testing"
)

// documentedRole is the ClusterRole that README.md tells people to make.
func documentedRole(t *testing.T) object {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "```yaml\n")
	role, _, end := strings.Cut(rest, "```")
	if !ok || !end {
		t.Fatal("README.md has no YAML")
	}
	return manifest(t, role)
}
