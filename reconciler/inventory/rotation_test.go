package inventory_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

func TestRotations(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := open(t, dsn)
		now := time.Now().UTC().Truncate(time.Microsecond)
		hour := schema.Seconds(3600)
		booking := resource.Binding{Organization: "acme", Project: "travel", Agent: "booking", Environment: "production"}
		first := inventory.Rotation{Binding: booking, Client: "own", Reason: "it leaked", Author: "ada", At: now}
		second := inventory.Rotation{Binding: booking, Client: "own", Overlap: &hour, Cut: true, Reason: "again", Author: "grace", At: now.Add(time.Second)}
		other := inventory.Rotation{Binding: booking, Client: "mobile", Reason: "a change of hands", Author: "ada", At: now}
		for _, r := range []inventory.Rotation{first, other, second} {
			if err := s.AskRotation(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		pending := func(want ...inventory.Rotation) {
			t.Helper()
			got, err := s.Rotations(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		}
		pending(other, second)
		for _, r := range []inventory.Rotation{first, other} {
			if err := s.EndRotation(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		pending(second) // it is newer than the one that was carried out
		events, err := s.Events(t.Context(), inventory.EventFilter{})
		if err != nil || len(events) != 3 || events[0].Action != "rotate" || events[0].Actor != "grace" || events[0].Message != "client own: again" {
			t.Errorf("events %+v, %v", events, err)
		}
	})
}
