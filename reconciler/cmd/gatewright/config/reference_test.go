package config

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const readmeHead = `# Configuration

gatewright reads one file, in YAML or in CUE. It is the one that ` + "`--config`" + ` or
` + "`GATEWRIGHT_CONFIG`" + ` names, or the first of ` + "`gatewright.yaml`, `gatewright.cue`" + ` here and in
` + "`/etc/gatewright/`" + `.

Over the file stand environment variables, and over these flags:

| from | ` + "`source.branch`" + ` is set with |
|---|---|
| the file | ` + "`source: {branch: main}`" + ` |
| a variable | ` + "`GATEWRIGHT_SOURCE__BRANCH=main`" + `: two underscores between the parts, capitals or not, ` + "`CLIENT_ID` or `CLIENTID`" + `, hyphens of a name as underscores |
| a flag | ` + "`--branch=main`" + ` (also ` + "`--repository`, `--database`" + `), or ` + "`--set source.branch=main`" + ` for any setting |

A setting that is unknown or wrong ends the program with exit code 78 and says where it stands, what would be right, and
what may have been meant. File names in the file are relative to the file, the others to the working directory; ` + "`~/`" + `
is the home directory.

A **secret** is ` + "`{file: PATH}` or `{env: NAME}`" + `. It is read each time it is used, so one that was replaced is picked up.
The secret itself may stand there too, which is answered with a warning, as is a file that everybody may read. Nothing
that gatewright prints shows a secret.

The smallest configuration of one environment:
` + "```yaml" + `
source: {repository: ./specs.git}
environments:
  dev:
    thunder: {url: "https://thunder.example:8090", clientID: gatewright, clientSecret: {file: thunder-secret}}
    openbao: {address: "https://openbao.example:8200", auth: {token: {file: openbao-token}}}
` + "```" + `

## Every setting
The table is made from [config.cue](config.cue), which is what a configuration is checked against
(` + "`go test ./config -update`" + `). **Bold** settings are required where what they belong to is there.

| setting | value | default | |
|---|---|---|---|
`

// reference is the page that README.md must be.
func reference() string {
	var b strings.Builder
	b.WriteString(readmeHead)
	rows(&b, schemaRoot(), "")
	return b.String()
}

// rows writes a line for each setting below n.
func rows(b *strings.Builder, n *node, prefix string) {
	for _, f := range n.fields {
		name := f.name
		if name == "*" {
			name = "NAME"
		}
		path := join(prefix, name)
		shown := "`" + path + "`"
		if f.required {
			shown = "**" + shown + "**"
		}
		if !f.isStruct() || f.secret || f.doc != "" {
			value := f.is
			if f.isStruct() && !f.secret {
				value = ""
			}
			fallback := f.fallback
			if fallback != "" {
				fallback = "`" + fallback + "`"
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", shown, cell(value), fallback, cell(f.doc))
		}
		if !f.secret {
			rows(b, f, path)
		}
	}
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

// TestReference keeps README.md what config.cue says.
func TestReference(t *testing.T) {
	t.Parallel()
	want := reference()
	if *update {
		if err := os.WriteFile("README.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("README.md is not what config.cue says: go test ./config -update")
	}
}

// TestEverySettingIsDecoded: what the schema knows, the structs know, too.
func TestEverySettingIsDecoded(t *testing.T) {
	t.Parallel()
	// Decoding fails on a setting that no struct has.
	_, diags := loadText(t, everything)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	doc, _, err := parse([]byte(everything), "x.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	unsaid(schemaRoot(), doc.values, "", &missing)
	// The alternatives of what is there.
	for _, path := range missing {
		if path != "source.tag" && path != "environments.*.openbao.auth.appRole" && path != "environments.*.openbao.auth.kubernetes" {
			t.Errorf("the test says nothing of %s", path)
		}
	}
}

// unsaid collects the settings that v lacks.
func unsaid(n *node, v map[string]any, prefix string, out *[]string) {
	for _, f := range n.fields {
		path := join(prefix, f.name)
		if f.name == "*" {
			for _, m := range v {
				unsaid(f, m.(map[string]any), path, out)
			}
			continue
		}
		member, ok := v[f.name]
		if !ok {
			*out = append(*out, path)
		} else if f.isStruct() && !f.secret {
			unsaid(f, member.(map[string]any), path, out)
		}
	}
}

const everything = `
installation: acme-prod
source:
  repository: https://git.example/specs.git
  branch: main
  path: agents
  poll: 10s
  timeout: 5s
  auth: {username: u, password: {env: P}, token: {env: T}, sshKey: {file: k}, knownHosts: h, caFile: c}
database: {url: {env: DB}}
interval: 1m30s
rollout: 2m
listen: ""
listenPublicly: true
log: {level: debug, format: json}
evaluation: {cpu: 1s, wall: 2s, memory: 1GiB, output: 10MB, fileSize: 100, files: 7}
safety: {massChange: {percent: 5, from: 2}}
history: {age: 24h, runs: 5, events: 6}
console:
  listen: 0.0.0.0:8485
  publicURL: https://console.example
  tls: {certFile: c, keyFile: k}
  behindProxy: true
  trustedProxies: [10.0.0.0/8]
  session: {lifetime: 8h, idle: 1h}
  oidc: {issuer: "https://idp", clientID: c, clientSecret: {file: s}, scopes: [profile], subjectClaim: sub, caFile: f}
  bearer: {issuer: "https://idp", audience: gatewright, jwksURL: "https://idp/jwks", subjectClaim: client_id, caFile: f}
  roles: {travel: {claim: groups, value: travel, role: developer, organization: acme, project: travel, environment: production}}
  contact: platform@example.com
  commits: {propose: true, branchPrefix: console/, pullRequestURL: "https://git.example/compare/{base}...{branch}"}
environments:
  production:
    production: false
    token: {validity: 5m}
    thunder: {url: "https://t:8090", clientID: c, clientSecret: {file: s}, resource: r, organizationUnit: o, issuer: i,
      tokenEndpoint: "https://t/oauth2/token", jwks: "https://t/jwks", creates: 2, reads: 3, timeout: 4s, caFile: f, insecureSkipVerify: false}
    openbao: {address: "https://b", mount: kv/team, prefix: p/q, namespace: n, auth: {token: {file: t}}, caFile: f, timeout: 1s, reads: 2}
    cluster: {kubeconfig: k, context: c, inCluster: false}
    gateway: {url: "https://gw", apiGateway: {namespace: n, name: g}, trait: t, fieldManager: f, manageKeyManagers: true,
      keyManagers: {Own: {issuer: i, jwks: "https://j"}}, apiKey: {name: K, in: query}, force: true}
    safety: {massChange: {percent: 20, from: 5}}
    drift: report
    limits: {thunder: 1, openbao: 2, gateway: 3, observation: 4s, step: 5s}
`
