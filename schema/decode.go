package schema

import (
	"fmt"
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
func (d *decoder) seconds(v cue.Value) Seconds {
	s := d.text(v)
	t, err := time.ParseDuration(s)
	d.fail(err)
	return Seconds(t / time.Second)
}

// unknown keeps the error of a field that the definitions have and the decoder
// has not.
func (d *decoder) unknown(name string) {
	d.fail(fmt.Errorf("the definitions have a field %q that is not decoded", name))
}

// agent reads an agent.
func (d *decoder) agent(name string, v cue.Value) Agent {
	a := Agent{Name: name}
	d.each(v, func(name string, v cue.Value) {
		switch name {
		case "organization":
			a.Organization = d.text(v)
		case "project":
			a.Project = d.text(v)
		case "kind":
			a.Kind = d.text(v)
		case "labels":
			a.Labels = d.labels(v)
		case "interface":
			a.Interface = d.endpoint(v)
		case "environments":
			d.each(v, func(name string, v cue.Value) {
				a.Environments = append(a.Environments, d.environment(name, v))
			})
		case "suspend":
			a.Suspend = d.suspend(v)
		case "deletion":
			a.Deletion = Deletion(d.text(v))
		default:
			d.unknown(name)
		}
	})
	slices.SortFunc(a.Environments, func(x, y Environment) int { return strings.Compare(x.Name, y.Name) })
	return a
}

// labels reads labels.
func (d *decoder) labels(v cue.Value) map[string]string {
	labels := map[string]string{}
	d.each(v, func(name string, v cue.Value) { labels[name] = d.text(v) })
	return labels
}

// endpoint reads an interface.
func (d *decoder) endpoint(v cue.Value) *Interface {
	i := &Interface{}
	d.each(v, func(name string, v cue.Value) {
		switch name {
		case "context":
			i.Context = d.text(v)
		case "port":
			n, err := v.Int64()
			d.fail(err)
			i.Port = int(n)
		case "basePath":
			i.BasePath = d.text(v)
		case "version":
			i.Version = d.text(v)
		case "operations":
			d.list(v, func(v cue.Value) { i.Operations = append(i.Operations, d.operation(v)) })
		default:
			d.unknown(name)
		}
	})
	return i
}

// operation reads an operation.
func (d *decoder) operation(v cue.Value) Operation {
	var o Operation
	d.each(v, func(name string, v cue.Value) {
		switch name {
		case "method":
			o.Method = d.text(v)
		case "path":
			o.Path = d.text(v)
		default:
			d.unknown(name)
		}
	})
	return o
}

// environment reads an environment.
func (d *decoder) environment(name string, v cue.Value) Environment {
	e := Environment{Name: name}
	d.each(v, func(name string, v cue.Value) {
		switch name {
		case "endpointAuthentication":
			e.Authentication = d.authentication(v)
		case "suspend":
			e.Suspend = d.suspend(v)
		case "deletion":
			e.Deletion = Deletion(d.text(v))
		default:
			d.unknown(name)
		}
	})
	return e
}

// authentication reads how callers authenticate.
func (d *decoder) authentication(v cue.Value) Authentication {
	var a Authentication
	d.each(v, func(name string, v cue.Value) {
		switch name {
		case "scheme":
			a.Scheme = Scheme(d.text(v))
		case "header":
			a.Header = d.text(v)
		case "prefix":
			a.Prefix = d.text(v)
		case "forwardToken":
			a.ForwardToken = d.flag(v)
		case "issuers":
			d.list(v, func(v cue.Value) { a.Issuers = append(a.Issuers, d.text(v)) })
		case "token":
			d.each(v, func(_ string, v cue.Value) { a.Validity = d.seconds(v) })
		case "test":
			test := d.flag(v)
			a.Test = &test
		case "clients":
			d.each(v, func(name string, v cue.Value) { a.Clients = append(a.Clients, d.client(name, v)) })
		default:
			d.unknown(name)
		}
	})
	slices.SortFunc(a.Clients, func(x, y Client) int { return strings.Compare(x.Name, y.Name) })
	return a
}

// client reads a client.
func (d *decoder) client(name string, v cue.Value) Client {
	c := Client{Name: name}
	d.each(v, func(_ string, v cue.Value) {
		r := &Rotation{}
		d.each(v, func(name string, v cue.Value) {
			switch name {
			case "every":
				r.Every = d.seconds(v)
			case "overlap":
				r.Overlap = d.seconds(v)
			default:
				d.unknown(name)
			}
		})
		c.Rotation = r
	})
	return c
}

// suspend reads a suspension.
func (d *decoder) suspend(v cue.Value) *Suspend {
	s := &Suspend{}
	d.each(v, func(name string, v cue.Value) {
		switch name {
		case "reason":
			s.Reason = d.text(v)
		case "until":
			t, err := time.Parse(time.RFC3339Nano, d.text(v))
			d.fail(err)
			s.Until = t
		default:
			d.unknown(name)
		}
	})
	return s
}
