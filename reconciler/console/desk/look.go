package desk

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/loop"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/source"
)

// Overview returns how everything stands that who may see.
func (d *Desk) Overview(ctx context.Context, who access.Principal, q Query) (Overview, error) {
	out := Overview{At: d.now().UTC(), Rows: []Row{}, Environments: []Count{}, Waits: []Wait{}, Suspensions: []inventory.Suspension{}}
	if !who.MayAny(access.Viewer) {
		return out, ErrForbidden
	}
	page, err := q.page(who)
	if err != nil {
		return out, err
	}
	newest, err := d.Engine.Newest(ctx)
	if err != nil {
		out.Unread = err.Error()
	}
	held, err := d.suspensions(ctx, newest)
	if err != nil {
		return out, err
	}
	rows, total, err := d.Store.Page(ctx, page)
	if err != nil {
		return out, err
	}
	out.Total = total
	for _, row := range rows {
		out.Rows = append(out.Rows, Row{Binding: row, Suspended: over(held, row.Binding)})
	}
	for _, s := range held {
		if seesPart(who, s.Scope) {
			out.Suspensions = append(out.Suspensions, s)
		}
	}
	if err := d.tally(ctx, who, &out); err != nil {
		return out, err
	}
	return out, d.revisions(ctx, newest, &out)
}

// page is q as the inventory answers it.
func (q Query) page(who access.Principal) (inventory.Page, error) {
	p := inventory.Page{
		Bounds: bounds(who), Filter: q.Filter, Scheme: q.Scheme, Search: strings.TrimSpace(q.Search), Sort: q.Sort,
		Descending: q.Descending, Offset: q.Offset, Limit: q.Limit,
	}
	switch {
	case q.Sort != "" && !slices.Contains(Sorts, q.Sort):
		return p, invalid("sort", "it is one of %s", strings.Join(Sorts, ", "))
	case q.Offset < 0:
		return p, invalid("offset", "it is a number from 0")
	case q.Limit < 0 || q.Limit > MaxLimit:
		return p, invalid("limit", "it is a number from 1 to %d", MaxLimit)
	case len(q.Search) > maxSearch:
		return p, invalid("search", "it is longer than %d bytes", maxSearch)
	case q.Limit == 0:
		p.Limit = defaultLimit
	}
	return p, nil
}

// How much is listed, and searched for.
const (
	defaultLimit = 50
	maxSearch    = 200
	maxWaits     = 10
)

// tally counts bindings, and the reasons why they are not converged.
func (d *Desk) tally(ctx context.Context, who access.Principal, out *Overview) error {
	tallies, err := d.Store.Tally(ctx, bounds(who))
	if err != nil {
		return err
	}
	waits := map[Wait]*Wait{}
	for _, t := range tallies {
		if n := len(out.Environments); n == 0 || out.Environments[n-1].Environment != t.Environment {
			out.Environments = append(out.Environments, Count{Environment: t.Environment, ByStatus: map[inventory.Status]int{}})
		}
		count := &out.Environments[len(out.Environments)-1]
		count.Total += t.Count
		count.ByStatus[t.Status] += t.Count
		if t.Reason == "" || t.Status == inventory.Converged {
			continue
		}
		same := Wait{Status: t.Status, Reason: t.Reason}
		if waits[same] == nil {
			waits[same] = &Wait{Status: t.Status, Reason: t.Reason, Example: t.Example}
		}
		waits[same].Count += t.Count
	}
	for _, w := range waits {
		out.Waits = append(out.Waits, *w)
	}
	slices.SortFunc(out.Waits, func(a, b Wait) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Status, b.Status))
	})
	out.Waits = out.Waits[:min(len(out.Waits), maxWaits)]
	for i := range out.Waits {
		row, _, err := d.Store.Binding(ctx, out.Waits[i].Example)
		if err != nil {
			return err
		}
		out.Waits[i].Message, out.Waits[i].Hint = row.Message, row.Hint
	}
	return nil
}

// metaRevision is the note of the last revision that was carried out whole.
const metaRevision = "revision"

// revisions says which revision was carried out and which is under way. A push
// is carried out for the bindings that it changes, which leaves no note: so it
// is asked how far each has come.
func (d *Desk) revisions(ctx context.Context, newest *loop.State, out *Overview) error {
	hash, ok, err := d.Store.Meta(ctx, metaRevision)
	if err != nil {
		return err
	}
	if ok {
		out.Running = d.seen.look(hash)
	}
	if newest == nil {
		return nil
	}
	out.Diagnostics = len(newest.Diagnostics)
	d.seen.keep(newest.Revision)
	latest := d.seen.look(newest.Revision.Hash)
	if hash == newest.Revision.Hash {
		out.Running = latest
		return nil
	}
	done, err := d.carriedOut(ctx, newest)
	if err != nil {
		return err
	}
	if done {
		out.Running = latest
	} else {
		out.Coming = latest
	}
	return nil
}

// carriedOut reports that everything a revision asks for was looked at with it,
// and that what it no longer asks for was dealt with. A binding of which we own
// nothing needs no dealing with.
func (d *Desk) carriedOut(ctx context.Context, newest *loop.State) (bool, error) {
	standings, err := d.Store.Standings(ctx)
	if err != nil {
		return false, err
	}
	for i := range newest.Set.Bindings {
		b := &newest.Set.Bindings[i]
		if standings[b.Binding].Hash != b.Hash {
			return false, nil
		}
	}
	left := map[resource.Binding]bool{}
	for b, s := range standings {
		if newest.Wants(b) == nil && s.Status != inventory.Locked && s.Status != inventory.Orphaned {
			left[b] = true
		}
	}
	if len(left) == 0 {
		return true, nil
	}
	owned, err := d.Store.Owned(ctx, "")
	return !slices.ContainsFunc(owned, func(id resource.ID) bool { return left[id.Binding] }), err
}

// seen remembers what was read of the last revisions, so that nobody has to open
// the repository to show one. The zero value is ready.
type seen struct {
	mu        sync.Mutex
	revisions []Revision
}

// maxSeen is how many revisions are remembered.
const maxSeen = 32

// keep remembers a revision.
func (s *seen) keep(r source.Revision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.revisions, func(old Revision) bool { return old.Hash == r.Hash }) {
		return
	}
	subject, _, _ := strings.Cut(r.Message, "\n")
	kept := Revision{Hash: r.Hash, Ref: r.Ref, Author: r.Author, Subject: subject, At: r.When.UTC()}
	if r.When.IsZero() {
		kept.At = time.Time{}
	}
	s.revisions = append(s.revisions, kept)
	s.revisions = s.revisions[max(0, len(s.revisions)-maxSeen):]
}

// look returns what is remembered of a revision.
func (s *seen) look(hash string) *Revision {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.revisions {
		if r.Hash == hash {
			return &r
		}
	}
	return &Revision{Hash: hash}
}
