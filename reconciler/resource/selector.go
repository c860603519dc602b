package resource

import (
	"fmt"
	"strings"
)

// Selector selects bindings by its names that are set: a project only with its
// organization, an agent only with its project. The zero value selects all.
//
//	acme                             an organization, in every environment
//	acme/travel                      a project
//	acme/travel/booking              an agent
//	acme/travel/booking@production   one binding
//	@production                      an environment, its key managers included
//	*                                everything
type Selector Binding

// everything is the text of the zero Selector.
const everything = "*"

// ParseSelector reads the form that String prints.
func ParseSelector(s string) (Selector, error) {
	if s == everything {
		return Selector{}, nil
	}
	wrong := fmt.Errorf("%q is not of the form organization/project/agent@environment, or as much of it as is meant", s)
	agent, env, at := strings.Cut(s, "@")
	if at && !ValidName(env) || agent == "" && !at {
		return Selector{}, wrong
	}
	out := Selector{Environment: env}
	if agent == "" {
		return out, nil
	}
	parts := strings.Split(agent, "/")
	if len(parts) > 3 {
		return Selector{}, wrong
	}
	for i, into := range []*string{&out.Organization, &out.Project, &out.Agent}[:len(parts)] {
		if !ValidName(parts[i]) {
			return Selector{}, wrong
		}
		*into = parts[i]
	}
	return out, nil
}

// String prints s as in the table above.
func (s Selector) String() string {
	var parts []string
	for _, p := range []string{s.Organization, s.Project, s.Agent} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	out := strings.Join(parts, "/")
	if s.Environment != "" {
		out += "@" + s.Environment
	}
	if out == "" {
		return everything
	}
	return out
}

// Has reports whether s selects b. A binding that names an environment alone
// stands for what belongs to the environment: only a selector of that
// environment, or of all, selects it.
func (s Selector) Has(b Binding) bool {
	for _, part := range [][2]string{
		{s.Organization, b.Organization}, {s.Project, b.Project}, {s.Agent, b.Agent}, {s.Environment, b.Environment},
	} {
		if part[0] != "" && part[0] != part[1] {
			return false
		}
	}
	return true
}

// MarshalText implements encoding.TextMarshaler.
func (s Selector) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Selector) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSelector(string(text))
	return err
}
