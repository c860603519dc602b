package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// StepState says how far a step has come.
type StepState string

// The states.
const (
	// Intended: it was about to be carried out. Found after a crash, its
	// effect may or may not have happened.
	Intended StepState = "intended"
	Done     StepState = "done"
	Failed   StepState = "failed"
	// Unknown: it was tried and nobody knows what came of it.
	Unknown StepState = "unknown"
)

// StepID names a step of a run.
type StepID struct {
	Run RunID `json:"run"`
	Seq int   `json:"seq"`
}

// StepRecord is one step of a run as history keeps it: what it meant to
// change, never the states, which may hold more than a reader should see.
type StepRecord struct {
	Run     RunID         `json:"run"`
	Seq     int           `json:"seq"`
	ID      resource.ID   `json:"id"`
	Action  plan.Action   `json:"action"`
	Changes []plan.Change `json:"changes,omitempty"`
	Reason  string        `json:"reason,omitempty"`
	State   StepState     `json:"state"`
	Class   fault.Class   `json:"class,omitempty"`
	Message string        `json:"message,omitempty"`
	Started time.Time     `json:"started"`
	Ended   time.Time     `json:"ended,omitzero"`
	Writes  int           `json:"writes,omitempty"`
}

// StepID names the step for Settle.
func (r StepRecord) StepID() StepID { return StepID{r.Run, r.Seq} }

// StepFilter selects steps. Empty fields select everything.
type StepFilter struct {
	Run RunID
	// Bounds is what may be seen at all.
	Bounds Bounds
	// Binding selects by its fields that are set: an agent in one environment,
	// in all of them, or a whole environment.
	Binding resource.Binding
	State   StepState
	// Before pages: only older steps than this.
	Before StepID
	// Limit is how many to return; zero means 100.
	Limit int
}

// stepRow is a row of the table steps.
type stepRow struct {
	bun.BaseModel `bun:"table:steps,alias:s"`

	RunID       int64  `bun:"run_id,pk"`
	Seq         int64  `bun:"seq,pk"`
	Environment string `bun:"environment"`
	Identity    string `bun:"identity"`
	Kind        string `bun:"kind"`
	Name        string `bun:"name"`
	Action      string `bun:"action"`
	Changes     string `bun:"changes"`
	Reason      string `bun:"reason"`
	State       string `bun:"state"`
	Class       string `bun:"class"`
	Message     string `bun:"message"`
	StartedAt   int64  `bun:"started_at"`
	EndedAt     int64  `bun:"ended_at"`
	Writes      int64  `bun:"writes"`
}

