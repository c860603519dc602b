package edit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/reconciler/edit"
	"github.com/gatewright/gatewright/reconciler/fault"
)

// set and remove are edits of a path that dots divide.
func set(path string, value any) edit.Edit {
	return edit.Edit{Path: strings.Split(path, "."), Value: value}
}

func remove(path string) edit.Edit { return edit.Edit{Path: strings.Split(path, "."), Remove: true} }

const auth = "environments.production.endpointAuthentication."

// example is an edit of an agent booking.
type example struct {
	reason string
	before string
	edits  []edit.Edit
	after  string
	// refused is part of the error, in place of after.
	refused string
}

func run(t *testing.T, file string, examples map[string]example) {
	t.Helper()
	for name, tc := range examples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := edit.Apply([]byte(tc.before), file, "booking", tc.edits)
			if tc.refused != "" {
				wantRefused(t, err, tc.refused)
				return
			}
			if err != nil {
				t.Fatalf("%s: %v\nhint: %s", tc.reason, err, fault.HintOf(err))
			}
			if diff := cmp.Diff(tc.after, string(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			again, err := edit.Apply(got, file, "booking", tc.edits)
			if err != nil || string(again) != string(got) {
				t.Errorf("the same edits once more: %v\n%s", err, cmp.Diff(string(got), string(again)))
			}
		})
	}
}

func wantRefused(t *testing.T, err error, want string) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Class != fault.Stalled || e.Reason != "NotEditable" || e.Hint == "" {
		t.Fatalf("the error is %v (hint %q), want one that is stalled, with a hint", err, fault.HintOf(err))
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("the error is %q, want %q", err, want)
	}
}

// nested is a spec in the usual form.
const nested = `package agents

// Booking takes bookings.
agents: booking: {
	organization: "acme" // a tenant
	project:      "travel"
	kind:         "custom-api"

	environments: {
		development: endpointAuthentication: scheme: "none"
		// The one that counts.
		production: endpointAuthentication: {
			scheme: "oauth2" // since May
			issuers: ["ThunderKeyManager"]
			clients: {
				"mobile-app": {}
				// Asked for by mail.
				"partner-x": rotation: {every: "720h", overlap: "24h"}
			}
		}
	}
}
`

// with replaces a part of nested.
func with(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(nested) }

