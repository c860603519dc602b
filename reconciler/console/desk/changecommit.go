package desk

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gatewright/gatewright/reconciler/console/access"
	"github.com/gatewright/gatewright/reconciler/edit"
	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/source"
)

// program is the committer of what people change here.
const program = "gatewright"

// request is the commit of a change.
func (d *Desk) request(who access.Principal, c Change, p *proposal) source.Commit {
	out := source.Commit{
		Base: cmp.Or(c.Base, p.draft.Base), Files: map[string][]byte{p.file: p.text}, Message: p.message(), At: d.now(),
		Author:    source.Person{Name: cmp.Or(who.Name, who.Subject), Email: who.Email},
		Committer: source.Person{Name: program},
	}
	if d.Commits.Propose {
		// The same change has the same name, so that nobody proposes it twice.
		sum := sha256.Sum256(append([]byte(p.draft.Base+"\x00"+p.file+"\x00"), p.text...))
		out.Branch = d.Commits.Prefix + c.Binding.Agent + "-" + c.Binding.Environment + "-" + hex.EncodeToString(sum[:4])
	}
	return out
}

// message is the message of the commit: what was changed, field by field.
func (p *proposal) message() string {
	var b strings.Builder
	b.WriteString(cmp.Or(p.change.Summary, p.change.Binding.String()+": "+p.subject()) + "\n\n")
	for _, e := range p.change.Edits {
		path := strings.Join(e.Path, ".")
		if e.Remove {
			fmt.Fprintf(&b, "remove %s\n", path)
			continue
		}
		value, err := json.Marshal(e.Value)
		if err != nil {
			continue // it was written into the file, so that it has a form
		}
		fmt.Fprintf(&b, "set %s: %s\n", path, value)
	}
	b.WriteString("\nCommitted-by: " + program + " console\n")
	return b.String()
}

// maxNamed is how many fields the subject of a commit names.
const maxNamed = 3

// subject says what a change is about: the scheme that it leads to, or the
// fields.
func (p *proposal) subject() string {
	after := p.after.Wants(p.change.Binding)
	before := p.before.Wants(p.change.Binding)
	if after != nil && (before == nil || before.Scheme != after.Scheme) {
		return string(after.Scheme)
	}
	var out []string
	for _, e := range p.change.Edits {
		out = append(out, about(e))
	}
	if len(out) > maxNamed {
		return fmt.Sprintf("%s and %d more", strings.Join(out[:maxNamed], ", "), len(out)-maxNamed)
	}
	return strings.Join(out, ", ")
}

// about says what an edit is about, without the way to it.
func about(e edit.Edit) string {
	path := e.Path
	if len(path) > 2 && path[0] == "environments" {
		path = path[2:]
	}
	if len(path) > 1 && path[0] == "endpointAuthentication" {
		path = path[1:]
	}
	verb := "set "
	if e.Remove {
		verb = "remove "
	}
	if len(path) == 2 && path[0] == "clients" {
		return verb + "client " + path[1]
	}
	return verb + strings.Join(path, ".")
}

// noteTime is how long the inventory may take to note what has happened.
const noteTime = 10 * time.Second

// committed notes a commit that was made, and lets the daemon look. That it
// could not be noted does not undo it.
func (d *Desk) committed(ctx context.Context, who access.Principal, c Change, revision string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	err := d.Store.Event(ctx, inventory.Event{
		At: d.now(), Actor: who.Subject, Action: ActionCommit, Binding: c.Binding, Revision: revision,
		Message: "changed the spec in git",
	})
	if err != nil && d.Log != nil {
		d.Log.ErrorContext(ctx, "a commit could not be noted", "binding", c.Binding.String(), "revision", revision, "actor", who.Subject, "error", err)
	}
	d.Engine.Wake()
}

// answer says where a commit is.
func (d *Desk) answer(p *proposal, branch string, revision source.Revision) Committed {
	out := Committed{Revision: revision.Hash, Branch: strings.TrimPrefix(revision.Ref, "refs/heads/")}
	if branch != "" && d.Commits.PullRequest != "" {
		base := strings.TrimPrefix(p.before.Revision.Ref, "refs/heads/")
		out.PullRequest = strings.NewReplacer("{branch}", url.QueryEscape(branch), "{base}", url.QueryEscape(base)).Replace(d.Commits.PullRequest)
	}
	return out
}
