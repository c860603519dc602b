package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/plan"
)

// RunID names a run; later runs have greater ids.
type RunID int64

// RunKind says what a run is.
type RunKind string

// The kinds of runs.
const (
	// Pass is one round of the daemon.
	Pass RunKind = "pass"
	// Apply is one apply of a person or of CI.
	Apply RunKind = "apply"
)

// Run is one pass or one apply.
type Run struct {
	ID      RunID   `json:"id"`
	Kind    RunKind `json:"kind"`
	Trigger string  `json:"trigger,omitempty"`
	// Revision is the commit whose specs were wanted.
	Revision string `json:"revision,omitempty"`
	// Environments is sorted.
	Environments []string `json:"environments,omitempty"`
	// Holder names the process, as in a lease.
	Holder  string    `json:"holder,omitempty"`
	Started time.Time `json:"started"`
	// Ended is zero while the run goes on, and for ever if its process died.
	Ended time.Time `json:"ended,omitzero"`
	// Repeats counts the further runs, up to Ended, that were like this one in
	// every respect and did nothing.
	Repeats int `json:"repeats,omitempty"`
	// Steps is how many intents the run stored.
	Steps  int       `json:"steps"`
	Result RunResult `json:"result"`
}

// RunResult is what came of a run.
type RunResult struct {
	// Counts are the steps that were planned.
	Counts plan.Counts `json:"counts"`
	// Failed is how many steps failed or have an unknown outcome.
	Failed int `json:"failed,omitempty"`
	// Writes is how many calls changed something at a target.
	Writes int `json:"writes,omitempty"`
	// Class and Message describe the error that ended the run, if one did.
	Class   fault.Class `json:"class,omitempty"`
	Message string      `json:"message,omitempty"`
}

// RunFilter selects runs. Empty fields select everything.
type RunFilter struct {
	Kind        RunKind
	Environment string
	Revision    string
	Since       time.Time
	// Before pages: only runs with smaller ids.
	Before RunID
	// Limit is how many to return; zero means 100.
	Limit int
}

// runRow is a row of the table runs.
type runRow struct {
	bun.BaseModel `bun:"table:runs,alias:r"`

	ID           int64  `bun:"id,pk,autoincrement"`
	Kind         string `bun:"kind"`
	Trigger      string `bun:"trigger"`
	Revision     string `bun:"revision"`
	Environments string `bun:"environments"`
	Holder       string `bun:"holder"`
	StartedAt    int64  `bun:"started_at"`
	EndedAt      int64  `bun:"ended_at"`
	Repeats      int64  `bun:"repeats"`
	Steps        int64  `bun:"steps"`
	Counts       string `bun:"counts"`
	Failed       int64  `bun:"failed"`
	Writes       int64  `bun:"writes"`
	Class        string `bun:"class"`
	Message      string `bun:"message"`
}

// BeginRun notes that a run began. Its ID, Ended, Repeats, Steps and Result are
// ignored; a zero Started means now.
func (s *Store) BeginRun(ctx context.Context, r Run) (RunID, error) {
	started := micros(r.Started)
	if started == 0 {
		started = s.micros()
	}
	row := runRow{
		Kind: string(r.Kind), Trigger: text(r.Trigger), Revision: text(r.Revision), Holder: text(r.Holder),
		Environments: strings.Join(slices.Sorted(slices.Values(r.Environments)), ","), StartedAt: started, Counts: "{}",
	}
	err := s.write(ctx, "store run", func(ctx context.Context, tx bun.Tx) error {
		row.ID = 0
		_, err := tx.NewInsert().Model(&row).Exec(ctx)
		return err
	})
	if err != nil {
		return 0, err
	}
	s.seqs.begin(RunID(row.ID))
	return RunID(row.ID), nil
}

