package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// rule says what the packages below a path may not import. The linter has the
// same rules file by file; here they are seen as the compiler sees them, with
// every build tag of this machine.
type rule struct {
	// of is a path below the root of the repository; except are ones below it
	// that the rule is not for.
	of     string
	except []string
	// deny and allow are prefixes of import paths; allow wins.
	deny, allow []string
	why         string
}

const kubernetes = "k8s.io/"

// vendors are clients of systems that only adapters know.
var vendors = []string{"github.com/openbao/", "github.com/hashicorp/vault"}

var rules = []rule{
	{
		of: "schema", deny: []string{root}, allow: []string{root + "schema"},
		why: "specs are read without knowing what is done with them",
	},
	{
		of: "reconciler", except: []string{"reconciler/cmd/gatewright"},
		deny: []string{root}, allow: []string{root + "schema", root + "reconciler"},
		why: "the core knows no target: a fourth one is a new folder under adapters",
	},
	{
		of: "reconciler", except: []string{"reconciler/cmd/gatewright"},
		deny: append([]string{kubernetes, "sigs.k8s.io/", root + "reconciler/cmd"}, vendors...),
		allow: []string{
			kubernetes + "client-go/util/workqueue", kubernetes + "client-go/tools/leaderelection",
		},
		why: "the core knows no vendor and no Kubernetes but a queue and an election",
	},
	{
		of:   "adapters",
		deny: []string{root}, allow: []string{root + "schema", root + "reconciler", root + "adapters"},
		why: "what adapters need of a test world, their tests import",
	},
	{
		of:   "adapters",
		deny: []string{root + "reconciler/cmd"},
		why:  "wiring knows adapters, never the other way",
	},
	{
		of:   "reconciler/cmd/gatewright",
		deny: []string{root + "fixtures", root + "e2e", root + "tools"},
		why:  "nobody ships a simulator in the binary",
	},
	{
		of: "fixtures", deny: []string{root + "e2e", root + "tools"},
		why: "fixtures serve tests, and not the other way",
	},
}

// goPackage is what go list says of a package.
type goPackage struct {
	ImportPath string
	Imports    []string
}

// imports checks the direction of imports outside tests.
func imports(ctx context.Context, r *Repository) ([]string, error) {
	var problems []string
	for _, dir := range r.Modules {
		if apart[dir] != "" {
			continue
		}
		out, err := r.command(ctx, dir, nil, "go", "list", "-e", "-json=ImportPath,Imports", "./...")
		if err != nil {
			return problems, err
		}
		for dec := json.NewDecoder(strings.NewReader(out)); ; {
			var p goPackage
			if err := dec.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return problems, fmt.Errorf("list packages of %s: %w", dir, err)
			}
			problems = append(problems, wrongImports(p)...)
		}
	}
	slices.Sort(problems)
	return problems, nil
}

func wrongImports(p goPackage) []string {
	var problems []string
	for _, rule := range rules {
		if !rule.covers(p.ImportPath) {
			continue
		}
		for _, imported := range p.Imports {
			if under(imported, rule.deny) && !under(imported, rule.allow) {
				problems = append(problems, fmt.Sprintf("%s imports %s: %s", p.ImportPath, imported, rule.why))
			}
		}
	}
	return problems
}

func (r rule) covers(importPath string) bool {
	rel := strings.TrimPrefix(importPath, root)
	return within(rel, r.of) && !slices.ContainsFunc(r.except, func(e string) bool { return within(rel, e) })
}

func within(path, dir string) bool {
	dir = strings.TrimSuffix(dir, "/")
	return path == dir || strings.HasPrefix(path, dir+"/")
}

func under(path string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return within(path, p) })
}
