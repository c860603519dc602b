package edit_test

import (
	"strings"
	"testing"

	"github.com/gatewright/gatewright/reconciler/edit"
)

const ofYAML = `# Booking
agents:
  booking:
    organization: acme # a tenant
    kind: custom-api
    environments:
      development:
        endpointAuthentication: {scheme: none}
      production:
        endpointAuthentication:
          scheme: oauth2
          # Both.
          issuers:
            - ThunderKeyManager
          token:
            validity: 15m
          clients:
            mobile-app: {}
            # Asked for by mail.
            partner-x:
              rotation: {every: 720h, overlap: 24h}

  # Others.
  search:
    kind: custom-api
`

func changedYAML(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(ofYAML) }

func TestYAML(t *testing.T) {
	t.Parallel()
	run(t, "booking.yaml", map[string]example{
		"values": {
			reason: "comments stay", before: ofYAML,
			edits: []edit.Edit{set("organization", "other"), set(auth+"scheme", "apiKey")},
			after: changedYAML("acme #", "other #", "scheme: oauth2", "scheme: apiKey"),
		},
		"a list of lines": {
			reason: "it stays one", before: ofYAML,
			edits: []edit.Edit{set(auth+"issuers", []string{"A", "B: c"})},
			after: changedYAML("- ThunderKeyManager\n", "- A\n            - \"B: c\"\n"),
		},
		"in braces": {
			reason: "it stays so", before: ofYAML,
			edits: []edit.Edit{set("environments.development.endpointAuthentication.scheme", "oauth2"), set("environments.development.endpointAuthentication.issuers", []string{"K"})},
			after: changedYAML("{scheme: none}", "{scheme: oauth2, issuers: [K]}"),
		},
		"a new field": {
			reason: "behind the others, the blank line and the comment of the next agent below", before: ofYAML,
			edits: []edit.Edit{set(auth+"test", true), set(auth+"rotation", map[string]any{"every": "48h", "overlap": "1h"})},
			after: changedYAML("overlap: 24h}\n", "overlap: 24h}\n          test: true\n          rotation:\n            every: 48h\n            overlap: 1h\n"),
		},
		"a client": {
			reason: "a line", before: ofYAML,
			edits: []edit.Edit{edit.AddClient("production", client("web"))},
			after: changedYAML("overlap: 24h}\n", "overlap: 24h}\n            web: {}\n"),
		},
		"a client less": {
			reason: "with its lines and the comment above", before: ofYAML,
			edits: []edit.Edit{edit.RemoveClient("production", "partner-x")},
			after: changedYAML("            # Asked for by mail.\n            partner-x:\n              rotation: {every: 720h, overlap: 24h}\n", ""),
		},
		"a last member": {
			reason: "what is left empty goes, but a client", before: ofYAML,
			edits: []edit.Edit{remove(auth + "token.validity"), remove(auth + "clients.partner-x.rotation")},
			after: changedYAML("          token:\n            validity: 15m\n", "", "partner-x:\n              rotation: {every: 720h, overlap: 24h}\n", "partner-x: {}\n"),
		},
		"a scalar for a list": {
			reason: "behind the colon", before: ofYAML,
			edits: []edit.Edit{set(auth+"issuers", "x")},
			after: changedYAML("issuers:\n            - ThunderKeyManager\n", "issuers: x\n"),
		},
		"words": {
			reason: "what YAML could take for something else is quoted", before: ofYAML,
			edits: []edit.Edit{set("labels", map[string]any{"a": "true", "b": "1", "c": "yes", "d": "x: y", "e": "", "f": "- a"})},
			after: changedYAML("overlap: 24h}\n", "overlap: 24h}\n    labels:\n      a: \"true\"\n      b: \"1\"\n      c: \"yes\"\n      d: \"x: y\"\n      e: \"\"\n      f: \"- a\"\n"),
		},
		"no value yet": {
			reason: "a key without a value is a mapping to be",
			before: "agents:\n  booking:\n    labels: # none\n    kind: a",
			edits:  []edit.Edit{set("labels.team", "a")},
			after:  "agents:\n  booking:\n    labels: # none\n      team: a\n    kind: a",
		},
		"the end of the file": {
			reason: "no newline comes",
			before: "agents:\n  booking:\n    kind: a",
			edits:  []edit.Edit{set("project", "travel"), remove("kind")},
			after:  "agents:\n  booking:\n    project: travel",
		},
		"documents": {
			reason: "the one that has the agent",
			before: "agents:\n  other:\n    kind: a\n---\nagents:\n  booking:\n    kind: a\n...\n---\nx: 1\n",
			edits:  []edit.Edit{set("kind", "b"), set("project", "travel")},
			after:  "agents:\n  other:\n    kind: a\n---\nagents:\n  booking:\n    kind: b\n    project: travel\n...\n---\nx: 1\n",
		},
		"a text of lines": {
			reason: "what looks like a comment in it is none",
			before: "agents:\n  booking:\n    suspend:\n      reason: |\n        # not a comment\n\n        b: c\n    kind: a\n",
			edits:  []edit.Edit{set("kind", "b"), set("suspend.until", "x")},
			after:  "agents:\n  booking:\n    suspend:\n      reason: |\n        # not a comment\n\n        b: c\n      until: x\n    kind: b\n",
		},
		"quotes and braces": {
			reason: "a brace in quotes closes nothing",
			before: "agents: {booking: {kind: 'it''s }', \"a\": \"\\\"{\", labels: {\n  x: y, # {\n}}}\n",
			edits:  []edit.Edit{set("kind", "b"), set("labels.z", "1")},
			after:  "agents: {booking: {kind: b, \"a\": \"\\\"{\", labels: {\n  x: y, # {\n  z: \"1\",\n}}}\n",
		},
		"an alias": {
			before: "x-a: &a custom-api\nagents:\n  booking:\n    kind: *a\n", edits: []edit.Edit{set("kind", "b")},
			refused: "booking.yaml:4:11: agents.booking.kind: the value comes from the alias *a",
		},
		"an anchor": {
			before: "agents:\n  booking: &b\n    kind: a\n  other: *b\n", edits: []edit.Edit{set("kind", "b")},
			refused: "an anchor lets other places of the file share this value",
		},
		"a merge": {
			before: "x-a: &a {kind: custom-api}\nagents:\n  booking:\n    <<: *a\n", edits: []edit.Edit{set("kind", "b")},
			refused: "booking.yaml:4:5: agents.booking.kind: the value comes from a merge",
		},
		"broken": {before: "agents:\n  booking: [\n", edits: []edit.Edit{set("kind", "b")}, refused: "cannot be read"},
	})
}