func TestNested(t *testing.T) {
	t.Parallel()
	run(t, "booking.cue", map[string]example{
		"a value": {
			reason: "the comment behind it stays", before: nested,
			edits: []edit.Edit{set(auth+"scheme", "apiKey")},
			after: with(`"oauth2" //`, `"apiKey" //`),
		},
		"the same value": {
			reason: "nothing changes", before: nested,
			edits: []edit.Edit{set(auth+"scheme", "oauth2"), set(auth+"issuers", []string{"ThunderKeyManager"})}, after: nested,
		},
		"a list": {
			reason: "a list is replaced", before: nested,
			edits: []edit.Edit{set(auth+"issuers", []string{"A", "B"})},
			after: with(`["ThunderKeyManager"]`, `["A", "B"]`),
		},
		"a new field": {
			reason: "it comes behind the others, as a chain", before: nested,
			edits: []edit.Edit{set(auth+"token.validity", "15m")},
			after: with("24h\"}\n\t\t\t}\n", "24h\"}\n\t\t\t}\n\t\t\ttoken: validity: \"15m\"\n"),
		},
		"a client": {
			reason: "a client with no settings is {}, its name quoted only if it has to be", before: nested,
			edits: []edit.Edit{edit.AddClient("production", client("web")), edit.AddClient("production", client("partner-y"))},
			after: with("24h\"}\n", "24h\"}\n\t\t\t\tweb: {}\n\t\t\t\t\"partner-y\": {}\n"),
		},
		"a client less": {
			reason: "the comment above goes with it", before: nested,
			edits: []edit.Edit{edit.RemoveClient("production", "partner-x")},
			after: with("\t\t\t\t// Asked for by mail.\n\t\t\t\t\"partner-x\": rotation: {every: \"720h\", overlap: \"24h\"}\n", ""),
		},
		"no client left": {
			reason: "clients goes with the last", before: nested,
			edits: []edit.Edit{edit.RemoveClient("production", "partner-x"), edit.RemoveClient("production", "mobile-app")},
			after: with(`			clients: {
				"mobile-app": {}
				// Asked for by mail.
				"partner-x": rotation: {every: "720h", overlap: "24h"}
			}
`, ""),
		},
		"a client's last setting": {
			reason: "the client stays", before: nested,
			edits: []edit.Edit{remove(auth + "clients.partner-x.rotation")},
			after: with(`"partner-x": rotation: {every: "720h", overlap: "24h"}`, `"partner-x": {}`),
		},
		"a setting of an empty client": {
			reason: "it goes between the braces", before: nested,
			edits: []edit.Edit{set(auth+"clients.mobile-app.rotation", map[string]any{"every": "48h", "overlap": "1h"})},
			after: with(`"mobile-app": {}`, `"mobile-app": {rotation: {every: "48h", overlap: "1h"}}`),
		},
		"one of two members": {
			reason: "of a mapping only what differs changes", before: nested,
			edits: []edit.Edit{set(auth+"clients.partner-x.rotation", map[string]any{"every": "720h", "overlap": "12h"})},
			after: with(`overlap: "24h"`, `overlap: "12h"`),
		},
		"beside a chain of one line": {
			reason: "the chain gets braces", before: nested,
			edits: []edit.Edit{set("environments.development.endpointAuthentication.scheme", "oauth2"), set("environments.development.endpointAuthentication.issuers", []string{"K"})},
			after: with(`		development: endpointAuthentication: scheme: "none"
`, `		development: endpointAuthentication: {
			scheme: "oauth2"
			issuers: ["K"]
		}
`),
		},
		"beside a chain of many lines": {
			reason: "it is written again, so that no line is indented anew", before: nested,
			edits: []edit.Edit{set("environments.production.deletion", "protect")},
			after: with("\t\t\t}\n\t\t}\n", "\t\t\t}\n\t\t}\n\t\tproduction: deletion: \"protect\"\n"),
		},
		"an environment": {
			reason: "it is a chain of its own", before: nested,
			edits: []edit.Edit{set("environments.staging.endpointAuthentication.scheme", "none")},
			after: with("\t\t\t}\n\t\t}\n\t}\n", "\t\t\t}\n\t\t}\n\t\tstaging: endpointAuthentication: scheme: \"none\"\n\t}\n"),
		},
		"an environment less": {
			reason: "with the comment above", before: nested,
			edits: []edit.Edit{remove("environments.development")},
			after: with("\t\tdevelopment: endpointAuthentication: scheme: \"none\"\n", ""),
		},
		"a field of the agent": {
			reason: "in the agent's own braces", before: nested,
			edits: []edit.Edit{set("labels", map[string]any{"team": "a-team", "tier": "1"})},
			after: with("\t\t}\n\t}\n}\n", "\t\t}\n\t}\n\tlabels: {team: \"a-team\", tier: \"1\"}\n}\n"),
		},
		"what is not there": {
			reason: "nothing to remove", before: nested,
			edits: []edit.Edit{remove(auth + "rotation"), remove("environments.staging")}, after: nested,
		},
		"line ends of DOS": {
			reason: "they stay", before: strings.ReplaceAll(nested, "\n", "\r\n"),
			edits: []edit.Edit{set(auth+"test", true), edit.RemoveClient("production", "partner-x")},
			after: strings.ReplaceAll(with("\t\t\t\t// Asked for by mail.\n\t\t\t\t\"partner-x\": rotation: {every: \"720h\", overlap: \"24h\"}\n\t\t\t}\n", "\t\t\t}\n\t\t\ttest: true\n"), "\n", "\r\n"),
		},
		"a mark of byte order": {
			reason: "it stays", before: "\xef\xbb\xbf" + nested,
			edits: []edit.Edit{set(auth+"scheme", "none")}, after: "\xef\xbb\xbf" + with(`"oauth2" //`, `"none" //`),
		},
	})
}

