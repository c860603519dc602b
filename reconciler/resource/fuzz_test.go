package resource_test

import (
	"testing"

	"github.com/gatewright/gatewright/reconciler/resource"
)

// FuzzClientID: a client id that can be read is the one that is derived from
// what was read, so that no two clients share one.
func FuzzClientID(f *testing.F) {
	for _, s := range []string{"acme_travel_booking_production", "acme_travel_booking_production_mobile-app", "a_b_c_d__b", "a_b_c_d_e_b", "a_b_c_d_own", "_", "", "a_b_c_d_e_f_g", "ä_b_c_d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, id string) {
		b, client, err := resource.ParseClientID(id)
		if err != nil {
			return
		}
		if got := b.ClientID(client); got != id {
			t.Errorf("%q reads as %s %s, whose id is %q", id, b, client, got)
		}
		for i := range len(id) {
			if c := id[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				t.Errorf("%q holds a character that no client id of ours has", id)
			}
		}
	})
}

// FuzzDeriveClientID: from any four names and a client comes an id that is read
// back as them.
func FuzzDeriveClientID(f *testing.F) {
	f.Add("acme", "travel", "booking", "production", "mobile-app", false)
	f.Add("a", "b", "c", "d", "own", true)
	f.Add("a-b", "0", "c--d", "e", "test", true)
	f.Fuzz(func(t *testing.T, organization, project, agent, environment, client string, second bool) {
		for _, name := range []string{organization, project, agent, environment, client} {
			if !resource.ValidName(name) {
				return
			}
		}
		b := resource.Binding{Organization: organization, Project: project, Agent: agent, Environment: environment}
		if second {
			client = resource.Spare(client)
		}
		got, name, err := resource.ParseClientID(b.ClientID(client))
		if err != nil || got != b || name != client {
			t.Errorf("%s %s has the id %q, which reads as %s %s, %v", b, client, b.ClientID(client), got, name, err)
		}
	})
}

// FuzzNames reads what people name bindings and parts of the whole by.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"acme/travel/booking@production", "acme", "acme/travel", "@production", "*", "", "a//b@c", "a/b/c/d", "@", "/@x", "acme@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if b, err := resource.ParseBinding(s); err == nil && b.String() != s {
			t.Errorf("%q reads as the binding %s", s, b)
		}
		if sel, err := resource.ParseSelector(s); err == nil && sel.String() != s {
			t.Errorf("%q reads as the selector %s", s, sel)
		}
	})
}
