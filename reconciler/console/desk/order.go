package desk

import (
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// RotateOptions say how a client is rotated.
type RotateOptions struct {
	// Overlap is how long the secret before serves on; nil leaves that to the
	// spec.
	Overlap *schema.Seconds `json:"overlap,omitempty"`
	// Cut ends an overlap that runs.
	Cut    bool   `json:"cut,omitempty"`
	Reason string `json:"reason"`
}

// Rotate asks the daemon to replace the secret of a client.
func (d *Desk) Rotate(ctx context.Context, who access.Principal, b Binding, client string, o RotateOptions) error {
	if err := may(who, access.Developer, b); err != nil {
		return err
	}
	if err := plainLine("reason", o.Reason); err != nil {
		return err
	}
	switch {
	case client == "":
		return invalid("client", "it is missing")
	case o.Overlap != nil && *o.Overlap < 0:
		return invalid("overlap", "it is a number of seconds from 0")
	}
	if _, _, err := d.ofClient(ctx, b, client); err != nil {
		return err
	}
	err := d.Store.AskRotation(ctx, inventory.Rotation{
		Binding: b, Client: client, Overlap: o.Overlap, Cut: o.Cut, Reason: o.Reason, Author: who.Subject, At: d.now().UTC(),
	})
	if err == nil {
		d.Engine.Wake()
	}
	return err
}

// Suspend keeps a scope from being changed until a time.
func (d *Desk) Suspend(ctx context.Context, who access.Principal, scope resource.Selector, reason string, until time.Time) error {
	if err := mayAll(who, access.Admin, scope); err != nil {
		return err
	}
	if err := plainLine("reason", reason); err != nil {
		return err
	}
	now := d.now()
	switch {
	case !now.Before(until):
		return invalid("until", "it is over already")
	case scope.Environment != "" && d.Engine.Environment(scope.Environment) == nil:
		return invalid("scope", "the configuration has no environment %q", scope.Environment)
	}
	err := d.Store.Suspend(ctx, inventory.Suspension{
		Scope: scope, Reason: reason, Author: who.Subject, Since: now.UTC(), Until: until.UTC(),
	})
	if err == nil {
		d.Engine.Wake()
	}
	return err
}

// Resume ends the suspension of exactly this scope, and reports whether there
// was one.
func (d *Desk) Resume(ctx context.Context, who access.Principal, scope resource.Selector) (bool, error) {
	if err := mayAll(who, access.Admin, scope); err != nil {
		return false, err
	}
	found, err := d.Store.Resume(ctx, scope, who.Subject)
	if found {
		d.Engine.Wake()
	}
	return found, err
}

// Sync asks the daemon to look at everything now.
func (d *Desk) Sync(ctx context.Context, who access.Principal) error {
	if !who.MayAny(access.Developer) {
		return ErrForbidden
	}
	if err := d.allow(who, inventory.ActionSync); err != nil {
		return err
	}
	if err := d.event(ctx, who, inventory.ActionSync, Binding{}, "", ""); err != nil {
		return err
	}
	d.Engine.Wake()
	return nil
}

// maxLine bounds what people may say about an order.
const maxLine = 500

// plainLine refuses text that is empty, long, or would garble a terminal.
func plainLine(field, text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return invalid(field, "it is missing")
	case len(text) > maxLine:
		return invalid(field, "it is longer than %d bytes", maxLine)
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return invalid(field, "it is one line of text")
	}
	return nil
}
