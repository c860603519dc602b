package access

import (
	"fmt"
	"slices"
	"strings"
)

// roleNames are the roles as configurations and pages name them.
var roleNames = []string{Nobody: "nobody", Viewer: "viewer", Developer: "developer", Admin: "admin"}

// String is the name of r.
func (r Role) String() string {
	if r < 0 || int(r) >= len(roleNames) {
		return roleNames[Nobody]
	}
	return roleNames[r]
}

// ParseRole reads the name of a role that can be granted.
func ParseRole(s string) (Role, error) {
	if i := slices.Index(roleNames, s); i > int(Nobody) {
		return Role(i), nil
	}
	return Nobody, fmt.Errorf("%q is no role; there are %s", s, strings.Join(roleNames[Viewer:], ", "))
}
