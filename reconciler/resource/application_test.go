package resource_test

import (
	"slices"
	"testing"

	"github.com/gatewright/gatewright/reconciler/resource"
)

func TestApplicationsOfAClient(t *testing.T) {
	t.Parallel()
	b := resource.Binding{Organization: "acme", Project: "travel", Agent: "booking", Environment: "production"}
	tests := map[string]string{
		"own": "acme_travel_booking_production", "own_b": "acme_travel_booking_production__b",
		"mobile": "acme_travel_booking_production_mobile", "mobile_b": "acme_travel_booking_production_mobile_b",
		"b": "acme_travel_booking_production_b", "b_b": "acme_travel_booking_production_b_b",
	}
	for name, want := range tests {
		if got := b.ClientID(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
		back, client, err := resource.ParseClientID(want)
		if err != nil || back != b || client != name {
			t.Errorf("%s: parsed as %v %s, %v", want, back, client, err)
		}
		if resource.Spare(resource.Spare(name)) != name || resource.Consumer(resource.Spare(name)) != resource.Consumer(name) {
			t.Errorf("%s: the other one of its other one is %s", name, resource.Spare(resource.Spare(name)))
		}
	}
	for _, bad := range []string{"a_b_c", "a_b_c_d_own", "a_b_c_d_", "a_b_c_d_x_c", "a_b_c_d_own_b", "a_b_c_d_x_b_b", "A_b_c_d__b"} {
		if got, client, err := resource.ParseClientID(bad); err == nil {
			t.Errorf("%s: got %v %s, want an error", bad, got, client)
		}
	}
}

func TestOrderOfAClientsResources(t *testing.T) {
	t.Parallel()
	of := func(kind resource.Kind, name string) resource.ID { return resource.ID{Kind: kind, Name: name} }
	want := []resource.ID{
		of(resource.KindCredential, "own"), of(resource.KindClient, "own"), of(resource.KindClient, "own_b"),
		of(resource.KindCredential, "a"), of(resource.KindClient, "a"), of(resource.KindClient, "a_b"),
		of(resource.KindCredential, "z"), of(resource.KindClient, "z_b"), of(resource.KindEndpoint, ""),
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, resource.ID.Compare)
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
