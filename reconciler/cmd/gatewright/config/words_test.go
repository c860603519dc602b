package config

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// The words of a hint hold what was given, and no secret.
func TestWords(t *testing.T) {
	t.Parallel()
	var f Flags
	fs := pflag.NewFlagSet("x", pflag.ContinueOnError)
	f.Register(fs)
	err := fs.Parse([]string{
		"--config", "a.yaml", "--branch", "b", "--database", "postgres://u:hunter2@h/d", "--set", "environments.dev.thunder.clientSecret=hunter2",
		"--set", "environments.dev.drift=report", "--set", "source.repository=https://u:hunter2@h/r.git",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(f.Words(), " ")
	for _, want := range []string{"--config a.yaml", "--branch b", "--set environments.dev.drift=report", "clientSecret=***"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %s", want, got)
		}
	}
	if strings.Contains(got, "hunter2") {
		t.Error("a secret is shown: " + got)
	}
}
