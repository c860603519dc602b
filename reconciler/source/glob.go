package source

import (
	"regexp"
	"strings"
)

// compileGlob translates a pattern of .gitignore (git help gitignore) to a
// regular expression over whole strings of bytes, each byte being one rune:
// git's ? stands for a byte. It returns nil for a pattern that git lets match
// nothing, as one with an open bracket.
//
//   - anything but a slash        **/ in front   any directories, or none
//     ?          one byte, no slash          /**/           any directories, or none
//     [a-z] [!a] one of, none of             /** at the end everything inside
//     \x         x itself                    other **       as *
func compileGlob(pattern string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i := 0; i < len(pattern); {
		n := 1
		switch c := pattern[i]; c {
		case '*':
			n = stars(&b, pattern, i)
		case '?':
			b.WriteString(`[^/]`)
		case '[':
			class, length := bracket(pattern[i:])
			if length == 0 {
				return nil
			}
			b.WriteString(class)
			n = length
		case '\\':
			if i+1 == len(pattern) {
				return nil
			}
			b.WriteString(quoteByte(pattern[i+1]))
			n = 2
		default:
			b.WriteString(quoteByte(c))
		}
		i += n
	}
	b.WriteString(`\z`)
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil // a class without members, as [b-a]
	}
	return re
}

// stars translates the run of * at i, and returns how long it was, with the
// slash behind **/.
func stars(b *strings.Builder, pattern string, i int) int {
	n := len(pattern[i:]) - len(strings.TrimLeft(pattern[i:], "*"))
	bounded := n > 1 && (i == 0 || pattern[i-1] == '/')
	rest := pattern[i+n:]
	switch {
	case bounded && rest == "":
		b.WriteString(`.*`)
	case bounded && rest[0] == '/':
		b.WriteString(`(?:.*/)?`)
		n++
	default:
		b.WriteString(`[^/]*`)
	}
	return n
}

var posix = map[string]string{
	"alnum": `0-9A-Za-z`, "alpha": `A-Za-z`, "blank": ` \t`, "cntrl": `\x00-\x1f\x7f`, "digit": `0-9`,
	"graph": `!-~`, "lower": `a-z`, "print": ` -~`, "punct": `!-/:-@\[-` + "`" + `{-~`,
	"space": ` \t\n\r\f\v`, "upper": `A-Z`, "xdigit": `0-9A-Fa-f`,
}

// bracket translates the bracket expression that pattern begins with, and
// returns its length; zero if it never ends or names no class.
func bracket(pattern string) (class string, length int) {
	i, negated := 1, false
	if i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^') {
		negated = true
		i++
	}
	var members strings.Builder
	for first := true; ; first = false {
		if i >= len(pattern) {
			return "", 0
		}
		if pattern[i] == ']' && !first {
			break
		}
		if name, ok := className(pattern[i:]); ok {
			set, known := posix[name]
			if !known {
				return "", 0
			}
			members.WriteString(set)
			i += len(name) + len("[::]")
			continue
		}
		low, n := member(pattern[i:])
		if n == 0 {
			return "", 0
		}
		i += n
		high := low
		if i+1 < len(pattern) && pattern[i] == '-' && pattern[i+1] != ']' {
			if high, n = member(pattern[i+1:]); n == 0 {
				return "", 0
			}
			i += 1 + n
		}
		// git takes the start of a range for a member before it sees that a range
		// follows, so one that runs backwards still matches its start.
		members.WriteString(quoteByte(low) + "-" + quoteByte(max(low, high)))
	}
	return classOf(members.String(), negated), i + 1
}

// classOf keeps the slash out of a class: no bracket matches it in a path.
func classOf(members string, negated bool) string {
	switch {
	case negated:
		return `[^/` + members + `]`
	case members == "":
		return `[^\x00-\x{10FFFF}]`
	default:
		// A class that holds the slash must not match it, and RE2 has no
		// subtraction: name the bytes one by one.
		re := regexp.MustCompile(`\A[` + members + `]\z`)
		var b strings.Builder
		for c := range 256 {
			if c != '/' && re.MatchString(string(rune(c))) {
				b.WriteString(quoteByte(byte(c)))
			}
		}
		if b.Len() == 0 {
			return `[^\x00-\x{10FFFF}]`
		}
		return "[" + b.String() + "]"
	}
}

func className(s string) (string, bool) {
	if !strings.HasPrefix(s, "[:") {
		return "", false
	}
	name, _, ok := strings.Cut(s[2:], ":]")
	return name, ok && !strings.Contains(name, "]")
}

// member reads one byte of a bracket expression, through its backslash.
func member(s string) (byte, int) {
	switch {
	case s == "":
		return 0, 0
	case s[0] != '\\':
		return s[0], 1
	case len(s) == 1:
		return 0, 0
	}
	return s[1], 2
}

// quoteByte writes one byte as a rune that is nothing special anywhere in an
// expression.
func quoteByte(c byte) string {
	const digits = "0123456789abcdef"
	return `\x` + string([]byte{digits[c>>4], digits[c&15]})
}

// asBytes makes each byte of s a rune.
func asBytes(s string) string {
	for i := range len(s) {
		if s[i] >= 0x80 {
			runes := make([]rune, len(s))
			for j := range len(s) {
				runes[j] = rune(s[j])
			}
			return string(runes)
		}
	}
	return s
}
