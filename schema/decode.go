package schema

import (
	"slices"
	"strings"
	"time"

	"cuelang.org/go/cue"
)

// decoder reads agents from values that satisfy the definitions. A value that
// does not is a fault of this package, kept in err.
type decoder struct {
	err error
}

// fail keeps the first error.
func (d *decoder) fail(err error) {
	if d.err == nil && err != nil {
		d.err = err
	}
}

// each calls f with the fields of a struct.
func (d *decoder) each(v cue.Value, f func(name string, v cue.Value)) {
	it, err := v.Fields()
	if err != nil {
		d.fail(err)
		return
	}
	for it.Next() {
		f(it.Selector().Unquoted(), it.Value())
	}
}

// list calls f with the elements of a list.
func (d *decoder) list(v cue.Value, f func(v cue.Value)) {
	it, err := v.List()
	if err != nil {
		d.fail(err)
		return
	}
	for it.Next() {
		f(it.Value())
	}
}

// text reads a string.
func (d *decoder) text(v cue.Value) string {
	s, err := v.String()
	d.fail(err)
	return s
}

// flag reads a boolean.
func (d *decoder) flag(v cue.Value) bool {
	b, err := v.Bool()
	d.fail(err)
	return b
}

// seconds reads a duration.
func (d *decoder) seconds(v cue.Value, name string) Seconds {
	t, err := time.ParseDuration(d.string(v, name))
	d.fail(err)
	return Seconds(t / time.Second)
}

// field returns a field by name. It spares listing the fields of a struct,
// which CUE sorts by how they were declared: a quarter of all that loading
// takes. That no field goes unread is for the definitions, which are closed,
// and for a test, which decodes every one of them.
func (d *decoder) field(v cue.Value, name string) (cue.Value, bool) {
	f := v.LookupPath(fieldPaths[name])
	return f, f.Exists()
}

// fieldPaths are the paths of the fields of the definitions.
var fieldPaths = func() map[string]cue.Path {
	paths := map[string]cue.Path{}
	for _, names := range members {
		for _, name := range names {
			paths[name] = cue.MakePath(cue.Str(name))
		}
	}
	return paths
}()

// string reads a field that may be absent.
func (d *decoder) string(v cue.Value, name string) string {
	f, ok := d.field(v, name)
	if !ok {
		return ""
	}
	return d.text(f)
}

// agent reads an agent.
func (d *decoder) agent(name string, v cue.Value) Agent {
	a := Agent{
		Name: name, Organization: d.string(v, "organization"), Project: d.string(v, "project"), Kind: d.string(v, "kind"),
		Suspend: d.suspend(v), Deletion: Deletion(d.string(v, "deletion")), Drift: Drift(d.string(v, "drift")),
	}
	if f, ok := d.field(v, "labels"); ok {
		a.Labels = map[string]string{}
		d.each(f, func(name string, v cue.Value) { a.Labels[name] = d.text(v) })
	}
	if f, ok := d.field(v, "interface"); ok {
		a.Interface = d.endpoint(f)
	}
	if f, ok := d.field(v, "environments"); ok {
		d.each(f, func(name string, v cue.Value) { a.Environments = append(a.Environments, d.environment(name, v)) })
	}
	slices.SortFunc(a.Environments, func(x, y Environment) int { return strings.Compare(x.Name, y.Name) })
	return a
}

// endpoint reads an interface.
func (d *decoder) endpoint(v cue.Value) *Interface {
	i := &Interface{Context: d.string(v, "context"), BasePath: d.string(v, "basePath"), Version: d.string(v, "version")}
	if f, ok := d.field(v, "port"); ok {
		n, err := f.Int64()
		d.fail(err)
		i.Port = int(n)
	}
	if f, ok := d.field(v, "operations"); ok {
		d.list(f, func(v cue.Value) {
			i.Operations = append(i.Operations, Operation{Method: d.string(v, "method"), Path: d.string(v, "path")})
		})
	}
	return i
}

// environment reads an environment.
func (d *decoder) environment(name string, v cue.Value) Environment {
	e := Environment{
		Name: name, Suspend: d.suspend(v), Deletion: Deletion(d.string(v, "deletion")), Drift: Drift(d.string(v, "drift")),
	}
	if f, ok := d.field(v, "adopt"); ok {
		d.list(f, func(v cue.Value) { e.Adopt = append(e.Adopt, Adoptable(d.text(v))) })
	}
	if f, ok := d.field(v, "endpointAuthentication"); ok {
		e.Authentication = d.authentication(f)
	}
	return e
}

// authentication reads how callers authenticate.
func (d *decoder) authentication(v cue.Value) Authentication {
	a := Authentication{Scheme: Scheme(d.string(v, "scheme"))}
	if a.Scheme != SchemeOAuth2 {
		return a // nothing else belongs to it
	}
	a.Header, a.Prefix = d.string(v, "header"), d.string(v, "prefix")
	if f, ok := d.field(v, "forwardToken"); ok {
		a.ForwardToken = d.flag(f)
	}
	if f, ok := d.field(v, "issuers"); ok {
		d.list(f, func(v cue.Value) { a.Issuers = append(a.Issuers, d.text(v)) })
	}
	if f, ok := d.field(v, "token"); ok {
		a.Validity = d.seconds(f, "validity")
	}
	if f, ok := d.field(v, "test"); ok {
		a.Test = choiceOf(d.flag(f))
	}
	a.Rotation = d.rotation(v)
	if f, ok := d.field(v, "clients"); ok {
		d.each(f, func(name string, v cue.Value) { a.Clients = append(a.Clients, d.client(name, v)) })
	}
	slices.SortFunc(a.Clients, func(x, y Client) int { return strings.Compare(x.Name, y.Name) })
	return a
}

// client reads a client.
func (d *decoder) client(name string, v cue.Value) Client {
	c := Client{Name: name, Rotation: d.rotation(v)}
	if f, ok := d.field(v, "authMethod"); ok {
		if m := d.text(f); m != secretBasic {
			c.AuthMethod = AuthMethod(m)
		}
	}
	return c
}

// rotation reads how often secrets are replaced; nil if v does not say.
func (d *decoder) rotation(v cue.Value) *Rotation {
	f, ok := d.field(v, "rotation")
	if !ok {
		return nil
	}
	return &Rotation{Every: d.seconds(f, "every"), Overlap: d.seconds(f, "overlap")}
}

// suspend reads a suspension.
func (d *decoder) suspend(v cue.Value) *Suspend {
	f, ok := d.field(v, "suspend")
	if !ok {
		return nil
	}
	t, err := time.Parse(time.RFC3339Nano, d.string(f, "until"))
	d.fail(err)
	return &Suspend{Reason: d.string(f, "reason"), Until: t}
}
