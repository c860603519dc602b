package edit

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/schema"
)

// The defaults of the schema, which a spec need not write.
const (
	defaultHeader = "Authorization"
	defaultPrefix = "Bearer"
)

// OAuth2 is an authentication by tokens of these issuers, with the defaults of
// the schema filled in.
func OAuth2(issuers ...string) schema.Authentication {
	return schema.Authentication{
		Scheme: schema.SchemeOAuth2, Header: defaultHeader, Prefix: defaultPrefix, ForwardToken: true, Issuers: issuers,
	}
}

// Scheme lists the edits that lead an environment from one authentication to
// another: what differs and no more. Both are as the schema evaluates them, with
// its defaults filled in; from is nil if the environment is new. What belongs to
// oauth2 alone goes when another scheme comes.
func Scheme(environment string, from *schema.Authentication, to schema.Authentication) []Edit {
	a := authentication{environment: environment}
	if from == nil || from.Scheme != to.Scheme {
		a.set(string(to.Scheme), "scheme")
	}
	before := OAuth2()
	if from != nil && from.Scheme == schema.SchemeOAuth2 {
		before = *from
	}
	if to.Scheme != schema.SchemeOAuth2 {
		if from != nil && from.Scheme == schema.SchemeOAuth2 {
			for _, field := range []string{"header", "prefix", "forwardToken", "issuers", "token", "test", "rotation", "clients"} {
				a.remove(field)
			}
		}
		return a.edits
	}
	to.Header = cmp.Or(to.Header, defaultHeader)
	a.choose(before.Header != to.Header, to.Header == defaultHeader, to.Header, "header")
	a.choose(before.Prefix != to.Prefix, to.Prefix == defaultPrefix, to.Prefix, "prefix")
	a.choose(before.ForwardToken != to.ForwardToken, to.ForwardToken, to.ForwardToken, "forwardToken")
	a.choose(!slices.Equal(before.Issuers, to.Issuers), len(to.Issuers) == 0, to.Issuers, "issuers")
	a.choose(before.Validity != to.Validity, to.Validity == 0, duration(to.Validity), "token", "validity")
	a.choose(before.Test != to.Test, to.Test == schema.Unsaid, to.Test == schema.Yes, "test")
	a.choose(!sameRotation(before.Rotation, to.Rotation), to.Rotation == nil, rotation(to.Rotation), "rotation")
	a.clients(before.Clients, to.Clients)
	return a.edits
}

// AddClient is the edit that adds a client to an environment, or gives it other
// settings.
func AddClient(environment string, c schema.Client) Edit {
	settings := map[string]any{}
	if c.AuthMethod != schema.AuthSecretBasic {
		settings["authMethod"] = string(c.AuthMethod)
	}
	if c.Rotation != nil {
		settings["rotation"] = rotation(c.Rotation)
	}
	return Edit{Path: below(environment, "clients", c.Name), Value: settings}
}

// RemoveClient is the edit that takes a client away.
func RemoveClient(environment, name string) Edit {
	return Edit{Path: below(environment, "clients", name), Remove: true}
}

// authentication collects edits of one.
type authentication struct {
	environment string
	edits       []Edit
}

func (a *authentication) set(value any, path ...string) {
	a.edits = append(a.edits, Edit{Path: below(a.environment, path...), Value: value})
}

func (a *authentication) remove(path ...string) {
	a.edits = append(a.edits, Edit{Path: below(a.environment, path...), Remove: true})
}

// choose sets a field that differs, or removes it if it says what holds anyway.
func (a *authentication) choose(differs, anyway bool, value any, path ...string) {
	switch {
	case !differs:
	case anyway:
		a.remove(path...)
	default:
		a.set(value, path...)
	}
}

// clients lists the edits from some clients to others.
func (a *authentication) clients(from, to []schema.Client) {
	named := func(list []schema.Client, name string) int {
		return slices.IndexFunc(list, func(c schema.Client) bool { return c.Name == name })
	}
	for _, c := range from {
		if named(to, c.Name) < 0 {
			a.edits = append(a.edits, RemoveClient(a.environment, c.Name))
		}
	}
	for _, c := range to {
		i := named(from, c.Name)
		if i < 0 || from[i].AuthMethod != c.AuthMethod || !sameRotation(from[i].Rotation, c.Rotation) {
			a.edits = append(a.edits, AddClient(a.environment, c))
		}
	}
}

// below is the path of a field of an environment's authentication.
func below(environment string, path ...string) []string {
	return append([]string{"environments", environment, "endpointAuthentication"}, path...)
}

func sameRotation(a, b *schema.Rotation) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// rotation is one as a spec writes it.
func rotation(r *schema.Rotation) map[string]any {
	if r == nil {
		return nil
	}
	return map[string]any{"every": duration(r.Every), "overlap": duration(r.Overlap)}
}

// duration is one as a spec writes it, without the units that are zero: 15m.
func duration(s schema.Seconds) string {
	out := s.String()
	for _, unit := range []struct{ after, zero string }{{"m", "0s"}, {"h", "0m"}} {
		if cut, ok := strings.CutSuffix(out, unit.after+unit.zero); ok {
			out = cut + unit.after
		}
	}
	return out
}
