package thunder

import (
	"encoding/json"
	"strings"
	"testing"
	"text/template"

	"pgregory.net/rapid"

	"github.com/gatewright/gatewright/reconciler/resource"
)

func TestNamesAreShortAndDiffer(t *testing.T) {
	t.Parallel()
	id := rapid.StringMatching(`[a-z0-9_-]{1,320}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := id.Draw(t, "a"), id.Draw(t, "b")
		if n := len(applicationName(a)); n > longestName {
			t.Fatalf("%d characters", n)
		}
		if a != b && applicationName(a) == applicationName(b) {
			t.Fatalf("%q and %q share a name", a, b)
		}
		common := strings.Repeat("x", 120)
		if a != b && applicationName(common+a) == applicationName(common+b) {
			t.Fatalf("%q and %q share a name after a common beginning", a, b)
		}
	})
}

// An import's content is a template: what we send has to come out as it went
// in.
func TestLiteralSurvivesTemplates(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]any{"a": rapid.StringOf(rapid.SampledFrom([]rune(`{}\"-. x$`))).Draw(t, "text")}
		doc, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		tmpl, err := template.New("").Parse(string(literal(doc)))
		if err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		var out strings.Builder
		if err := tmpl.Execute(&out, nil); err != nil {
			t.Fatal(err)
		}
		got := map[string]any{}
		if err := json.Unmarshal([]byte(out.String()), &got); err != nil || got["a"] != want["a"] {
			t.Fatalf("want %q, got %q, %v", want["a"], got["a"], err)
		}
	})
}

func TestDescriptionKeepsWhatOthersWrote(t *testing.T) {
	t.Parallel()
	tg, err := New(Config{BaseURL: "http://x", ClientID: "c", ClientSecret: resource.NewSecret("s"), Installation: "i-1"})
	if err != nil {
		t.Fatal(err)
	}
	b := resource.Binding{Organization: "o", Project: "p", Agent: "a", Environment: "e"}
	id := resource.ID{Kind: resource.KindClient, Binding: b, Name: resource.ClientOwn}
	mark := "[gatewright:i-1:o_p_a_e] "
	tests := map[string]struct{ have, want string }{
		"nothing":             {"", mark + "OAuth client of o/p/a@e, managed by gatewright; changes are undone."},
		"text of somebody":    {"hands off", mark + "hands off"},
		"our mark":            {"see " + mark + "and more", "see " + mark + "and more"},
		"another's mark":      {"[gatewright:i-2:o_p_a_e] x", mark + "x"},
		"mark of another one": {"[gatewright:i-1:o_p_b_e] x", mark + "x"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tg.describe(id, tt.have); got != tt.want {
				t.Errorf("want %q, got %q", tt.want, got)
			}
		})
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	t.Parallel()
	good := Config{BaseURL: "https://thunder.example/", ClientID: "c", ClientSecret: resource.NewSecret("s")}
	tests := map[string]struct {
		change func(*Config)
		want   string
	}{
		"no address":       {func(c *Config) { c.BaseURL = "" }, "not an http or https URL"},
		"no scheme":        {func(c *Config) { c.BaseURL = "thunder:8090" }, "not an http or https URL"},
		"credentials":      {func(c *Config) { c.BaseURL = "https://u:hunter2@h" }, "no credentials"},
		"no secret":        {func(c *Config) { c.ClientSecret = resource.Secret{} }, "client secret"},
		"odd installation": {func(c *Config) { c.Installation = "a]b" }, "installation"},
		"negative limit":   {func(c *Config) { c.Reads = -1 }, "negative"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := good
			tt.change(&c)
			_, err := New(c)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("want an error with %q, got %v", tt.want, err)
			}
		})
	}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
}
