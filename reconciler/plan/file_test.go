package plan_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// reviewed is the plan file of two agents that are to be protected.
func reviewed(t *testing.T) plan.File {
	t.Helper()
	p, _ := planFor(t, trusting(), []schema.Agent{
		agent("booking", "production", schema.SchemeOAuth2, "mobile"), agent("search", "production", schema.SchemeNone),
	}, nil)
	p.Revision = "r1"
	return plan.NewFile("acme", false, p)
}

func write(t *testing.T, f plan.File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestFileIsWhatWasPlanned: what is written is read again, holds what is done and
// guards it, and no digest of a secret.
func TestFileIsWhatWasPlanned(t *testing.T) {
	t.Parallel()
	f := reviewed(t)
	text := write(t, f)
	if len(f.Steps) == 0 || strings.Contains(strings.ToLower(string(text)), "digest") {
		t.Errorf("got %s", text)
	}
	got, err := plan.ReadFile(text)
	if diff := cmp.Diff(f, got); diff != "" || err != nil {
		t.Errorf("read again (-want +got): %v\n%s", err, diff)
	}
	if said := got.Difference(reviewed(t)); said != "" {
		t.Errorf("the same plan differs: %s", said)
	}
}

func TestFileDifference(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*plan.File)
		want   string
	}{
		"another installation": {func(f *plan.File) { f.Installation = "other" }, "the installation was acme and is other"},
		"another revision":     {func(f *plan.File) { f.Revision = "r2" }, "the revision was r1 and is r2"},
		"changes in the tree":  {func(f *plan.File) { f.Dirty = true }, "the revision was r1 and is r1 with changes"},
		"a step less": {
			func(f *plan.File) { f.Steps = f.Steps[:len(f.Steps)-1] },
			"a step is not needed any more: create client gatewright/probe/probe@production",
		},
		"a step more": {
			func(f *plan.File) { f.Steps = append(f.Steps, f.Steps[0]) },
			"a step is new: create credential acme/travel/booking@production",
		},
		"another action": {
			func(f *plan.File) { f.Steps[0].Action = plan.Delete },
			"step 1: it was to create credential acme/travel/booking@production and is to delete credential acme/travel/booking@production",
		},
		"another version": {
			func(f *plan.File) { f.Steps[0].Version = "7" },
			`step 1: credential acme/travel/booking@production: it has changed since, from version "" to "7"`,
		},
		"another value": {
			func(f *plan.File) { f.Steps[0].Changes[0].After = "elsewhere" },
			`from "" to "elsewhere"`,
		},
		"a value less": {
			func(f *plan.File) { f.Steps[0].Changes = f.Steps[0].Changes[:1] }, "and is to change nothing more",
		},
		"another secret":  {func(f *plan.File) { f.Steps[0].NewSecret = !f.Steps[0].NewSecret }, "it is to be done otherwise"},
		"another reason":  {func(f *plan.File) { f.Steps[0].Reason = "because" }, ""},
		"no other change": {func(*plan.File) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := reviewed(t)
			tc.change(&now)
			got := reviewed(t).Difference(now)
			if got != tc.want && (tc.want == "" || !strings.Contains(got, tc.want)) {
				t.Errorf("got %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestFileThatIsNone(t *testing.T) {
	t.Parallel()
	const head = "{\n  \"format\": \"gatewright.plan/1\",\n  \"installation\": \"i\",\n"
	for name, tc := range map[string]struct{ text, want string }{
		"nothing":          {"", "1:1: unexpected end of JSON input"},
		"a spec":           {"package agents\n", "1:1: invalid character 'p' looking for beginning of value"},
		"half a plan":      {"{\n  \"format\": \"gatew", "2:18: unexpected end of JSON input"},
		"another answer":   {`{"valid": true}`, "1:1: this is no plan; `gatewright diff --out FILE` writes one"},
		"a list":           {`[]`, "1:1: a plan is not of JSON type array"},
		"another form":     {`{"format": "gatewright.plan/2"}`, `1:1: the form of the plan is "gatewright.plan/2", and this program reads "gatewright.plan/1"`},
		"no steps":         {head + "  \"revision\": \"r\"\n}", "1:1: steps is missing"},
		"no installation":  {`{"format": "gatewright.plan/1", "steps": []}`, "1:1: installation is missing"},
		"an unknown field": {head + "  \"stepz\": []\n}", "unknown field \"stepz\""},
		"a wrong type":     {head + "  \"steps\": 7\n}", "4:12: steps is not of JSON type number"},
		"a step for nothing": {
			head + `"steps": [{"id": {"kind": "client", "binding": {}}, "action": "keep"}]}`, `step 1: "keep" does nothing`,
		},
		"a step on nothing": {
			head + `"steps": [{"id": {"kind": "client", "binding": {}}, "action": "create"}]}`, "step 1: the id names no resource",
		},
		"text after it": {head + `"steps": []} {}`, "invalid character '{' after top-level value"},
	} {
		_, err := plan.ReadFile([]byte(tc.text))
		if e, ok := errors.AsType[*plan.FileError](err); !ok || !strings.Contains(e.Error(), tc.want) {
			t.Errorf("%s: got %v, want %s", name, err, tc.want)
		}
	}
}

// FuzzReadFile: whatever the text, reading it ends, says where it is wrong, and
// what was read is written and read again as the same plan.
func FuzzReadFile(f *testing.F) {
	whole := plan.File{Format: plan.FileFormat, Installation: "i", Revision: "r", Steps: []plan.FileStep{{
		ID: resource.ID{Kind: resource.KindClient, Binding: resource.Binding{
			Organization: "acme", Project: "travel", Agent: "booking", Environment: "production",
		}, Name: "own"},
		Action: plan.Update, Version: "3", Changes: []plan.Change{{Field: "audience", Before: "a", After: "b"}}, NewSecret: true,
	}}}
	var b bytes.Buffer
	if err := whole.Write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:b.Len()/2])
	f.Add([]byte(`{"format": "gatewright.plan/1", "installation": "i", "steps": []}`))
	f.Add([]byte(`{"format": 1}`))
	f.Add([]byte(`{"format": "gatewright.plan/1", "steps": [{"overlap": "1h"}]}`))
	f.Add([]byte("\xff{}\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := plan.ReadFile(text)
		if err != nil {
			e, ok := errors.AsType[*plan.FileError](err)
			if !ok || e.Line < 1 || e.Column < 1 || e.Line > 1+bytes.Count(text, []byte("\n")) {
				t.Fatalf("misplaced: %v", err)
			}
			return
		}
		var b bytes.Buffer
		if err := got.Write(&b); err != nil {
			t.Fatal(err)
		}
		again, err := plan.ReadFile(b.Bytes())
		if err != nil || got.Difference(again) != "" {
			t.Fatalf("read again: %v, %s", err, got.Difference(again))
		}
	})
}
