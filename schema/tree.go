package schema

// Mode is what an entry of a tree is.
type Mode string

// The modes. Only regular files are read; the others are reported where they
// stand among specs.
const (
	ModeRegular   Mode = "regular"
	ModeSymlink   Mode = "symlink"
	ModeSubmodule Mode = "submodule"
	ModeOther     Mode = "other"
)

// Entry is one file of a specs repository at one revision.
type Entry struct {
	// Path is slash-separated and relative to the root of the specs.
	Path string
	Mode Mode
	// Size is in bytes, known before the content is read.
	Size int64
	// Digest identifies the content: equal digests mean equal bytes. A git
	// blob id and the SHA-256 of a working file both serve, if one tree holds
	// one sort.
	Digest string
	// Read returns the content. It may be called more than once.
	Read func() ([]byte, error)
}

// Tree is the files of a specs repository, sorted by path.
type Tree []Entry

// Result is what a tree says.
type Result struct {
	// Agents are the valid specs, sorted by identity and then by position. An
	// agent that is spread over directories by environment is one Agent.
	Agents      []Agent
	Diagnostics Diagnostics
	// Whole reports that nothing of the tree had to be left out. Only then
	// may the absence of an agent be taken to mean that its spec is gone.
	Whole bool
	// Unused are the files of YAML and JSON that are none of ours, sorted.
	Unused []string
	// Evaluations counts what was evaluated, not answered from the cache.
	Evaluations int
}
