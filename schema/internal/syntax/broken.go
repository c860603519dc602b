package syntax

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/scanner"
	"cuelang.org/go/cue/token"
)

// brokenCUE says what can be said of CUE that does not parse: what is wrong,
// the package, and whether it is surely a leaf. A policy that does not parse
// must stop what it would have constrained.
func (f *Facts) brokenCUE(data []byte, err error) {
	for i, e := range cueerrors.Errors(err) {
		if i == maxSyntaxErrors {
			break
		}
		f.fail(Issue{Place: errorPlace(e), Code: "syntax-error", Message: plainSyntax(e), Hint: cueHint(plainSyntax(e))})
	}
	f.Broken = true
	f.Mention = MentionYes
	if head, err := parser.ParseFile("", data, parser.PackageClauseOnly); err == nil {
		f.Package = head.PackageName()
	}
	s := skim(data)
	f.Leaf, f.Claims = s.leaf, s.claims
}

// maxSyntaxErrors bounds what is reported of one file: after the first few,
// a parser only loses its way.
const maxSyntaxErrors = 5

// cueHint says what people mostly did to get a message of the CUE parser.
func cueHint(message string) string {
	switch {
	case strings.Contains(message, "not terminated"), strings.Contains(message, "missing ','"):
		return "a string begins and ends with a quote on one line; fields of one line have commas between them"
	case strings.Contains(message, "'EOF'"), strings.Contains(message, "expected '"):
		return "close every bracket and brace that is opened"
	default:
		return "no agent of this file is used until it can be parsed"
	}
}

// plainSyntax returns the message of a syntax error without its position.
func plainSyntax(err cueerrors.Error) string {
	format, args := err.Msg()
	if len(args) == 0 {
		return format
	}
	return strings.TrimSpace(fmt.Sprintf(format, args...))
}

// skimmed is what the tokens of a file say.
type skimmed struct {
	leaf   bool
	claims []Claim
	// nesting is the deepest that brackets and chains of labels go.
	nesting int
}

// skim looks at the tokens of a file that does not parse. It is a leaf when
// every token outside of brackets belongs to a field agents with a plain name,
// and no token anywhere could belong to a policy. Doubt is answered with no.
func skim(data []byte) skimmed {
	out := skimmed{leaf: true}
	file := token.NewFile("", 0, len(data))
	var s scanner.Scanner
	s.Init(file, data, func(token.Pos, string, []any) {}, 0)
	var before, last token.Token
	var lastLit string
	depth, chain, inAgents := 0, 0, false
	for {
		pos, tok, lit := s.Scan()
		if tok == token.COLON {
			chain++
		} else if !isLabel(tok) {
			chain = 0
		}
		out.nesting = max(out.nesting, depth+chain)
		switch tok {
		case token.EOF:
			out.leaf = out.leaf && len(out.claims) > 0
			return out
		case token.IF, token.FOR, token.LET:
			out.leaf = false
		case token.LBRACE, token.LBRACK, token.LPAREN:
			depth++
		case token.RBRACE, token.RBRACK, token.RPAREN:
			depth--
		case token.COLON:
			name, plain := labelOf(last, lastLit)
			switch {
			case !plain:
				out.leaf = false // a pattern, or a label that is computed
			case depth == 0 && before != token.COLON:
				inAgents = name == "agents"
				out.leaf = out.leaf && inAgents
			case inAgents && (depth == 0 || depth == 1 && before != token.COLON):
				out.claims = append(out.claims, Claim{Name: name, Place: place(file.Pos(pos.Offset(), 0))})
			}
		}
		if depth < 0 {
			out.leaf = false
		}
		if tok == token.COLON || !isLabel(tok) {
			before = tok
		}
		last, lastLit = tok, lit
	}
}

// isLabel reports whether a token can be a label.
func isLabel(t token.Token) bool { return t == token.IDENT || t == token.STRING || t.IsKeyword() }

// labelOf returns the name of a label that is spelt out and no definition or
// hidden field.
func labelOf(t token.Token, lit string) (string, bool) {
	switch t {
	case token.IDENT:
		return lit, !strings.HasPrefix(lit, "_") && !strings.HasPrefix(lit, "#")
	case token.STRING:
		s, err := strconv.Unquote(lit)
		return s, err == nil
	}
	return "", false
}

// spec finds the line that makes a broken file of data one of ours.
var spec = regexp.MustCompile(`(?m)^[\t ]{0,2}["']?agents["']?\s*:`)

// seeming finds what may be meant for the key of a broken file of ours: in braces,
// further in, or without its colon.
var seeming = regexp.MustCompile(`(?m)(?:^|[{,?])[\t ]*(?:&\S+[\t ]+)?["']?agents["']?[\t ]*(?::|$)`)

