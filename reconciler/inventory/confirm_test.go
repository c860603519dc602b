package inventory_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/reconciler/inventory"
)

func TestConfirmation(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := open(t, dsn)
		if _, ok, err := s.Confirmation(t.Context()); ok || err != nil {
			t.Fatalf("a new database holds a confirmation: %v", err)
		}
		before, err := s.LastOrder(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var want inventory.Confirmation
		for _, revision := range []string{"r1", "r2"} {
			want = inventory.Confirmation{Revision: revision, Author: "ada", At: time.Now().UTC().Truncate(time.Microsecond)}
			if err := s.Confirm(t.Context(), want); err != nil {
				t.Fatal(err)
			}
		}
		got, ok, err := s.Confirmation(t.Context())
		if diff := cmp.Diff(want, got); diff != "" || !ok || err != nil {
			t.Errorf("Confirmation (-want +got): %v, %v\n%s", ok, err, diff)
		}
		if after, err := s.LastOrder(t.Context()); err != nil || after <= before {
			t.Errorf("a confirmation is no order: %d, then %d, %v", before, after, err)
		}
		events, err := s.Events(t.Context(), inventory.EventFilter{Action: inventory.ActionConfirm})
		if err != nil || len(events) != 2 || events[0].Revision != "r2" || events[0].Actor != "ada" {
			t.Errorf("events: %+v, %v", events, err)
		}
	})
}
