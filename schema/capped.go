package schema

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gatewright/gatewright/schema/internal/child"
)

// maxCapFailures bounds how often a cap is passed in one load while the files
// that do it are looked for.
const maxCapFailures = 24

// memoryOf says how long it is remembered that a cap was passed; zero is for
// good. How much of the clock an evaluation takes depends on the machine; what
// it computes does not.
func memoryOf(c *child.CapError) time.Duration {
	if c.Cap == child.CapWall || c.Cap == child.CapCrash {
		return 10 * time.Minute
	}
	return 0
}

// evaluate answers for a batch, from the cache if it can.
func (l *Loader) evaluate(ctx context.Context, c *composer, b *batch) (*unitResult, error) {
	key := b.key()
	if r, ok := cached[*unitResult](l.cache, key); ok {
		return r, nil
	}
	guilty, rest := l.knownGuilty(b)
	if len(guilty) == 0 {
		c.evaluations++
		r, capped, err := l.ask(ctx, b, false)
		if err != nil {
			return nil, err
		}
		if capped == nil {
			l.cache.put(key, r, r.size(), 0)
			return r, nil
		}
		c.capFailures++
		return l.search(ctx, c, b, capped)
	}
	out := &unitResult{}
	if len(guilty) == len(b.groups) && len(b.groups) == 0 {
		return guilty[0], nil
	}
	for _, g := range guilty {
		out.add(g)
	}
	if !out.Stopped {
		r, err := l.evaluate(ctx, c, rest)
		if err != nil {
			return nil, err
		}
		out.add(r)
	}
	return out, nil
}

