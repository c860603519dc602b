package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/console/desk"
	"github.com/gatewright/gatewright/reconciler/edit"
)

// change is a change of the spec of the binding that the path names.
type change struct {
	Edits   []edit.Edit `json:"edits"                                                             maxItems:"200"`
	Summary string      `doc:"The subject of the commit; one is made by default."                 json:"summary,omitempty" maxLength:"200"`
	Base    string      `doc:"The revision that was seen; refused if the file has changed since." json:"base,omitempty"    maxLength:"64"`
}

// toChange is a change, and of what.
type toChange struct {
	Place

	Body change
}

func (c *toChange) change() desk.Change {
	return desk.Change{Binding: c.binding(), Edits: c.Body.Edits, Summary: c.Body.Summary, Base: c.Body.Base}
}

// changes registers what changes specs, in git alone.
func (s service) changes() {
	huma.Register(s.api, s.operation("draft-change", http.MethodPost, ofBinding+"/draft", tagChanges, "What a change of a spec would do"),
		func(ctx context.Context, in *toChange) (*answer[desk.Draft], error) {
			return answered(s.desk.Draft(ctx, access.From(ctx), in.change()))
		})
	commit := s.operation("commit-change", http.MethodPost, ofBinding+"/changes", tagChanges, "Commit a change of a spec")
	commit.DefaultStatus = http.StatusCreated
	huma.Register(s.api, commit,
		func(ctx context.Context, in *toChange) (*answer[desk.Committed], error) {
			return answered(s.desk.Commit(ctx, access.From(ctx), in.change()))
		})
}