func TestForms(t *testing.T) {
	t.Parallel()
	run(t, "booking.cue", map[string]example{
		"one chain": {
			reason: "no final newline, and none comes",
			before: `agents: booking: environments: production: endpointAuthentication: scheme: "none"`,
			edits:  []edit.Edit{set(auth+"scheme", "oauth2"), set(auth+"issuers", []string{"K"}), set(auth+"test", false)},
			after: `agents: booking: environments: production: endpointAuthentication: {
	scheme: "oauth2"
	issuers: ["K"]
	test: false
}`,
		},
		"one line": {
			reason: "it stays one line",
			before: `agents: booking: {organization: "acme", environments: {production: {endpointAuthentication: {scheme: "none"}}}}` + "\n",
			edits:  []edit.Edit{set(auth+"issuers", []string{"K"}), set("project", "travel")},
			after:  `agents: booking: {organization: "acme", environments: {production: {endpointAuthentication: {scheme: "none", issuers: ["K"]}}}, project: "travel"}` + "\n",
		},
		"one line less": {
			reason: "first, middle and last field of a line",
			before: `agents: booking: {a: "1", b: "2", c: "3", d: "4"}`,
			edits:  []edit.Edit{remove("a"), remove("c"), remove("d")},
			after:  `agents: booking: {b: "2"}`,
		},
		"quoted labels": {
			reason: "a quoted label names the same field",
			before: "\"agents\": \"booking\": {\"environments\": \"production\": {\"endpointAuthentication\": {\"scheme\": \"none\"}}}\n",
			edits:  []edit.Edit{set(auth+"scheme", "oauth2")},
			after:  "\"agents\": \"booking\": {\"environments\": \"production\": {\"endpointAuthentication\": {\"scheme\": \"oauth2\"}}}\n",
		},
		"several declarations": {
			reason: "the one that has the field, otherwise the most specific",
			before: "agents: booking: organization: \"acme\"\nagents: booking: environments: production: {\n\tendpointAuthentication: scheme: \"none\"\n}\nagents: booking: environments: production: endpointAuthentication: {\n\tissuers: [\"K\"]\n}\n",
			edits:  []edit.Edit{set(auth+"scheme", "oauth2"), set(auth+"test", true)},
			after:  "agents: booking: organization: \"acme\"\nagents: booking: environments: production: {\n\tendpointAuthentication: scheme: \"oauth2\"\n}\nagents: booking: environments: production: endpointAuthentication: {\n\tissuers: [\"K\"]\n\ttest: true\n}\n",
		},
		"said twice": {
			reason: "both are changed, since they have to agree",
			before: "agents: booking: kind: \"a\"\nagents: booking: {\n\tkind: \"a\"\n}\n",
			edits:  []edit.Edit{set("kind", "b")},
			after:  "agents: booking: kind: \"b\"\nagents: booking: {\n\tkind: \"b\"\n}\n",
		},
		"a constraint beside": {
			reason: "the constraint stays",
			before: "agents: booking: {\n\tkind: string & \"a\"\n\tproject: =~\"^t\"\n}\n",
			edits:  []edit.Edit{set("kind", "b"), set("project", "travel")},
			after:  "agents: booking: {\n\tkind: string & \"b\"\n\tproject: =~\"^t\"\n\tproject: \"travel\"\n}\n",
		},
		"a disjunction": {
			reason: "a value of its own field is replaced",
			before: "agents: booking: {\n\tkind: *\"a\" | \"b\" // either\n}\n",
			edits:  []edit.Edit{set("kind", "b")},
			after:  "agents: booking: {\n\tkind: \"b\" // either\n}\n",
		},
		"a comment of the last field": {
			reason: "the field goes, and the freestanding comment stays with its braces",
			before: "agents: booking: {\n\tlabels: {\n\t\t// Ask the team.\n\n\t\t// Who it is.\n\t\tteam: \"a\" // for now\n\t}\n\tkind: \"a\"\n}\n",
			edits:  []edit.Edit{remove("labels.team")},
			after:  "agents: booking: {\n\tlabels: {\n\t\t// Ask the team.\n\n\t}\n\tkind: \"a\"\n}\n",
		},
		"an ellipsis": {
			reason: "it stays the last",
			before: "agents: booking: {\n\tkind: \"a\"\n\t...\n}\n",
			edits:  []edit.Edit{set("project", "travel")},
			after:  "agents: booking: {\n\tkind: \"a\"\n\tproject: \"travel\"\n\t...\n}\n",
		},
		"a trailing comma": {
			reason: "it is as the others",
			before: "agents: booking: {\n\tkind: \"a\",\n}\n",
			edits:  []edit.Edit{set("project", "travel")},
			after:  "agents: booking: {\n\tkind: \"a\",\n\tproject: \"travel\",\n}\n",
		},
		"a text of many lines": {
			reason: "what looks like a field in it is none",
			before: "agents: booking: {\n\tsuspend: reason: \"\"\"\n\t\tkind: \"x\" // {\n\t\t\"\"\"\n\tkind: \"a\"\n}\n",
			edits:  []edit.Edit{set("kind", "b"), set("suspend.reason", "none")},
			after:  "agents: booking: {\n\tsuspend: reason: \"none\"\n\tkind: \"b\"\n}\n",
		},
		"all fields": {
			reason: "the agent itself stays",
			before: "agents: booking: {\n\tkind: \"a\"\n}\n",
			edits:  []edit.Edit{remove("kind")},
			after:  "agents: booking: {}\n",
		},
		"others of the file": {
			reason: "they stay as they are, badly formatted or not",
			before: "agents: { other:   {kind:\"a\"}\n booking: kind : \"a\" }\n_x:1\n",
			edits:  []edit.Edit{set("kind", "b")},
			after:  "agents: { other:   {kind:\"a\"}\n booking: kind : \"b\" }\n_x:1\n",
		},
		"special characters": {
			reason: "they are escaped",
			before: "agents: booking: kind: \"a\"\n",
			edits:  []edit.Edit{set("labels.a b", "\"\\(x)\n")},
			after:  "agents: booking: {\n\tkind: \"a\"\n\tlabels: \"a b\": \"\\\"\\\\(x)\\n\"\n}\n",
		},
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	run(t, "booking.cue", map[string]example{
		"a reference": {
			before: "_s: \"none\"\nagents: booking: {\n\tkind: _s\n}\n", edits: []edit.Edit{set("kind", "b")},
			refused: "booking.cue:3:8: agents.booking.kind: the value comes from the reference _s to booking.cue:1:5",
		},
		"a let": {
			before: "agents: booking: {\n\tlet s = \"none\"\n\tkind: s\n}\n", edits: []edit.Edit{set("kind", "b")},
			refused: "booking.cue:3:8: agents.booking.kind: the value comes from the reference s",
		},
		"an embedding": {
			before: "#Base: kind: \"a\"\nagents: booking: {\n\t#Base\n}\n", edits: []edit.Edit{set("kind", "b")},
			refused: "booking.cue:3:2: agents.booking.kind: the value comes from an embedding",
		},
		"removing from an embedding": {
			before: "#Base: kind: \"a\"\nagents: booking: {\n\t#Base\n}\n", edits: []edit.Edit{remove("kind")},
			refused: "booking.cue:3:2",
		},
		"a comprehension": {
			before: "agents: booking: {\n\tif true {\n\t\tkind: \"a\"\n\t}\n}\n", edits: []edit.Edit{set("kind", "b")},
			refused: "booking.cue:2:2: agents.booking.kind: the value comes from a comprehension",
		},
		"a reference above": {
			before: "_p: endpointAuthentication: scheme: \"none\"\nagents: booking: environments: production: _p\n", edits: []edit.Edit{set(auth+"scheme", "oauth2")},
			refused: "booking.cue:2:44",
		},
		"an interpolation of others": {
			before: "agents: booking: {\n\ta: \"x\"\n\tkind: \"\\(a)y\"\n}\n", edits: []edit.Edit{set("kind", "b")},
			refused: "booking.cue:3:8",
		},
		"no mapping": {
			before: "agents: booking: environments: \"none\"\n", edits: []edit.Edit{set(auth+"scheme", "oauth2")},
			refused: "booking.cue:1:32: agents.booking.environments.production.endpointAuthentication.scheme: agents.booking.environments is no mapping",
		},
		"another agent":      {before: "agents: other: kind: \"a\"\n", edits: []edit.Edit{set("kind", "b")}, refused: "does not declare an agent booking"},
		"a broken file":      {before: "agents: booking: {\n\tkind: \"a\n}\n", edits: []edit.Edit{set("kind", "b")}, refused: "booking.cue:2"},
		"an odd name":        {before: "agents: booking: kind: \"a\"\n", edits: []edit.Edit{set("labels.a\x84", "b")}, refused: "cannot be written"},
		"no path":            {before: "agents: booking: kind: \"a\"\n", edits: []edit.Edit{{Value: "b"}}, refused: "names no field"},
		"null":               {before: "agents: booking: kind: \"a\"\n", edits: []edit.Edit{set("kind", nil)}, refused: "null is no value"},
		"no value of a file": {before: "agents: booking: kind: \"a\"\n", edits: []edit.Edit{set("kind", make(chan int))}, refused: "kind"},
	})
	_, err := edit.Apply([]byte("x"), "booking.txt", "booking", nil)
	wantRefused(t, err, "no spec")
}
