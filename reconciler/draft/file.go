package draft

import (
	"slices"
	"strings"

	"github.com/gatewright/gatewright/schema"
)

// File is a spec as it is written.
type File struct {
	Path string
	Text []byte
}

// Path is where the spec of a is written: organization/project/agent.cue. Agents
// of one name in two projects must not stand in one directory, whose files
// unify.
func Path(a schema.Agent) string { return a.Identity() + ".cue" }

// Files writes agents, each into a file of its own, sorted by path.
func Files(agents []schema.Agent) ([]File, error) {
	out := make([]File, len(agents))
	for i, a := range agents {
		text, err := a.Source()
		if err != nil {
			return nil, err
		}
		out[i] = File{Path: Path(a), Text: text}
	}
	slices.SortFunc(out, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// Tree is files as a tree of specs.
func Tree(files []File) schema.Tree {
	out := make(schema.Tree, len(files))
	for i, f := range files {
		out[i] = schema.Entry{
			Path: f.Path, Mode: schema.ModeRegular, Size: int64(len(f.Text)), Digest: schema.BlobDigest(f.Text),
			Read: func() ([]byte, error) { return f.Text, nil },
		}
	}
	return out
}
