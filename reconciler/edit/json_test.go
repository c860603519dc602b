package edit_test

import (
	"testing"

	"github.com/gatewright/gatewright/reconciler/edit"
)

const ofJSON = `{
  "agents": {
    "booking": {
      "kind": "custom-api",
      "environments": {
        "production": {
          "endpointAuthentication": {"scheme": "none"}
        }
      }
    }
  }
}
`

func TestJSON(t *testing.T) {
	t.Parallel()
	run(t, "booking.json", map[string]example{
		"a value and more": {
			reason: "one line stays one line", before: ofJSON,
			edits: []edit.Edit{set(auth+"scheme", "oauth2"), set(auth+"issuers", []string{"K"}), set(auth+"token.validity", "15m")},
			after: `{
  "agents": {
    "booking": {
      "kind": "custom-api",
      "environments": {
        "production": {
          "endpointAuthentication": {"scheme": "oauth2", "issuers": ["K"], "token": {"validity": "15m"}}
        }
      }
    }
  }
}
`,
		},
		"lines": {
			reason: "a line a member, with the comma before", before: ofJSON,
			edits: []edit.Edit{set("environments.production.deletion", "protect"), set("labels", map[string]any{"a": "1", "b": "2"})},
			after: `{
  "agents": {
    "booking": {
      "kind": "custom-api",
      "environments": {
        "production": {
          "endpointAuthentication": {"scheme": "none"},
          "deletion": "protect"
        }
      },
      "labels": {
        "a": "1",
        "b": "2"
      }
    }
  }
}
`,
		},
		"the last line": {
			reason: "the comma before it goes, too",
			before: "{\"agents\": {\"booking\": {\n\t\"a\": 1,\n\t\"b\": 2\n}}}",
			edits:  []edit.Edit{remove("b")},
			after:  "{\"agents\": {\"booking\": {\n\t\"a\": 1\n}}}",
		},
		"the first line": {
			reason: "with its own comma",
			before: "{\"agents\": {\"booking\": {\n\t\"a\": 1,\n\t\"b\": 2\n}}}",
			edits:  []edit.Edit{remove("a")},
			after:  "{\"agents\": {\"booking\": {\n\t\"b\": 2\n}}}",
		},
		"escapes": {
			reason: "names and texts are read as JSON has them",
			before: `{"agents":{"\u0062ooking":{"labels":{"a\/b":"\ud83d\ude00","c":true}}}}`,
			edits:  []edit.Edit{set("labels.a/b", "<&>"), set("labels.c", false)},
			after:  `{"agents":{"\u0062ooking":{"labels":{"a\/b":"<&>","c":false}}}}`,
		},
		"broken": {before: `{"agents":{"booking":{},}}`, edits: []edit.Edit{set("a", 1)}, refused: "cannot be read"},
	})
}
