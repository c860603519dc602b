package thunder

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/gatewright/gatewright/reconciler/clientkey"
	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/schema"
)

// create makes the application, if its id is free.
//
//	POST /import answers        | then
//	----------------------------+----------------------------------------------
//	item created                | verify by GET: an old server ignores fields
//	item failed                 | look under our id: ours is completed (update),
//	                            | another's is a conflict, nothing is a fault by
//	                            | the item's code
//	item failed by SSE-5000, and| clear what a server that died in the midst of
//	nothing is under our id     | it has left, and try once more
//	400 IMP-1002, 404           | the server is too old
//	no answer, half of one, 5xx | look under our id: as asked means done,
//	                            | elsewise the outcome is unknown
func (e *effect) create(ctx context.Context) (resource.Observed, error) {
	want, err := e.wanted()
	if err != nil {
		return resource.Observed{}, err
	}
	body, err := e.importRequest(want)
	if err != nil {
		return resource.Observed{}, err
	}
	item, err := e.post(ctx, body)
	if err != nil {
		if fault.ClassOf(err) != fault.Unknown {
			return resource.Observed{}, err
		}
		return e.settle(ctx, err, func(o resource.Observed) bool { return e.done(o, want) })
	}
	if item.Status != "success" {
		return e.occupied(ctx, item)
	}
	return e.verify(ctx, want)
}

// post sends an import within one of the slots.
func (e *effect) post(ctx context.Context, body []byte) (importItem, error) {
	release, err := e.slot(ctx)
	if err != nil {
		return importItem{}, err
	}
	defer release()
	a, err := e.write(ctx, http.MethodPost, "/import", body)
	if err != nil {
		return importItem{}, err
	}
	if p, ok := problemOf(a); ok && p.Code == codeImportDocument {
		return importItem{}, tooOld("does not take imports the way v1.0 does (" + codeImportDocument + ")")
	}
	if err := success(a, http.StatusOK); err != nil {
		return importItem{}, tooOldImport(err)
	}
	var got struct {
		Results []importItem `json:"results"`
	}
	if json.Unmarshal(a.body, &got) != nil || len(got.Results) != 1 {
		return importItem{}, lost(malformed("result of one import"))
	}
	return got.Results[0], nil
}

// tooOldImport recognises a server without imports: they came with v0.36.
func tooOldImport(err error) error {
	f, ok := err.(*fault.Error) //nolint:errorlint // success returns it bare
	if ok && f.Reason == "NoSuchPath" {
		return tooOld("has no /import")
	}
	return err
}

// importItem is what became of one document.
type importItem struct {
	Operation string `json:"operation"`
	Status    string `json:"status"`
	Code      string `json:"code"`
}

// verify reads a new application back.
func (e *effect) verify(ctx context.Context, want resource.Client) (resource.Observed, error) {
	o := e.observe(ctx, e.id)
	switch {
	case o.Err != nil:
		return o, lost(o.Err)
	case !o.Found:
		f := fault.New(fault.Transient, "NotVisible", "the application was created and is not to be seen")
		f.Hint = "several replicas of ThunderID with caches of their own cannot be used: run one, or disable the cache"
		return o, f
	case o.Owner != resource.OwnerUs:
		return o, conflict(o.OwnerName)
	case !e.done(o, want):
		return o, unverified(o.State.Client, want)
	default:
		return o, nil
	}
}

// occupied says why an import failed: most often since something has the id,
// the name or the client id already.
func (e *effect) occupied(ctx context.Context, item importItem) (resource.Observed, error) {
	o := e.observe(ctx, e.id)
	switch {
	case o.Err != nil:
		return o, o.Err
	case o.Found && o.Owner != resource.OwnerUs:
		return o, conflict(o.OwnerName)
	case o.Found:
		return e.update(ctx) // an earlier try of this step, or a half of it
	}
	switch item.Code {
	case codeNameTaken, codeClientIDTaken:
		return o, conflict(e.rival(ctx, item.Code))
	case codeInternal:
		if !e.cleared && e.clear(ctx) {
			return e.create(ctx)
		}
		f := fault.New(fault.Transient, "ServerError", "ThunderID answered %s (%s) to the import", codeInternal, meanings[codeInternal])
		f.Hint = "see ThunderID's log; two applications with one name or client id are one cause"
		return o, f
	}
	f := fault.New(fault.Stalled, "Refused", "ThunderID refused the import")
	f.Hint = hintLog
	if code.MatchString(item.Code) {
		f.Err = fmt.Errorf("ThunderID refused the import: %s (%s)", item.Code, meanings[item.Code])
	}
	if item.Code == codeRequest {
		f.Hint = "check the organization unit in the configuration: " + e.c.OrganizationUnit
	}
	return o, f
}