// Intend stores steps that are about to be carried out, before they are, and
// returns a name for each, by index. Once it has returned, a crash leaves them
// among OpenIntents.
func (s *Store) Intend(ctx context.Context, run RunID, steps []plan.Step) ([]StepID, error) {
	if len(steps) == 0 {
		return nil, nil
	}
	if err := s.writable(); err != nil {
		return nil, s.fault("store intents", err)
	}
	first, err := s.seqs.reserve(ctx, s, run, len(steps))
	if err != nil {
		return nil, s.fault("store intents", err)
	}
	rows, ids, err := intents(run, first, s.micros(), steps)
	if err != nil {
		return nil, s.fault("store intents", err)
	}
	err = s.write(ctx, "store intents", func(ctx context.Context, tx bun.Tx) error {
		return s.bulk(ctx, tx, addStep, rows)
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

var addStep = register(insert("steps", []string{
	"run_id", "seq", "environment", "identity", "kind", "name", "action", "changes", "reason", "state", "class",
	"message", "started_at", "ended_at", "writes",
}, ""))

// intents are steps as they are stored, and their names.
func intents(run RunID, first int, now int64, steps []plan.Step) ([][]any, []StepID, error) {
	rows := make([][]any, len(steps))
	ids := make([]StepID, len(steps))
	for i, st := range steps {
		ids[i] = StepID{run, first + i}
		r := resourceKey(st.ID)
		changes := ""
		if len(st.Changes) > 0 {
			b, err := json.Marshal(st.Changes)
			if err != nil {
				return nil, nil, fmt.Errorf("changes of %s: %w", st.ID, err)
			}
			changes = string(b)
		}
		rows[i] = []any{
			int64(run), int64(first + i), r.Environment, r.Identity, r.Kind, r.Name, string(st.Action), changes,
			text(st.Reason), string(Intended), "", "", now, int64(0), int64(0),
		}
	}
	return rows, ids, nil
}

// OpenIntents returns the steps of an environment, or of all for "", that were
// intended and never settled, oldest first: those under way, and those that a
// crash left. Whoever holds the environment's lease knows which.
func (s *Store) OpenIntents(ctx context.Context, environment string) ([]StepRecord, error) {
	var rows []stepRow
	q := s.reads.NewSelect().Model(&rows).Where("state = 'intended'").Order("run_id", "seq")
	if environment != "" {
		q = q.Where("environment = ?", environment)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, s.fault("read open intents", err)
	}
	return s.records(rows)
}

// Steps returns the steps that f selects, newest first.
func (s *Store) Steps(ctx context.Context, f StepFilter) ([]StepRecord, error) {
	var rows []stepRow
	q := s.reads.NewSelect().Model(&rows).Order("run_id DESC", "seq DESC").Limit(limitOf(f.Limit))
	if err := f.on(q).Scan(ctx); err != nil {
		return nil, s.fault("read steps", err)
	}
	return s.records(rows)
}

// on adds the conditions of f to q.
func (f StepFilter) on(q *bun.SelectQuery) *bun.SelectQuery {
	if f.Run != 0 {
		q = q.Where("run_id = ?", int64(f.Run))
	}
	if f.State != "" {
		q = q.Where("state = ?", string(f.State))
	}
	if f.Before != (StepID{}) {
		q = q.Where("(run_id, seq) < (?, ?)", int64(f.Before.Run), f.Before.Seq)
	}
	return f.Bounds.onIdentity(onBinding(q, f.Binding))
}

// onBinding adds conditions on the columns identity and environment for the
// fields of b that are set.
func onBinding(q *bun.SelectQuery, b resource.Binding) *bun.SelectQuery {
	if b.Environment != "" {
		q = q.Where("environment = ?", b.Environment)
	}
	switch {
	case b.Organization != "" && b.Project != "" && b.Agent != "":
		q = q.Where("identity = ?", b.Identity())
	case b.Organization != "" || b.Project != "" || b.Agent != "":
		// Names hold neither % nor _.
		q = q.Where("identity LIKE ?", part(b.Organization)+"/"+part(b.Project)+"/"+part(b.Agent))
	}
	return q
}

// part is a pattern for one part of an identity.
func part(name string) string {
	if name == "" {
		return "%"
	}
	return name
}

func (s *Store) records(rows []stepRow) ([]StepRecord, error) {
	out := make([]StepRecord, len(rows))
	for i, r := range rows {
		id, err := resourceRow{Environment: r.Environment, Identity: r.Identity, Kind: r.Kind, Name: r.Name}.id()
		if err != nil {
			return nil, s.fault("read steps", err)
		}
		out[i] = StepRecord{
			Run: RunID(r.RunID), Seq: int(r.Seq), ID: id, Action: plan.Action(r.Action), Reason: r.Reason,
			State: StepState(r.State), Class: fault.Class(r.Class), Message: r.Message,
			Started: instant(r.StartedAt), Ended: instant(r.EndedAt), Writes: int(r.Writes),
		}
		if r.Changes == "" {
			continue
		}
		if err := json.Unmarshal([]byte(r.Changes), &out[i].Changes); err != nil {
			return nil, s.fault("read steps", fmt.Errorf("stored changes of %s: %w", id, err))
		}
	}
	return out, nil
}

// identityOf is the identity of b, empty where b is only an environment.
func identityOf(b resource.Binding) string {
	if b.Organization == "" && b.Project == "" && b.Agent == "" {
		return ""
	}
	return b.Identity()
}

// bindingOf is the inverse of identityOf.
func bindingOf(identity, environment string) (resource.Binding, error) {
	b := resource.Binding{Environment: environment}
	if identity == "" {
		return b, nil
	}
	parts := strings.Split(identity, "/")
	if len(parts) != 3 {
		return b, fmt.Errorf("stored identity %q is not of the form organization/project/agent", identity)
	}
	b.Organization, b.Project, b.Agent = parts[0], parts[1], parts[2]
	return b, nil
}
