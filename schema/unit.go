package schema

// unitFile is one file of a unit.
type unitFile struct {
	Path   string
	Digest string
	Data   []byte
}

// unitPackage is a package of the repository that a unit imports.
type unitPackage struct {
	// ImportPath is the path as the import says it.
	ImportPath string
	Name       string
	Files      []unitFile
}

// unit is what is evaluated at once: files of one CUE package that see each
// other, and what they import.
type unit struct {
	// Package is the name of the package.
	Package string
	// Common are the files that every agent of the unit depends on.
	Common []unitFile
	// Leaves are files that declare agents and nothing else.
	Leaves    []unitFile
	Libraries []unitPackage
}

// unitAgent is one agent of a unit: its spec, or what is wrong with it.
type unitAgent struct {
	Name string
	// Valid reports that Agent holds the spec.
	Valid       bool
	Agent       Agent
	Diagnostics Diagnostics
}

// unitResult is what a unit says.
type unitResult struct {
	// Agents are all agents of the unit, sorted by name.
	Agents []unitAgent
	// Out are the leaves that had to be left out as a whole.
	Out []string
	// Stopped reports that something is wrong on which all agents depend.
	Stopped bool
	// Diagnostics are those of no single agent.
	Diagnostics Diagnostics
}

// size estimates the memory that a result holds, in bytes.
func (r *unitResult) size() int64 {
	n := int64(256)
	for _, a := range r.Agents {
		n += 1024 + 96*int64(len(a.Agent.Positions)) + 512*int64(len(a.Diagnostics))
	}
	return n + 512*int64(len(r.Diagnostics))
}
