package plan_test

import (
	"strings"
	"testing"

	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/schema"
)

// at puts a spec into a file.
func at(file string, a schema.Agent) schema.Agent {
	a.Positions = schema.Positions{"": {File: file, Line: 1}}
	return a
}

func TestRenames(t *testing.T) {
	t.Parallel()
	oauth2 := func(file, name string, clients ...string) schema.Agent {
		return at(file, agent(name, "production", schema.SchemeOAuth2, clients...))
	}
	tests := map[string]struct {
		from, to []schema.Agent
		want     string // of the deletes that are told as a rename
	}{
		"an agent":                       {[]schema.Agent{oauth2("a.cue", "booking")}, []schema.Agent{oauth2("a.cue", "trips")}, "the agent booking looks renamed to trips"},
		"an agent into another file":     {[]schema.Agent{oauth2("a.cue", "booking")}, []schema.Agent{oauth2("b.cue", "trips")}, ""},
		"two go, one comes":              {[]schema.Agent{oauth2("a.cue", "booking"), oauth2("a.cue", "search")}, []schema.Agent{oauth2("a.cue", "trips")}, ""},
		"one of three":                   {[]schema.Agent{oauth2("a.cue", "booking"), oauth2("a.cue", "search")}, []schema.Agent{oauth2("a.cue", "search"), oauth2("a.cue", "trips")}, "the agent booking looks renamed to trips"},
		"a client":                       {[]schema.Agent{oauth2("a.cue", "booking", "mobile")}, []schema.Agent{oauth2("a.cue", "booking", "phone")}, "the client mobile looks renamed to phone"},
		"a client goes, two come":        {[]schema.Agent{oauth2("a.cue", "booking", "mobile")}, []schema.Agent{oauth2("a.cue", "booking", "phone", "tablet")}, ""},
		"a client goes":                  {[]schema.Agent{oauth2("a.cue", "booking", "mobile")}, []schema.Agent{oauth2("a.cue", "booking")}, ""},
		"an agent goes and no file says": {[]schema.Agent{oauth2("", "booking")}, []schema.Agent{oauth2("", "trips")}, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := trusting()
			first, observed := planFor(t, w, tc.from, nil)
			carryOut(t, w, first, observed)
			p, _ := planFor(t, w, tc.to, func(in *plan.Input) {
				for i, g := range in.Gone {
					for _, a := range tc.from {
						if a.Name == g.ID.Binding.Agent {
							in.Gone[i].File = a.At("").File
						}
					}
				}
			})
			deletes, told := 0, 0
			for _, s := range p.Steps {
				if s.Action != plan.Delete {
					continue
				}
				deletes++
				if strings.HasPrefix(s.Reason, "the agent ") || strings.HasPrefix(s.Reason, "the client ") {
					if told++; s.Reason != tc.want || !strings.Contains(s.Hint, "keep "+strings.Fields(tc.want)[2]+" in the spec") {
						t.Errorf("%s: %q, hint %q", s.ID, s.Reason, s.Hint)
					}
				}
			}
			if want := map[bool]int{true: 0, false: 2}[tc.want == ""]; told != want || deletes == 0 {
				t.Errorf("%d of %d deletes are told as a rename, want %d", told, deletes, want)
			}
		})
	}
}
