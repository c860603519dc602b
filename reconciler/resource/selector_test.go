package resource_test

import (
	"testing"

	"github.com/gatewright/gatewright/reconciler/resource"
)

func TestSelector(t *testing.T) {
	t.Parallel()
	booking := resource.Binding{Organization: "acme", Project: "travel", Agent: "booking", Environment: "production"}
	environment := resource.Binding{Environment: "production"}
	for text, tc := range map[string]struct {
		want                resource.Selector
		booking, keyManager bool
	}{
		"*":                              {resource.Selector{}, true, true},
		"acme":                           {resource.Selector{Organization: "acme"}, true, false},
		"acme/travel":                    {resource.Selector{Organization: "acme", Project: "travel"}, true, false},
		"acme/travel/booking":            {resource.Selector{Organization: "acme", Project: "travel", Agent: "booking"}, true, false},
		"acme/travel/booking@production": {resource.Selector(booking), true, false},
		"acme@production":                {resource.Selector{Organization: "acme", Environment: "production"}, true, false},
		"@production":                    {resource.Selector{Environment: "production"}, true, true},
		"@staging":                       {resource.Selector{Environment: "staging"}, false, false},
		"acme/travels":                   {resource.Selector{Organization: "acme", Project: "travels"}, false, false},
		"acme/travel/booking@staging": {
			resource.Selector{Organization: "acme", Project: "travel", Agent: "booking", Environment: "staging"}, false, false,
		},
	} {
		got, err := resource.ParseSelector(text)
		if err != nil || got != tc.want || got.String() != text {
			t.Errorf("%s: got %+v, %s, %v", text, got, got, err)
		}
		if got.Has(booking) != tc.booking || got.Has(environment) != tc.keyManager {
			t.Errorf("%s: has booking %v, the environment %v", text, got.Has(booking), got.Has(environment))
		}
	}
	for _, text := range []string{"", "@", "/", "acme/", "/travel", "acme//booking", "a/b/c/d", "acme@", "Acme", "a/b/c@d@e", "acme/tra_vel", "acme@*"} {
		if got, err := resource.ParseSelector(text); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}