// ask has the worker evaluate a batch.
func (l *Loader) ask(ctx context.Context, b *batch, probe bool) (*unitResult, *child.CapError, error) {
	u, err := b.unit()
	if err != nil {
		return nil, nil, err
	}
	rep, err := l.pool.do(ctx, request{Unit: u}, probe)
	if capped, ok := errors.AsType[*child.CapError](err); ok {
		return nil, capped, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if rep.Result == nil {
		return nil, nil, errors.New("load specs: the worker did not answer for the unit")
	}
	return rep.Result, nil, nil
}

// guiltyKey is the key under which it is remembered that a batch passes a cap.
func guiltyKey(b *batch) string { return "guilty\x00" + b.key() }

// knownGuilty returns what is remembered of the parts of a batch that passed a
// cap before, and the batch without them.
func (l *Loader) knownGuilty(b *batch) (guilty []*unitResult, rest *batch) {
	if !l.anyGuilty.Load() {
		return nil, b
	}
	if r, ok := cached[*unitResult](l.cache, guiltyKey(b.only(nil))); ok {
		return []*unitResult{r}, b.only(nil)
	}
	var groups [][]*source
	for _, g := range b.groups {
		if r, ok := cached[*unitResult](l.cache, guiltyKey(b.only([][]*source{g}))); ok {
			guilty = append(guilty, r)
		} else {
			groups = append(groups, g)
		}
	}
	return guilty, b.only(groups)
}

// search finds the files of a batch that pass a cap, and answers for the
// others. The common files come first: if they do it alone, all of the batch
// is stopped.
func (l *Loader) search(ctx context.Context, c *composer, b *batch, capped *child.CapError) (*unitResult, error) {
	common := b.only(nil)
	if len(b.groups) > 0 {
		_, failed, err := l.ask(ctx, common, true)
		if err != nil {
			return nil, err
		}
		if failed == nil {
			return l.searchGroups(ctx, c, b, capped)
		}
		capped = failed
		c.capFailures++
	}
	r := &unitResult{Stopped: true, Diagnostics: Diagnostics{l.capDiagnostic(l.worst(ctx, c, common), capped)}}
	l.condemn(common, r, capped)
	return r, nil
}

// searchGroups finds the guilty groups of a batch. Those of an entangled one
// are only found that way: what the halves say without one another is not what
// they say together, so that the others are evaluated at once again.
func (l *Loader) searchGroups(ctx context.Context, c *composer, b *batch, capped *child.CapError) (*unitResult, error) {
	r, err := l.divideGuilt(ctx, c, b, capped)
	if err != nil || !b.entangled {
		return r, err
	}
	innocent := slices.DeleteFunc(slices.Clone(b.groups), func(g []*source) bool {
		return slices.Contains(r.Out, g[0].entry.Path)
	})
	if len(innocent) == len(b.groups) || c.capFailures > maxCapFailures {
		stopped := &unitResult{Stopped: true, Diagnostics: Diagnostics{l.capDiagnostic(b.leaves()[0], capped)}}
		l.cache.put(b.key(), stopped, stopped.size(), memoryOf(capped))
		return stopped, nil
	}
	out := &unitResult{Out: r.Out, Diagnostics: r.Diagnostics}
	rest, err := l.evaluate(ctx, c, b.only(innocent))
	if err != nil {
		return nil, err
	}
	out.add(rest)
	return out, nil
}

// worst returns the common file of a batch that passes a cap alone, or the
// first.
func (l *Loader) worst(ctx context.Context, c *composer, b *batch) *source {
	for _, src := range b.common {
		if len(b.common) == 1 || c.capFailures > maxCapFailures {
			break
		}
		alone := *b
		alone.common = []*source{src}
		if _, capped, err := l.ask(ctx, &alone, true); err == nil && capped != nil {
			c.capFailures++
			return src
		}
	}
	if len(b.common) == 0 {
		return nil
	}
	return b.common[0]
}

// divideGuilt evaluates the halves of a batch, and the guilty ones' halves,
// until each guilty group stands alone. A group that passes the shorter time
// of a probe gets the whole time once.
func (l *Loader) divideGuilt(ctx context.Context, c *composer, b *batch, capped *child.CapError) (*unitResult, error) {
	if len(b.groups) == 1 || c.capFailures > maxCapFailures {
		return l.last(ctx, c, b, capped)
	}
	half := len(b.groups) / 2
	out := &unitResult{}
	for _, groups := range [][][]*source{b.groups[:half], b.groups[half:]} {
		part := b.only(groups)
		c.evaluations++
		r, failed, err := l.ask(ctx, part, true)
		if failed != nil {
			c.capFailures++
			r, err = l.divideGuilt(ctx, c, part, failed)
		}
		if err != nil {
			return nil, err
		}
		out.add(r)
	}
	return out, nil
}

// last gives a batch that cannot be divided the whole time, and condemns it
// when that does not do either.
func (l *Loader) last(ctx context.Context, c *composer, b *batch, capped *child.CapError) (*unitResult, error) {
	if c.capFailures <= maxCapFailures {
		c.evaluations++
		r, failed, err := l.ask(ctx, b, false)
		if err != nil || failed == nil {
			return r, err
		}
		c.capFailures++
		capped = failed
	}
	r := &unitResult{}
	for _, src := range b.leaves() {
		r.Out = append(r.Out, src.entry.Path)
		r.Diagnostics = append(r.Diagnostics, l.capDiagnostic(src, capped))
	}
	if len(b.groups) == 1 {
		l.condemn(b, r, capped)
	}
	return r, nil
}

// condemn remembers that a batch passes a cap.
func (l *Loader) condemn(b *batch, r *unitResult, capped *child.CapError) {
	l.anyGuilty.Store(true)
	l.cache.put(guiltyKey(b), r, r.size(), memoryOf(capped))
}

// capDiagnostic says that a file passes a cap.
func (l *Loader) capDiagnostic(src *source, capped *child.CapError) Diagnostic {
	d := Diagnostic{Code: "cap-exceeded", Severity: SeverityError, Message: "the file cannot be evaluated: " + capped.Error(), Hint: capHint}
	if src != nil {
		d.Position = Position{File: src.entry.Path, Line: 1, Column: 1}
		if len(src.facts.Claims) == 1 {
			p := src.facts.Claims[0].Place
			d.Position.Line, d.Position.Column = p.Line, p.Column
		}
	}
	return d
}

// add adds what another part of a batch says.
func (r *unitResult) add(o *unitResult) {
	for _, a := range o.Agents {
		if !slices.ContainsFunc(r.Agents, func(x unitAgent) bool { return x.Name == a.Name }) {
			r.Agents = append(r.Agents, a)
		}
	}
	r.Out = append(r.Out, o.Out...)
	r.Stopped = r.Stopped || o.Stopped
	r.Diagnostics = append(r.Diagnostics, o.Diagnostics...)
}
