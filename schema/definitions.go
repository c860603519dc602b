package schema

import (
	"embed"
	"fmt"
	"io/fs"

	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/parser"
)

// DefinitionPath is the import path of the definitions. It resolves in every
// specs repository, whatever its module says.
const DefinitionPath = "github.com/gatewright/gatewright/schema/definition"

// Definitions holds the CUE definitions of a spec.
//
//go:embed definition/*.cue
var Definitions embed.FS

// definitionFile is the name under which constraints of the definitions appear
// in CUE's positions. No file of a tree can have it: paths are relative.
const definitionFile = "/definition/"

// constraintFile is the name of the file that applies the definitions.
const constraintFile = definitionFile + "agents.cue"

// constraint is the file that applies the definitions to the agents of a
// package.
const constraint = `package %s

import _gatewright "` + DefinitionPath + `"

agents: _gatewright.#Agents
`

// addSource parses a file of ours and adds it to an instance.
func addSource(inst *build.Instance, name string, source any) error {
	file, err := parser.ParseFile(name, source, parser.ParseComments)
	if err != nil {
		return err
	}
	if err := inst.AddSyntax(file); err != nil {
		return err
	}
	return nil
}

// newDefinition parses the definitions.
func newDefinition(c *build.Context) (*build.Instance, error) {
	inst := c.NewInstance("", nil)
	inst.ImportPath = DefinitionPath
	files, err := fs.Glob(Definitions, "definition/*.cue")
	if err != nil {
		return nil, fmt.Errorf("list the definitions: %w", err)
	}
	for _, name := range files {
		data, err := fs.ReadFile(Definitions, name)
		if err != nil {
			return nil, fmt.Errorf("read the definitions: %w", err)
		}
		if err := addSource(inst, "/"+name, data); err != nil {
			return nil, fmt.Errorf("parse the definitions: %w", err)
		}
	}
	if err := inst.Complete(); err != nil {
		return nil, fmt.Errorf("complete the definitions: %w", err)
	}
	return inst, nil
}