// clear takes away what is left under our id of an application that is not
// there. ThunderID makes an application in two databases, the entity first, and
// one that dies in between leaves an entity that no GET shows and that every
// import under its id runs into. A DELETE removes it, and does nothing where
// there is nothing. It reports whether ThunderID took it.
func (e *effect) clear(ctx context.Context) bool {
	e.cleared = true
	a, err := e.write(ctx, http.MethodDelete, applicationPath(e.appID), nil)
	return err == nil && a.status == http.StatusNoContent
}

// rival names the application that has our name or client id, if the list
// tells.
func (e *effect) rival(ctx context.Context, code string) string {
	what := "another application, which has its name"
	if code == codeClientIDTaken {
		what = "another application, which has its client id"
	}
	apps, err := e.list(ctx)
	if err != nil {
		return what // the list is no more than a help
	}
	for _, a := range apps {
		if a.ClientID == e.clientID || code == codeNameTaken && a.Name == applicationName(e.clientID) {
			return a.owner()
		}
	}
	return what
}

// importRequest is the body of the import. Upsert is off: the server refuses
// an id that exists, so that nothing of anybody is ever overwritten.
func (e *effect) importRequest(want resource.Client) ([]byte, error) {
	config, err := e.authentication(want.AuthMethod)
	if err != nil {
		return nil, err
	}
	config["clientId"], config["grantTypes"] = want.ClientID, []string{grantType}
	if token := tokenConfig(want); token != nil {
		config["token"] = map[string]any{"accessToken": token}
	}
	doc, err := json.Marshal(map[string]any{
		"resource_type": "application", "id": e.appID, "type": "m2m",
		"name": applicationName(e.clientID), "description": e.describe(e.id, ""), "ouId": e.c.OrganizationUnit,
		"metadata":          e.mark(e.id, e.secret),
		"inboundAuthConfig": []any{map[string]any{"type": inboundOAuth, "config": config}},
	})
	if err != nil {
		return nil, fmt.Errorf("encode the application: %w", err)
	}
	return json.Marshal(map[string]any{
		"content": string(literal(doc)), "options": map[string]bool{"upsert": false, "continueOnError": true},
	})
}

// authentication is how the client proves who it is: members of its
// configuration. Of a key ThunderID is given the public half alone.
func (e *effect) authentication(method schema.AuthMethod) (map[string]any, error) {
	out := map[string]any{"tokenEndpointAuthMethod": method.String()}
	if method != schema.AuthPrivateKey {
		out["clientSecret"] = e.secret.Reveal()
		return out, nil
	}
	keys, err := clientkey.JWKS(e.secret)
	if err != nil {
		return nil, fault.New(fault.Stalled, "BadKey", "the stored private key cannot be used: %w", err)
	}
	out["certificate"] = map[string]string{"type": "JWKS", "value": keys}
	return out, nil
}

// tokenConfig is what tokens of a client shall be like.
func tokenConfig(want resource.Client) map[string]any {
	out := map[string]any{}
	if want.Audience != "" {
		out["defaultAudience"] = want.Audience
	}
	if want.Validity > 0 {
		out["clientConfig"] = map[string]any{"validityPeriod": int64(want.Validity)}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// literal keeps JSON from being read as a Go template, as the content of an
// import is. Braces in a row are in a string, where they may be written so.
func literal(doc []byte) []byte {
	return bytes.ReplaceAll(doc, []byte("{{"), []byte(`\u007b\u007b`))
}
