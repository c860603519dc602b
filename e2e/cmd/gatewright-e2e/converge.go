//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gatewright/gatewright/e2e/harness"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// binding is what can be tried.
type binding struct {
	resource.Binding
	authentication schema.Authentication
}

// converge lets gatewright apply the specs once, and insists that every binding
// has converged and, if all of them may be changed, that nothing is left to do.
func converge(ctx context.Context, i *harness.Installation, tried []binding, all bool) error {
	r, err := i.Run(ctx, "apply")
	if err != nil {
		return err
	}
	fmt.Print(r.Stdout)
	if all && r.Code != 0 {
		return failed("apply", r)
	}
	if err := insist(ctx, i, tried, r); err != nil || !all {
		return err
	}
	r, err = i.Run(ctx, "diff")
	if err == nil && r.Code != 0 {
		fmt.Print(r.Stdout)
		err = failed("diff after apply", r)
	}
	return err
}

// insist fails unless every binding has converged.
func insist(ctx context.Context, i *harness.Installation, tried []binding, applied harness.Result) error {
	r, err := i.Run(ctx, "status", "-o", "json")
	if err != nil {
		return err
	}
	if r.Code != 0 {
		return failed("status", r)
	}
	var status struct {
		Bindings []struct {
			Binding         resource.Binding
			Status, Message string
		}
	}
	if err := json.Unmarshal([]byte(r.Stdout), &status); err != nil {
		return err
	}
	stands := map[resource.Binding]string{}
	for _, b := range status.Bindings {
		stands[b.Binding] = strings.TrimSpace(b.Status + " " + b.Message)
	}
	for _, b := range tried {
		if word := stands[b.Binding]; word != "converged" {
			return fmt.Errorf("%s is %q after apply: %w", b, word, failed("apply", applied))
		}
	}
	return nil
}

// failed is the error of a command.
func failed(command string, r harness.Result) error {
	return fmt.Errorf("gatewright %s: exit code %d\n%s", command, r.Code, talk(r.Stderr))
}

// talk is what gatewright said, without its warnings of a configuration that is
// the harness's own.
func talk(stderr string) string {
	var b strings.Builder
	dropped := false
	for line := range strings.Lines(stderr) {
		hint := strings.HasPrefix(line, " ")
		if dropped = strings.Contains(line, ": warning: ") || dropped && hint; !dropped {
			b.WriteString(line)
		}
	}
	return strings.TrimSpace(b.String())
}