// key finds the keys of the first level below agents.
var key = regexp.MustCompile(`^[\t ]+["']?([A-Za-z0-9_.-]+)["']?\s*:`)

// brokenData says what can be said of data that does not parse.
func (f *File) brokenData(data []byte, err error) {
	facts := &f.Facts
	at := spec.FindIndex(data)
	if at == nil && !bytes.Contains(data, []byte(`"agents"`)) {
		// It has the word agents somewhere, and is none of ours, as far as one
		// can see.
		if seeming.Match(data) {
			issue := dataIssue(data, err)
			facts.warn(Issue{
				Place: issue.Place, Code: "unread-agents", Message: "the file is not read, though it seems to declare agents: " + issue.Message,
				Hint: "correct it; if it is no spec, keep it elsewhere",
			})
		}
		return
	}
	facts.Used, facts.Mention = true, MentionYes
	facts.fail(dataIssue(data, err))
	if at != nil {
		facts.Claims = skimData(data[at[1]:])
	}
}

// skimData collects the keys of the first level of what follows agents.
func skimData(data []byte) []Claim {
	var claims []Claim
	indent := -1
	for line := range bytes.Lines(data) {
		m := key.FindSubmatchIndex(line)
		if m == nil {
			continue
		}
		if indent < 0 {
			indent = len(line) - len(bytes.TrimLeft(line, " \t"))
		}
		if len(line)-len(bytes.TrimLeft(line, " \t")) == indent {
			claims = append(claims, Claim{Name: string(line[m[2]:m[3]]), Place: Place{1, 1}})
		}
	}
	return claims
}

// yamlLine finds the line in a message of the YAML parser.
var yamlLine = regexp.MustCompile(`^(?:.*?:|yaml: line )(\d+): (.*)$`)

// dataIssue turns the error of a data parser into an issue.
func dataIssue(data []byte, err error) Issue {
	if errors.Is(err, errDeep) {
		line, _ := strconv.Atoi(yamlLine.FindStringSubmatch(err.Error())[1])
		return tooDeep(Place{line, 1})
	}
	var cueErr cueerrors.Error
	if errors.As(err, &cueErr) && cueErr.Position().IsValid() {
		message := "the JSON cannot be parsed"
		if inner := errors.Unwrap(cueErr); inner != nil {
			message += ": " + inner.Error()
		}
		return Issue{
			Place: place(cueErr.Position()), Code: "syntax-error", Message: message,
			Hint: "JSON has a comma between members and none after the last; write CUE or YAML for comments",
		}
	}
	issue := Issue{Place: Place{1, 1}, Code: "syntax-error", Message: "the YAML cannot be parsed"}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		issue.Place.Line, _ = strconv.Atoi(m[1])
		issue.Place = startOfLine(data, issue.Place.Line)
		issue.Message += ": " + m[2]
	} else if rest, ok := strings.CutPrefix(err.Error(), "yaml: "); ok {
		issue.Message += ": " + rest
	}
	if strings.Contains(issue.Message, "alias") && strings.Contains(issue.Message, "expand") || strings.Contains(issue.Message, "excessive aliasing") {
		issue.Code = "yaml-alias-bomb"
		issue.Message = "the aliases unfold to far more than was written"
		issue.Hint = "write the values out, or use CUE"
		return issue
	}
	if strings.Contains(issue.Message, "contains itself") {
		issue.Hint = "an alias cannot stand in what its anchor names; write out what is meant"
		return issue
	}
	issue.Hint = "indent the members of a mapping equally, with spaces; quote text that holds a colon and a space"
	if line := BrokenLine(data); line > 0 {
		issue.Place = startOfLine(data, line)
	}
	return issue
}

// maxTried bounds the lines of a file of which BrokenLine tries beginnings.
const maxTried = 500

// BrokenLine returns the line after the longest beginning of data that is
// YAML, or 0. The line that the parser names is often where the mapping around
// the mistake begins.
func BrokenLine(data []byte) int {
	lines := bytes.SplitAfter(data, []byte("\n"))
	if len(lines) > maxTried || len(data) > 128*maxTried {
		return 0
	}
	size := len(data)
	for n := len(lines) - 1; n > 0; n-- {
		size -= len(lines[n])
		if isYAML(data[:size]) {
			return n + 1
		}
	}
	return 0
}

// isYAML reports that data is YAML. The parser panics on some text, such as a
// lone carriage return.
func isYAML(data []byte) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	_, err := ExtractYAML("", data)
	return err == nil
}

// startOfLine returns the place of the first character of a line that is no
// space.
func startOfLine(data []byte, line int) Place {
	n := 0
	for l := range bytes.Lines(data) {
		if n++; n == line {
			return Place{line, len(l) - len(bytes.TrimLeft(l, " \t")) + 1}
		}
	}
	return Place{max(n, 1), 1}
}
