//go:build unix

package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/gatewright/gatewright/fixtures/stack"
	"github.com/gatewright/gatewright/tools/specgen"
)

// vet measures `gatewright validate` beside `cue vet` on the same files: CUE
// alone, one agent a file, since that is what cue vet takes by itself. cue vet
// checks them against the policies in the repository, validate against the
// schema of specs, too.
func (b *bench) vet(ctx context.Context) error {
	files, _ := specgen.Files(specgen.Options{Agents: b.n, Plain: true})
	dir := filepath.Join(b.dir, "plain")
	if err := specgen.Write(dir, files); err != nil {
		return err
	}
	if err := b.command(ctx, "load and validate, CUE alone", 0, "validate", dir); err != nil {
		return err
	}
	cue, err := filepath.Abs(b.cue)
	if err != nil {
		return err
	}
	// cue takes the working directory's module.
	command := exec.CommandContext(ctx, cue, "vet", "./...")
	command.Dir = dir
	r, err := stack.RunCommand(command)
	if err != nil {
		return fmt.Errorf("cue vet (built by go tool task bench): %w", err)
	}
	if r.Code != 0 {
		return fmt.Errorf("cue vet: exit code %d\n%s%s", r.Code, tail(r.Stdout), tail(r.Stderr))
	}
	b.row("cue vet ./... of the same", r.CPU, r.Took, r.Peak, "")
	return nil
}
