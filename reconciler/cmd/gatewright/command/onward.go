package command

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/view"
	"github.com/gatewright/gatewright/reconciler/loop"
)

// onwards are the plans that may be left something, by which an apply goes on:
// a rotation after the first, and after a rotation without an overlap the end of
// what it has replaced. Whatever is left then is for the next apply.
var onwards = []string{"first", "second"}

// turn is a plan that was carried out by an apply with args, and by the file of
// a reviewed plan if that is not empty.
type turn struct {
	planned *loop.Planned
	report  *loop.Report
	args    []string
	file    string
}

// goOn tells what became of the first plan, carries out what that has left, and
// returns what the whole amounts to.
func (a *App) goOn(ctx context.Context, w *wired, t turn) error {
	whole := newApplied(t.planned, t.report)
	err := a.tellOnText(whole)
	if err == nil {
		err = a.rounds(ctx, w, t, whole)
	}
	if a.output == "json" {
		if unsaid := view.Encode(a.Out, whole); unsaid != nil {
			return unsaid
		}
	}
	return err
}

// rounds carries out what is left, plan by plan.
//
//	left of the plan before             | then
//	------------------------------------+-------------------------------------
//	nothing, or something of it failed  | it ends as it is
//	something, and it was reviewed      | it is told; nobody has reviewed more
//	a rotation, or the end of one       | guarded, carried out, looked at again
//	more than that: the world has moved | it is told, and for the next apply
func (a *App) rounds(ctx context.Context, w *wired, t turn, whole *applied) error {
	for _, before := range onwards {
		next, err := a.onward(ctx, w, t)
		switch {
		case err != nil:
			return err
		case next == nil:
			return outcome(t.planned, t.report)
		case t.planned.Reviewed:
			whole.Left = rotations(next)
			a.tellLeft(t, next)
			return outcome(t.planned, t.report)
		case !next.Turns():
			a.warn("more differs by now than the rotation that the plan has left; nothing of that was done",
				"look at it, and apply again: "+a.commandLine([]string{"diff"}, t.args...))
			return outcome(t.planned, t.report)
		}
		if err := a.showLeft(before, next); err != nil {
			return err
		}
		report, err := a.carryOut(ctx, w, next, t.args, t.file)
		if err != nil {
			return err
		}
		then := newApplied(next, report)
		whole.Then = append(whole.Then, then)
		if err := a.tellOnText(then); err != nil {
			return err
		}
		t.planned, t.report = next, report
	}
	return outcome(t.planned, t.report)
}

// onward plans what is left, under the writer's lease.
func (a *App) onward(ctx context.Context, w *wired, t turn) (*loop.Planned, error) {
	progress := view.StartProgress(a.Err, "looking at what is left")
	defer progress.Stop()
	return w.engine.Onward(ctx, t.planned, t.report)
}

// showLeft prints what the plan before has left, and the plan for it.
func (a *App) showLeft(before string, next *loop.Planned) error {
	if a.output != "text" {
		return nil
	}
	if _, err := fmt.Fprintf(a.Out, "\nleft by the %s plan: %s\n\n", before, left(next)); err != nil {
		return err
	}
	return view.Plan{Plan: next.Plan}.Text(a.Out, a.style)
}

// tellLeft says what a reviewed plan has left and how to go on.
func (a *App) tellLeft(t turn, next *loop.Planned) {
	if a.output == "json" {
		return
	}
	a.warn("left by the plan that was reviewed, and not carried out: "+left(next),
		fmt.Sprintf("review it and carry it out: %s; then %s",
			a.commandLine([]string{"diff", "--out", t.file}, t.args...), a.commandLine([]string{"apply", "--plan", t.file}, t.args...)))
}

// warn prints what a person should know beside the answer.
func (a *App) warn(message, hint string) {
	fmt.Fprintf(a.Err, "gatewright: %s\ngatewright: hint: %s\n", message, hint)
}

// commandLine is a command that reads the same configuration, for a shell.
func (a *App) commandLine(command []string, args ...string) string {
	words := slices.Concat([]string{"gatewright"}, a.flags.Words(), command, args)
	for i, w := range words {
		if w == "" || strings.ContainsFunc(w, func(r rune) bool { return !strings.ContainsRune(plainWord, r) }) {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// plainWord are the characters that mean nothing to a shell.
const plainWord = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,"

// tellOnText says what became of a plan, where that is not part of a document.
func (a *App) tellOnText(out *applied) error {
	if a.output == "json" {
		return nil
	}
	return a.tellApplied(out)
}

// left says what a plan has to do after another.
func left(p *loop.Planned) string {
	names := rotations(p)
	switch len(names) {
	case 0:
		return "the end of what a rotation has replaced"
	case 1:
		return "a rotation of " + names[0]
	default:
		return fmt.Sprintf("%d rotations", len(names))
	}
}

// rotations names what a plan rotates.
func rotations(p *loop.Planned) []string {
	var out []string
	for _, id := range p.Rotations() {
		out = append(out, id.Name+" of "+id.Binding.String())
	}
	return out
}
