package source

import (
	"strings"
	"time"

	gitobject "github.com/go-git/go-git/v5/plumbing/object"

	"github.com/gatewright/gatewright/schema"
)

// Revision is one commit.
type Revision struct {
	// Hash is the full commit id in hexadecimal.
	Hash string
	// Ref is how it was reached, as refs/heads/main; empty for a hash.
	Ref string
	// Author, AuthorEmail and Message are what the commit says, without
	// control characters; Message is cut at 4 KiB.
	Author, AuthorEmail, Message string
	// When is the committer's time.
	When time.Time
	// Dirty reports that the files are not those of the commit.
	Dirty bool
}

// Snapshot is the files of the specs at one revision.
type Snapshot struct {
	Revision Revision
	// Tree is shared between snapshots: it must not be changed.
	Tree schema.Tree
}

// revisionOf says what a commit is, in words that can be printed.
func revisionOf(c *gitobject.Commit, ref string) Revision {
	return Revision{
		Hash: c.Hash.String(), Ref: ref,
		Author: printable(c.Author.Name), AuthorEmail: printable(c.Author.Email),
		Message: printable(c.Message), When: c.Committer.When,
	}
}

// maxMessage bounds what is kept of a commit message.
const maxMessage = 4 << 10

// printable drops what a terminal would act on.
func printable(s string) string {
	if len(s) > maxMessage {
		s = s[:maxMessage]
	}
	s = strings.ToValidUTF8(strings.TrimSpace(s), "\uFFFD")
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, s)
}
