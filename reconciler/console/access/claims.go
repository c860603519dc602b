package access

import (
	"errors"
	"slices"
	"strings"
	"unicode"
)

// Claims are what an issuer says of somebody (RFC 7519 §4).
type Claims map[string]any

// Any is the value of a rule that is met by whatever the claim says.
const Any = "*"

// Rule grants a role to whoever has a value in a claim.
//
//	claim in the token          value that is compared
//	"groups": ["a", "b c"]      each of "a" and "b c"
//	"department": "b c"         "b c" as a whole
//	"scope": "a b"              each of "a" and "b" (RFC 8693 §4.2)
//	"email": "ann@example.com"  only with email_verified: anybody can type one
//	anything else               none
type Rule struct {
	// Claim is the name of a claim, or a path such as realm_access.roles where
	// none is called so.
	Claim string
	// Value is the value to have, or Any.
	Value string
	Grant Grant
}

// Grants are what rules give to whoever has the claims c.
func (c Claims) Grants(rules []Rule) []Grant {
	var out []Grant
	for _, r := range rules {
		values := c.values(r.Claim)
		met := slices.Contains(values, r.Value) || r.Value == Any && len(values) > 0
		if met && r.Value != "" && !slices.Contains(out, r.Grant) {
			out = append(out, r.Grant)
		}
	}
	return out
}

// values are the texts that a claim holds.
func (c Claims) values(name string) []string {
	if name == claimEmail && !c.emailVerified() {
		return nil
	}
	switch v := c.at(name).(type) {
	case string:
		switch {
		case v == "":
			return nil
		case name == "scope":
			return strings.Fields(v)
		default:
			return []string{v}
		}
	case []any:
		var out []string
		for _, e := range v {
			if s, ok := e.(string); ok && s != "" {
				out = append(out, s)
			}
		}
		return out
	default:
		return nil
	}
}

// at is the value of the claim called name, or at that path.
func (c Claims) at(name string) any {
	if v, ok := c[name]; ok {
		return v
	}
	var v any = map[string]any(c)
	for part := range strings.SplitSeq(name, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[part]
	}
	return v
}

// The claims of OpenID Connect that are read by name (Core 1.0 §5.1).
const (
	claimSubject = "sub"
	claimEmail   = "email"
	claimUser    = "preferred_username"
)

// emailVerified reports whether the issuer has made sure of the address. Some
// send the word as text.
func (c Claims) emailVerified() bool {
	v := c["email_verified"]
	return v == true || v == "true"
}

// Principal is whoever has the claims c. Their subject is the claim called
// subject; by default it is their e-mail address if the issuer has verified it,
// their user name, or sub.
func (c Claims) Principal(subject string, rules []Rule) (Principal, error) {
	names := []string{subject}
	if subject == "" {
		names = []string{claimEmail, claimUser, claimSubject}
	}
	p := Principal{Name: c.line("name"), Grants: c.Grants(rules)}
	if c.emailVerified() {
		p.Email = c.line(claimEmail)
	}
	for _, name := range names {
		if p.Subject = c.line(name); p.Subject != "" {
			break
		}
	}
	if p.Subject == "" {
		return Principal{}, errors.New("the token does not say who it is about: it has no claim " + strings.Join(names, ", "))
	}
	if p.Name == "" {
		p.Name = p.Subject
	}
	return p, nil
}

// maxLine is the longest name that is kept.
const maxLine = 200

// line is a claim as a name that fits into one line of an audit and between the
// brackets of a commit's author; it is empty if there is none.
func (c Claims) line(name string) string {
	values := c.values(name)
	if len(values) != 1 {
		return ""
	}
	return plainLine(values[0])
}

// plainLine takes out of s what could not stand in one line.
func plainLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '<' || r == '>' || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > maxLine {
		s = string(r[:maxLine])
	}
	return strings.TrimSpace(s)
}
