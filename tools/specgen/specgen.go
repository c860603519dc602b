// Package specgen writes specs repositories of any size for load drivers and
// tests: several organizations, CUE and YAML and JSON, one agent a file and
// many, and a policy at the top. The same options give the same files.
package specgen

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Options say what to write.
type Options struct {
	// Agents is how many.
	Agents int
	// Environment is the one environment that each agent has; by default
	// production.
	Environment string
	// Organizations is over how many the agents are spread; by default 5.
	Organizations int
	// Consumers is how many named clients each agent has.
	Consumers int
	// Validity is the life of tokens, as 15m; empty leaves it out.
	Validity string
	// Plain writes one CUE file an agent and nothing else but the policy.
	Plain bool
}

// Agent is one agent that was written.
type Agent struct{ Organization, Project, Name, Environment, File string }

// Identity is organization/project/name.
func (a Agent) Identity() string { return a.Organization + "/" + a.Project + "/" + a.Name }

// names that organizations and projects take.
var (
	organizations = []string{"acme", "globex", "initech", "umbrella", "hooli", "stark", "wayne", "wonka"}
	projects      = []string{"travel", "billing", "support", "research"}
)

// perFile is how many agents stand in a file that holds several.
const perFile = 5

// Files returns the files of a repository by path, and its agents.
func Files(o Options) (map[string]string, []Agent) {
	if o.Environment == "" {
		o.Environment = "production"
	}
	if o.Organizations == 0 {
		o.Organizations = min(5, len(organizations))
	}
	files := map[string]string{
		"cue.mod/module.cue": "module: \"specs.example/agents@v0\"\nlanguage: version: \"v0.15.0\"\n",
		"policy.cue":         policy,
		"README.md":          "Agent specs. See policy.cue for what every agent must keep to.\n",
	}
	agents := make([]Agent, 0, o.Agents)
	for i := range o.Agents {
		a := Agent{
			Organization: organizations[i%o.Organizations],
			Project:      projects[(i/o.Organizations)%len(projects)],
			Name:         fmt.Sprintf("agent-%05d", i),
			Environment:  o.Environment,
		}
		dir := a.Organization + "/" + a.Project + "/"
		form := i / (o.Organizations * len(projects)) % 4
		switch {
		case o.Plain || form == 0:
			a.File = dir + a.Name + ".cue"
			files[a.File] = "package agents\n\n" + cue(a, o)
		case form == 1:
			a.File = dir + a.Name + ".yaml"
			files[a.File] = document(a, o, yaml)
		case form == 2:
			a.File = fmt.Sprintf("%sgroup-%03d.cue", dir, i/(perFile*o.Organizations*len(projects)*4))
			if files[a.File] == "" {
				files[a.File] = "package agents\n"
			}
			files[a.File] += "\n" + cue(a, o)
		default:
			a.File = dir + a.Name + ".json"
			files[a.File] = document(a, o, marshal)
		}
		agents = append(agents, a)
	}
	return files, agents
}

// policy is what the organization demands of every spec.
const policy = `package agents

// Production is never open.
agents: [string]: environments: production?: endpointAuthentication: scheme: "oauth2" | "apiKey"

// Every agent belongs to a team.
agents: [string]: labels: team!: string
`

// Write writes the files into dir, which is made if it is missing.
func Write(dir string, files map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // specs are no secret
			return fmt.Errorf("write specs: %w", err)
		}
		if err := os.WriteFile(path, []byte(files[name]), 0o644); err != nil { //nolint:gosec // specs are no secret
			return fmt.Errorf("write specs: %w", err)
		}
	}
	return nil
}

// cue is an agent in CUE.
func cue(a Agent, o Options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "agents: %q: {\n", a.Name)
	fmt.Fprintf(&b, "\torganization: %q\n\tproject: %q\n\tkind: \"custom-api\"\n\tlabels: team: %q\n", a.Organization, a.Project, team(a))
	fmt.Fprintf(&b, "\tinterface: {context: \"/%s\", port: 8000, basePath: \"/\", version: \"v1.0\", operations: [{method: \"GET\", path: \"/*\"}]}\n", a.Name)
	fmt.Fprintf(&b, "\tenvironments: %q: endpointAuthentication: {\n\t\tscheme: \"oauth2\"\n\t\tissuers: [\"ThunderKeyManager\"]\n\t\ttest: false\n", a.Environment)
	if o.Validity != "" {
		fmt.Fprintf(&b, "\t\ttoken: validity: %q\n", o.Validity)
	}
	for i := range o.Consumers {
		fmt.Fprintf(&b, "\t\tclients: \"consumer-%d\": {}\n", i)
	}
	b.WriteString("\t}\n}\n")
	return b.String()
}

func team(a Agent) string { return a.Project + "-team" }

// document is an agent as data.
func document(a Agent, o Options, encode func(map[string]any) string) string {
	auth := map[string]any{"scheme": "oauth2", "issuers": []string{"ThunderKeyManager"}, "test": false}
	if o.Validity != "" {
		auth["token"] = map[string]any{"validity": o.Validity}
	}
	if o.Consumers > 0 {
		clients := map[string]any{}
		for i := range o.Consumers {
			clients[fmt.Sprintf("consumer-%d", i)] = map[string]any{}
		}
		auth["clients"] = clients
	}
	return encode(map[string]any{"agents": map[string]any{a.Name: map[string]any{
		"organization": a.Organization, "project": a.Project, "kind": "custom-api",
		"labels": map[string]any{"team": team(a)},
		"interface": map[string]any{
			"context": "/" + a.Name, "port": 8000, "basePath": "/", "version": "v1.0",
			"operations": []any{map[string]any{"method": "GET", "path": "/*"}},
		},
		"environments": map[string]any{a.Environment: map[string]any{"endpointAuthentication": auth}},
	}}})
}

func marshal(v map[string]any) string {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // maps of strings always encode
	}
	return string(b) + "\n"
}

// yaml writes v in block style. Scalars are written as JSON, which is YAML.
func yaml(v map[string]any) string {
	var b strings.Builder
	b.WriteString("# An agent spec as data, checked against the same schema.\n")
	block(&b, v, "")
	return b.String()
}

func block(b *strings.Builder, v map[string]any, indent string) {
	for _, k := range slices.Sorted(maps.Keys(v)) {
		if m, ok := v[k].(map[string]any); ok && len(m) > 0 {
			fmt.Fprintf(b, "%s%s:\n", indent, k)
			block(b, m, indent+"  ")
			continue
		}
		scalar, err := json.Marshal(v[k])
		if err != nil {
			panic(err) // as above
		}
		fmt.Fprintf(b, "%s%s: %s\n", indent, k, scalar)
	}
}
