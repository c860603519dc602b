package page

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatewright/gatewright/reconciler/edit"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// The kinds of changes that forms ask for.
const (
	kindAuthentication = "authentication"
	kindAddClient      = "add-client"
	kindRemoveClient   = "remove-client"
)

// authentication is the form for endpoint authentication, as it was typed.
type authentication struct {
	Scheme       schema.Scheme
	Header       string
	Prefix       string
	ForwardToken bool
	Issuers      string
	Validity     string
	// Test is yes, no or empty for the default of the environment.
	Test string
}

// formOf fills the form with what a spec says. For a binding that has no OAuth
// it has what people usually want.
func formOf(a *schema.Authentication) authentication {
	usual := edit.OAuth2()
	f := authentication{Header: usual.Header, Prefix: usual.Prefix, ForwardToken: usual.ForwardToken}
	if a == nil {
		return f
	}
	f.Scheme = a.Scheme
	if a.Scheme != schema.SchemeOAuth2 {
		return f
	}
	f.Header, f.Prefix, f.ForwardToken = a.Header, a.Prefix, a.ForwardToken
	f.Issuers = strings.Join(a.Issuers, ", ")
	if a.Validity != 0 {
		f.Validity = a.Validity.String()
	}
	switch a.Test {
	case schema.Yes:
		f.Test = "yes"
	case schema.No:
		f.Test = "no"
	case schema.Unsaid:
	}
	return f
}

// readAuthentication reads the form.
func readAuthentication(v url.Values) authentication {
	return authentication{
		Scheme: schema.Scheme(v.Get("scheme")), Header: strings.TrimSpace(v.Get("header")), Prefix: strings.TrimSpace(v.Get("prefix")),
		ForwardToken: v.Get("forwardToken") != "", Issuers: strings.TrimSpace(v.Get("issuers")),
		Validity: strings.TrimSpace(v.Get("validity")), Test: v.Get("test"),
	}
}

// value is what the form asks for. What the schema of specs constrains is left
// to it: its diagnostics say more.
func (f authentication) value(was *schema.Authentication) (schema.Authentication, error) {
	out := schema.Authentication{Scheme: f.Scheme}
	if f.Scheme != schema.SchemeOAuth2 {
		return out, nil
	}
	if was != nil && was.Scheme == schema.SchemeOAuth2 {
		out = *was // what the form does not show stays
	}
	out.Header, out.Prefix, out.ForwardToken = f.Header, f.Prefix, f.ForwardToken
	out.Issuers = strings.FieldsFunc(f.Issuers, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' || r == '\r' })
	out.Validity = 0
	if f.Validity != "" {
		d, err := time.ParseDuration(f.Validity)
		if err != nil || d%time.Second != 0 || d <= 0 {
			return out, wrong("the token validity is %q", f.Validity, "write it in whole seconds, minutes or hours, such as 15m")
		}
		out.Validity = schema.Seconds(d / time.Second)
	}
	out.Test = map[string]schema.Choice{"yes": schema.Yes, "no": schema.No}[f.Test]
	return out, nil
}

// editsOf are the edits of the spec that a form asks for.
func editsOf(a agentPage, v url.Values) ([]edit.Edit, error) {
	environment, name := a.Of().Environment, strings.TrimSpace(v.Get("client"))
	switch v.Get("kind") {
	case kindAuthentication:
		to, err := a.Form.value(a.Authentication)
		if err != nil {
			return nil, err
		}
		return edit.Scheme(environment, a.Authentication, to), nil
	case kindAddClient:
		if !resource.ValidName(name) || slices.Contains([]string{resource.ClientOwn, resource.ClientTest}, name) {
			return nil, wrong("a client cannot be called %q", name,
				"a name has lower-case letters, digits and '-', begins with a letter, and is neither own nor test")
		}
		c := schema.Client{Name: name}
		if v.Get("authMethod") == string(schema.AuthPrivateKey) {
			c.AuthMethod = schema.AuthPrivateKey
		}
		return []edit.Edit{edit.AddClient(environment, c)}, nil
	case kindRemoveClient:
		return []edit.Edit{edit.RemoveClient(environment, name)}, nil
	default:
		return nil, wrong("%q is no change that this page knows", v.Get("kind"), "reload the page")
	}
}

// fieldsOf are the fields of a form as hidden ones, for the same change again.
func fieldsOf(v url.Values, base string) []field {
	out := []field{{"base", base}}
	for _, name := range []string{
		"kind", "scheme", "header", "prefix", "forwardToken", "issuers", "validity", "test", "client", "authMethod",
	} {
		if v.Has(name) {
			out = append(out, field{name, v.Get(name)})
		}
	}
	return out
}

// wrong says what somebody typed that cannot be.
func wrong(format, typed, hint string) error {
	f := fault.New(fault.Stalled, "BadForm", format, typed)
	f.Hint = hint
	return f
}

// unreadable says that a form did not come whole.
func unreadable(err error) error {
	f := fault.New(fault.Stalled, "BadForm", "the form could not be read: %w", err)
	f.Hint = "reload the page"
	return fmt.Errorf("read form: %w", f)
}
