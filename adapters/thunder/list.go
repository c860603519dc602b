package thunder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// listed is an application as the list shows it: without metadata.
type listed struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	ClientID    string `json:"clientId"`
}

// observed renders an application that is in the way of a resource.
func (l listed) observed(id resource.ID) resource.Observed {
	return resource.Observed{
		ID: id, Found: true, Owner: resource.OwnerOther, OwnerName: l.owner(),
		State: resource.State{Client: &resource.Client{ClientID: l.ClientID, ApplicationID: l.ID}},
	}
}

func (l listed) owner() string {
	return fmt.Sprintf("application %q (id %s)", clip(l.Name), clip(l.ID))
}

// list returns all applications, or a fault where the server cannot list them.
//
//	list, read of one, list again     | fault
//	----------------------------------+------------------------------------
//	400 APP-1029                      | stalled: they are too many
//	500 SSE-5000, any, none           | transient: what it reads from fails
//	500 SSE-5000, answered, 500       | stalled: it is the list that fails
func (t *Target) list(ctx context.Context) ([]listed, error) {
	apps, err := t.listOnce(ctx)
	if !passing(err) || t.readable(ctx) != nil {
		return apps, err
	}
	if apps, err = t.listOnce(ctx); passing(err) {
		return apps, listLimitFault(fault.Stalled)
	}
	return apps, err
}

// passing reports that a list failed as it does above a limit, and as it does
// for any other reason.
func passing(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.Reason == reasonListLimit && f.Class == fault.Transient
}

// readable tries whether an application can be read.
func (t *Target) readable(ctx context.Context) error {
	return t.api.get(ctx, applicationPath(resource.ApplicationID("gatewright")), answerLimit, func(a answer) error {
		_, _, err := readApplication(a)
		return err
	})
}

// listOnce asks for all applications.
func (t *Target) listOnce(ctx context.Context) ([]listed, error) {
	var out struct {
		Applications []listed `json:"applications"`
	}
	err := t.api.get(ctx, "/applications", listLimit, func(a answer) error {
		if err := success(a, http.StatusOK); err != nil {
			return overLimit(a, err)
		}
		if json.Unmarshal(a.body, &out) != nil {
			return malformed("list of applications")
		}
		return nil
	})
	return out.Applications, err
}

// reasonListLimit is the reason of a list that the server cannot make.
const reasonListLimit = "ListLimit"

// overLimit recognises that there are more applications than the server can
// list: 400 APP-1029 above 1000 clients, 500 SSE-5000 above 1000 applications.
// The latter is its answer to any fault of its database, too.
func overLimit(a answer, err error) error {
	p, ok := problemOf(a)
	switch {
	case ok && p.Code == codeListLimit:
		return listLimitFault(fault.Stalled)
	case ok && p.Code == codeInternal && a.status == http.StatusInternalServerError:
		return listLimitFault(fault.Transient)
	default:
		return err
	}
}

func listLimitFault(class fault.Class) error {
	return &fault.Error{
		Class: class, Reason: reasonListLimit,
		Err:  errors.New("ThunderID cannot list its applications, as when it has more than 1000; what is marked ours and not in the inventory is not found"),
		Hint: "nothing else depends on the list; a lost inventory can be rebuilt from the specs",
	}
}

// Discover implements target.Discoverer by the short marks in the list of
// applications. Above 1000 clients ThunderID has no list: then nothing is
// found, and the error is of class stalled and says so. It stops nothing: what
// is in the specs or the inventory is observed by its derived id.
//
// A short mark is a hint. An application that only looks like ours is found to
// belong to another when it is observed.
func (t *Target) Discover(ctx context.Context) ([]resource.ID, error) {
	apps, err := t.list(ctx)
	if err != nil {
		return nil, named("list applications", err)
	}
	var out []resource.ID
	for _, a := range apps {
		if id, ok := t.identify(a); ok {
			out = append(out, id)
		}
	}
	return out, nil
}

// Unmarked implements target.Lister by the list of applications: those that no
// gatewright has marked, this installation's or another's.
func (t *Target) Unmarked(ctx context.Context) ([]string, error) {
	apps, err := t.list(ctx)
	if err != nil {
		return nil, named("list applications", err)
	}
	var out []string
	for _, a := range apps {
		if strings.Contains(a.Description, "[gatewright:") {
			continue
		}
		name := a.owner()
		if a.ClientID != "" {
			name += fmt.Sprintf(" of client %q", clip(a.ClientID))
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return out, nil
}

// identify returns the resource that an application is by its short mark, if
// it has the id that follows from it.
func (t *Target) identify(a listed) (resource.ID, bool) {
	if !strings.Contains(a.Description, "[gatewright:") {
		return resource.ID{}, false
	}
	clientID, ok := t.readShortMark(a.Description)
	if !ok || a.ID != resource.ApplicationID(clientID) {
		return resource.ID{}, false
	}
	b, client, err := resource.ParseClientID(clientID)
	if err != nil {
		return resource.ID{}, false
	}
	return resource.ID{Kind: resource.KindClient, Binding: b, Name: client}, true
}
