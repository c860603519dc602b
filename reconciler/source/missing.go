package source

import (
	"fmt"
	"strings"

	"github.com/gatewright/gatewright/schema"
)

// missingPathError says that the configured path is not there, and what is.
type missingPathError struct {
	path string
	// found is what stands there instead; empty if nothing does.
	found schema.Mode
	// others are directories with like names.
	others []string
}

func newMissingPath(path, part string, entries []nodeEntry, found int) *missingPathError {
	m := &missingPathError{path: path}
	if found >= 0 {
		m.found = entries[found].mode
	}
	for _, e := range entries {
		if e.mode == modeDirectory && soundName(e.name) {
			m.others = append(m.others, e.name)
		}
	}
	m.others = near(part, m.others)
	return m
}

func (m *missingPathError) Error() string {
	switch m.found {
	case "":
		return fmt.Sprintf("the path %q is not in this revision", m.path)
	case schema.ModeSymlink:
		return fmt.Sprintf("the path %q leads through a symlink, which is not followed", m.path)
	case schema.ModeSubmodule:
		return fmt.Sprintf("the path %q leads into a submodule, which is not read", m.path)
	default:
		return fmt.Sprintf("the path %q is not a directory in this revision", m.path)
	}
}

// missingRefError says that the configured ref is not there, and which are.
type missingRefError struct {
	// name is the full name, or HEAD's target for an unborn branch.
	name string
	// unborn: HEAD leads to it.
	unborn bool
	// others are the branches or tags that there are.
	others []string
}

func (m *missingRefError) tag() bool { return strings.HasPrefix(m.name, "refs/tags/") }

func (m *missingRefError) short() string {
	return strings.TrimPrefix(strings.TrimPrefix(m.name, "refs/heads/"), "refs/tags/")
}

func (m *missingRefError) Error() string {
	kind, short := "branch", m.short()
	if m.tag() {
		kind = "tag"
	}
	switch {
	case m.unborn && len(m.others) == 0:
		return "the repository has no commit yet"
	case m.unborn && m.name == "HEAD":
		return "HEAD leads to a branch that has no commit yet"
	case m.unborn:
		return fmt.Sprintf("HEAD leads to the branch %q, which has no commit yet", short)
	default:
		return fmt.Sprintf("there is no %s %q", kind, short)
	}
}