// EndRun stores what came of a run. A run without steps whose predecessor was
// the same in kind, environments, revision and result becomes a repetition of
// it, so that a quiet daemon does not fill the history.
func (s *Store) EndRun(ctx context.Context, id RunID, res RunResult) error {
	counts, err := json.Marshal(res.Counts)
	if err != nil {
		return s.fault("store end of run", err)
	}
	steps, err := s.seqs.count(ctx, s, id)
	if err != nil {
		return s.fault("store end of run", err)
	}
	end := runRow{
		ID: int64(id), EndedAt: s.micros(), Steps: int64(steps), Counts: string(counts), Failed: int64(res.Failed),
		Writes: int64(res.Writes), Class: string(res.Class), Message: text(res.Message),
	}
	err = s.write(ctx, "store end of run", func(ctx context.Context, tx bun.Tx) error {
		if repeated, err := end.repeat(ctx, tx); err != nil || repeated {
			return err
		}
		_, err := tx.NewUpdate().Model(&end).
			Column("ended_at", "steps", "counts", "failed", "writes", "class", "message").WherePK().Exec(ctx)
		return err
	})
	if err == nil {
		s.seqs.end(id)
	}
	return err
}

// repeat folds the run into the one before it, if they are alike, and reports
// whether it did.
func (r *runRow) repeat(ctx context.Context, tx bun.Tx) (bool, error) {
	if r.Steps > 0 || r.Writes > 0 {
		return false, nil
	}
	var self, last runRow
	if err := tx.NewSelect().Model(&self).Where("id = ?", r.ID).Scan(ctx); err != nil {
		if missing(err) {
			return false, nil
		}
		return false, err
	}
	err := tx.NewSelect().Model(&last).Where("id < ?", r.ID).Where("environments = ?", self.Environments).
		Order("id DESC").Limit(1).Scan(ctx)
	if missing(err) {
		return false, nil
	}
	if err != nil || !last.like(self, *r) {
		return false, err
	}
	_, err = tx.NewUpdate().Model((*runRow)(nil)).Set("repeats = repeats + 1").Set("ended_at = ?", r.EndedAt).
		Where("id = ?", last.ID).Exec(ctx)
	if err != nil {
		return false, err
	}
	_, err = tx.NewDelete().Model((*runRow)(nil)).Where("id = ?", r.ID).Exec(ctx)
	return true, err
}

// like reports whether last, which has ended, says all that a run with the
// given beginning and end would.
func (r runRow) like(begin, end runRow) bool {
	return r.EndedAt > 0 && r.Steps == 0 && r.Writes == 0 && r.Kind == begin.Kind && r.Trigger == begin.Trigger &&
		r.Revision == begin.Revision && r.Holder == begin.Holder && r.Counts == end.Counts && r.Failed == end.Failed &&
		r.Class == end.Class && r.Message == end.Message
}

// Runs returns the runs that f selects, newest first.
func (s *Store) Runs(ctx context.Context, f RunFilter) ([]Run, error) {
	var rows []runRow
	q := s.reads.NewSelect().Model(&rows).Order("id DESC").Limit(limitOf(f.Limit))
	if f.Kind != "" {
		q = q.Where("kind = ?", string(f.Kind))
	}
	if f.Environment != "" {
		q = q.Where("',' || environments || ',' LIKE ?", "%,"+f.Environment+",%")
	}
	if f.Revision != "" {
		q = q.Where("revision = ?", f.Revision)
	}
	if !f.Since.IsZero() {
		q = q.Where("started_at >= ?", micros(f.Since))
	}
	if f.Before != 0 {
		q = q.Where("id < ?", int64(f.Before))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, s.fault("read runs", err)
	}
	out := make([]Run, len(rows))
	for i, r := range rows {
		var err error
		if out[i], err = r.value(); err != nil {
			return nil, s.fault("read runs", err)
		}
	}
	return out, nil
}

func (r runRow) value() (Run, error) {
	run := Run{
		ID: RunID(r.ID), Kind: RunKind(r.Kind), Trigger: r.Trigger, Revision: r.Revision, Holder: r.Holder,
		Started: instant(r.StartedAt), Ended: instant(r.EndedAt), Repeats: int(r.Repeats), Steps: int(r.Steps),
		Result: RunResult{Failed: int(r.Failed), Writes: int(r.Writes), Class: fault.Class(r.Class), Message: r.Message},
	}
	if r.Environments != "" {
		run.Environments = strings.Split(r.Environments, ",")
	}
	if err := json.Unmarshal([]byte(r.Counts), &run.Result.Counts); err != nil {
		return run, fmt.Errorf("stored counts of run %d: %w", r.ID, err)
	}
	return run, nil
}

func limitOf(n int) int64 {
	if n <= 0 {
		return 100
	}
	return int64(n)
}
