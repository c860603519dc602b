package view

import (
	"io"
	"os"

	"charm.land/lipgloss/v2"
	"golang.org/x/term"
)

// Style colours text for a terminal; the zero value leaves it plain.
type Style struct{ colour bool }

// StyleFor colours only what goes to a terminal, and not under NO_COLOR
// (no-color.org) or a dumb terminal.
func StyleFor(w io.Writer) Style {
	f, ok := w.(*os.File)
	return Style{colour: ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

func (s Style) paint(colour, text string) string {
	if !s.colour {
		return text
	}
	return lipgloss.NewStyle().Foreground(lipgloss.Color(colour)).Render(text)
}

// The sixteen colours of a terminal, so that its own theme decides.
func (s Style) green(t string) string  { return s.paint("2", t) }
func (s Style) yellow(t string) string { return s.paint("3", t) }
func (s Style) red(t string) string    { return s.paint("1", t) }
func (s Style) faint(t string) string  { return s.paint("8", t) }

func (s Style) bold(t string) string {
	if !s.colour {
		return t
	}
	return lipgloss.NewStyle().Bold(true).Render(t)
}

// Mark is the sign before a finding.
func (s Style) Mark(ok bool) string {
	if ok {
		return s.green("ok  ")
	}
	return s.red("FAIL")
}
