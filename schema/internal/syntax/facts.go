// Package syntax reads one file of a specs repository without evaluating it:
// it parses CUE, YAML and JSON into CUE syntax, and says what can be known from
// the text alone. It promises that everything it finds wrong has a position,
// and that a file which it calls a leaf declares agents and nothing else, so
// that agents of different leaves can be evaluated apart.
package syntax

// Format is how a file is written.
type Format uint8

// The formats.
const (
	FormatNone Format = iota
	FormatCUE
	FormatYAML
	FormatJSON
)

// Mention says whether a file has to do with agents.
type Mention uint8

// The mentions. MentionMaybe is a file whose top level holds something that
// only evaluation can tell.
const (
	MentionNo Mention = iota
	MentionMaybe
	MentionYes
)

// Place is a place in the file.
type Place struct{ Line, Column int }

// Issue is something wrong in the text of the file.
type Issue struct {
	Place   Place
	Path    string
	Code    string
	Message string
	Hint    string
	// Warning marks an issue that does not keep the file from being used.
	Warning bool
	// Related is a second place in the file; zero if there is none.
	Related        Place
	RelatedMessage string
}

// Import is one import of a CUE file.
type Import struct {
	Path  string
	Place Place
	// Builtin marks a path that can only be a package of CUE itself.
	Builtin bool
}

// Claim is an agent that a file declares by name.
type Claim struct {
	Name         string
	Place        Place
	Environments []EnvironmentClaim
}

// EnvironmentClaim is an environment that a file declares of an agent by name.
type EnvironmentClaim struct {
	Name  string
	Place Place
	// Scheme reports that the file says which scheme the environment has.
	Scheme bool
	// Document counts the documents of a YAML file.
	Document int
}

// Facts is what the text of a file says. It does not depend on the file's
// path, only on its format and its content.
type Facts struct {
	// Used reports that the file counts: CUE that is not excluded by a build
	// attribute, and data with a key agents at the top.
	Used    bool
	Package string
	Imports []Import
	Mention Mention
	// Leaf reports that the file declares agents by name and nothing else.
	Leaf bool
	// Entangled reports that agents of the file, or of any other file of its
	// package, may depend on one another.
	Entangled bool
	Claims    []Claim
	// Broken reports that the file cannot be evaluated; Claims is then as much
	// as could be made out, and Leaf tells whether nothing but those agents
	// depends on it.
	Broken bool
	// NearMiss reports that the file seems to declare agents under another key.
	NearMiss bool
	Issues   []Issue
	// Module and Language are what a cue.mod/module.cue says.
	Module, Language string
}

// warn adds an issue that says why a file is not used.
func (f *Facts) warn(i Issue) {
	i.Warning = true
	f.Issues = append(f.Issues, i)
}

// fail adds an issue that keeps the file from being used.
func (f *Facts) fail(i Issue) {
	f.Broken = true
	f.Issues = append(f.Issues, i)
}
