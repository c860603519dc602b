package schema

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/gatewright/gatewright/schema/internal/child"
	"github.com/gatewright/gatewright/schema/internal/syntax"
)

// claim is an agent that a file declares by name.
type claim = syntax.Claim

// Loader loads trees. It keeps a worker and the results of what it evaluated.
// It is safe for concurrent use.
type Loader struct {
	limits Limits
	whole  bool
	pool   *pool
	cache  *cache
	// anyGuilty reports that something was ever condemned, which is seldom.
	anyGuilty atomic.Bool
}

// NewLoader makes a loader. It starts nothing before the first load.
func NewLoader(o Options) *Loader {
	limits := o.Limits.orDefaults()
	if o.Cache == 0 {
		o.Cache = 64 << 20
	}
	return &Loader{
		limits: limits, whole: o.wholeDirectories, cache: newCache(o.Cache),
		pool: &pool{argv: o.Worker, limits: child.Limits{CPU: limits.CPU, Wall: limits.Wall, Memory: limits.Memory, Output: limits.Output}},
	}
}

// Close ends the worker. Loads after it fail.
func (l *Loader) Close() error {
	l.pool.close()
	return nil
}

// Load says what a tree says. What is wrong with the specs is in the result;
// the error is for the machinery: a file that cannot be read though it is
// listed, a worker that cannot be started, the end of ctx.
//
// What the result holds is shared with later results and must not be changed.
func (l *Loader) Load(ctx context.Context, tree Tree) (Result, error) {
	key := treeKey(tree)
	if result, ok := cached[Result](l.cache, key); ok {
		result.Evaluations = 0
		return result, nil
	}
	s, err := l.survey(ctx, tree)
	if err != nil {
		return Result{}, err
	}
	c := &composer{loader: l, layout: newLayout(s), views: map[string]*view{}}
	for _, i := range c.layout.instances() {
		if err := c.instance(ctx, i); err != nil {
			return Result{}, err
		}
	}
	result := c.result()
	// A cap may be passed today and not tomorrow, so that what it stopped is
	// remembered by the file and not here.
	if !slices.ContainsFunc(result.Diagnostics, func(d Diagnostic) bool { return d.Code == "cap-exceeded" }) {
		l.cache.put(key, result, 1024+512*int64(len(result.Agents)), 0)
	}
	return result, nil
}

// treeKey identifies a tree.
func treeKey(tree Tree) string {
	h := sha256.New()
	for _, e := range tree {
		fmt.Fprintf(h, "%d %s %s %s %d\n", len(e.Path), e.Path, e.Mode, e.Digest, e.Size)
	}
	return "tree\x00" + string(h.Sum(nil))
}
