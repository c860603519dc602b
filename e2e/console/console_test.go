//go:build unix

package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/gatewright/gatewright/fixtures/stack"
)

const page0 = "/agents/acme/travel/booking/development"

// TestConsole walks through the console: an API is protected by a page, tried,
// and consumed.
func TestConsole(t *testing.T) {
	w := newWorld(t)
	w.settled("booking")
	w.answers("", http.StatusOK)
	t.Run("a stranger gets nothing", w.stranger)
	b := newBrowser(t, w)
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"the link logs in, once", b.login},
		{"the overview", b.overview},
		{"OAuth is switched on", b.protect},
		{"the API is tried", b.try},
		{"a consumer is made", b.consume},
		{"examples run", b.examples},
		{"YAML is edited, too", b.yaml},
		{"a conflict is shown", b.conflict},
		{"a suspension", b.suspend},
		{"a credential is wrapped", b.wrap},
		{"a consumer is rotated", b.rotate},
		{"a consumer is removed", b.remove},
		{"history, runs and audit", b.past},
		{"the audit is exported", b.export},
		{"a change is proposed", b.propose},
	} {
		if t.Failed() {
			return
		}
		t.Log(step.name)
		step.do()
	}
	t.Run("a viewer is refused each act", w.viewer)
}

// stranger asks without having logged in.
func (w *world) stranger(t *testing.T) {
	for _, path := range []string{"/", page0, "/audit", "/runs"} {
		status, answer := w.call(t.Context(), http.MethodGet, path, "", "")
		if status == http.StatusOK || strings.Contains(answer, "concierge") {
			t.Errorf("%s answers %d: %s", path, status, answer)
		}
	}
	for path, method := range map[string]string{
		"/api/v1/bindings": "GET", "/api/v1/audit": "GET", "/api/v1/events": "GET", "/api/v1/sync": "POST",
		"/api/v1/bindings/acme/travel/booking/development/token": "POST",
	} {
		if status, answer := w.call(t.Context(), method, path, "", "{}"); status != http.StatusUnauthorized || strings.Contains(answer, "booking") {
			t.Errorf("%s answers %d: %s", path, status, answer)
		}
		if status, _ := w.call(t.Context(), method, path, w.issuer.token("viewers", "another"), "{}"); status != http.StatusUnauthorized {
			t.Errorf("%s with a token for another audience answers %d", path, status)
		}
	}
	if status, answer := w.call(t.Context(), http.MethodGet, "/api/v1/bindings", w.issuer.token("strangers", audience), ""); strings.Contains(answer, "booking") {
		t.Errorf("somebody of another organization sees, with %d: %s", status, answer)
	}
}

// login opens the link of the daemon; a second time it is worth nothing.
func (b *browser) login() {
	link := b.w.link()
	b.open("/")
	b.reads("main", "Log in")
	b.shoot("login")
	b.do(chromedp.Navigate(link))
	b.w.eventually("the link leads to the overview", func() error {
		if title := get(b, chromedp.Title()); !strings.Contains(title, "Agents") {
			return fmt.Errorf("the title is %q", title)
		}
		return nil
	})
	if address := get(b, chromedp.Location()); address != b.w.url+"/" {
		b.t.Errorf("the link led to %s", address)
	}
	cookies := call(b, network.GetCookies, network.GetCookiesParams{URLs: []string{b.w.url}}).Cookies
	for _, c := range cookies {
		if !c.HTTPOnly || c.SameSite == "" || c.SameSite == "None" {
			b.t.Errorf("the cookie %s: %+v", c.Name, c)
		}
	}
	call(b, network.ClearBrowserCookies, cdp.Empty{})
	b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(link))
	b.w.eventually("the link is spent", func() error {
		text, err := b.peek("body")
		if strings.Contains(text, "booking") {
			b.t.Fatal("the link logs in twice")
		}
		if err != nil || !strings.Contains(text, "used before") {
			return fmt.Errorf("it reads %q, %w", text, err)
		}
		return nil
	})
	// Whoever was logged in stays so.
	for _, c := range cookies {
		call(b, network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: b.w.url, HTTPOnly: &c.HTTPOnly, SameSite: c.SameSite})
	}
}

// overview shows every agent, and finds one.
func (b *browser) overview() {
	b.open("/")
	b.reads("#agents", "concierge")
	b.reads("#summary", "development")
	b.reads("#summary", "specs of our agents")
	b.shoot("overview")
	b.choose("input[name=q]", "booki")
	b.press(".filters button[type=submit]")
	if text := b.text("#agents"); !strings.Contains(text, "booking") || strings.Contains(text, "concierge") {
		b.t.Errorf("a search for booki finds %q", text)
	}
	b.open("/?q=nothing-like-it")
	b.reads("#agents", "Nothing matches")
	b.shoot("overview-empty")
}

// protect switches OAuth on in the page, by keyboard where that is shorter.
func (b *browser) protect() {
	b.open(page0)
	b.reads("#head", "booking")
	b.shoot("configuration-none")
	b.click("input[value=oauth2]")
	b.choose("input[name=issuers]", "ThunderKeyManager")
	b.choose("select[name=test]", "yes")
	b.shoot("configuration-oauth2")
	b.press("#authentication-form button[type=submit]")
	b.reads(".diff", `scheme: "oauth2"`)
	b.reads(".draft", "ThunderKeyManager")
	b.reads(".draft .counts", "create")
	b.shoot("draft")
	b.press(".draft button.primary")
	b.reads("main", "Committed")
	b.shoot("committed")
	text := b.w.git("show", "main:booking.cue")
	for _, comment := range []string{"// Booking takes reservations", "// OpenChoreo namespace", "// All of it is one API.", "// Open while we build it."} {
		if !strings.Contains(text, comment) {
			b.t.Errorf("the comment %q is gone:\n%s", comment, text)
		}
	}
	if changed := b.w.git("diff", "--numstat", "main~1", "main"); strings.Count(changed, "\n") != 0 || !strings.HasSuffix(changed, "booking.cue") {
		b.t.Errorf("the commit changes %s", changed)
	}
	b.open(page0)
	b.comesToRead("#head .status", "converged")
	b.w.settled("booking")
	b.w.answers("", http.StatusUnauthorized)
	b.comesToRead("#head", "OAuth2")
	b.comesToRead("#pending", "Nothing to do")
	b.open(page0)
	b.shoot("configuration")
}

// try calls the API from the testing page: 401 without a token, 200 with one.
func (b *browser) try() {
	b.open(page0 + "/test")
	b.shoot("test")
	send := func(client string) {
		b.choose("input[name=path]", "/hello")
		b.choose("select[name=client]", client)
		b.press("button.primary")
	}
	send("")
	b.reads("#answer", "401")
	send("test")
	b.reads("#answer", "200")
	b.reads("#curl", "curl")
	b.shoot("test-answer")
	b.press("button[formaction$=token]")
	if kind := b.kind("#access-token"); kind != "password" {
		b.t.Errorf("the token is shown unasked: %s", kind)
	}
	b.w.answers(b.value("#access-token"), http.StatusOK)
	b.reads("main", "urn:gatewright:acme/travel/booking:development")
	b.comesToRead("time[data-until]", "minutes")
	b.click("[data-show=access-token]")
	b.w.eventually("the token shows when it is asked for", func() error {
		if kind := b.kind("#access-token"); kind != "text" {
			return fmt.Errorf("it is %s", kind)
		}
		return nil
	})
	b.click("[data-show=access-token]")
	b.shoot("test-token")
	b.press("button[formaction$=proof]")
	b.reads("main", "The proof passed")
	b.reads(".checks", "with a token for another audience")
	b.shoot("test-proof")
}

// consume makes a consumer, reveals its secret, and gets a token with curl.
func (b *browser) consume() {
	b.open(page0 + "/consume")
	b.shoot("consume")
	b.typed(".create input[name=client]", "mobile-app")
	b.press(".create button")
	b.reads(".diff", `"mobile-app": {}`)
	b.press(".draft button.primary")
	b.w.settled("booking")
	b.open(page0 + "/consume")
	b.press(`form:has(input[value="mobile-app"]) button[type=submit]`)
	b.reads("main", "shown this once")
	id, secret := b.text("#shown-id"), b.value("#shown-secret")
	b.shoot("consume-shown")
	curl := exec.CommandContext(b.t.Context(), "curl", "-sS", "-u", id+":"+secret, "-d", "grant_type=client_credentials", b.w.stack.Thunder.URL+"/oauth2/token")
	said, err := curl.CombinedOutput()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(said, &token); err != nil || token.AccessToken == "" {
		b.t.Errorf("curl got no token: %v", err)
	}
	if err != nil {
		b.t.Errorf("curl: %v", err)
	}
	b.w.answers(token.AccessToken, http.StatusOK)
	b.open(page0 + "/consume")
	if strings.Contains(b.text("html"), secret) {
		b.t.Error("the secret is shown again unasked")
	}
	if strings.Contains(b.w.log(), secret) {
		b.t.Error("the secret is in the daemon's log")
	}
	b.open("/audit?action=reveal-secret")
	b.reads("#events", "mobile-app")
	b.t.Setenv("CLIENT_ID", id)
	b.t.Setenv("CLIENT_SECRET", secret)
}

// examples runs those that this machine has the language of.
func (b *browser) examples() {
	b.open(page0 + "/consume")
	for _, e := range []struct {
		id, file string
		command  []string
	}{
		{"curl", "call.sh", []string{"sh"}}, {"python", "call.py", []string{"python3"}},
		{"javascript", "call.mjs", []string{"node"}}, {"java", "Call.java", []string{"java"}}, {"go", "main.go", []string{"go", "run"}},
	} {
		if _, err := exec.LookPath(e.command[0]); err != nil {
			b.t.Logf("the example in %s was not run: there is no %s on this machine", e.id, e.command[0])
			continue
		}
		text := get(b, chromedp.Evaluate[string](fmt.Sprintf("document.getElementById('example-%s').textContent", e.id)))
		file := filepath.Join(b.t.TempDir(), e.file)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			b.t.Fatal(err)
		}
		cmd := exec.CommandContext(b.t.Context(), e.command[0], append(e.command[1:], file)...)
		said, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(said), "200") {
			b.t.Errorf("the example in %s: %v\n%s\n%s", e.id, err, said, text)
		}
	}
}

// yaml edits a spec in YAML likewise.
func (b *browser) yaml() {
	b.open("/agents/acme/travel/concierge/development")
	b.click("input[value=oauth2]")
	b.choose("input[name=issuers]", "ThunderKeyManager")
	b.press("#authentication-form button[type=submit]")
	b.press(".draft button.primary")
	text := b.w.git("show", "main:concierge.yaml")
	if !strings.Contains(text, "# Specs may be YAML, too.") || !strings.Contains(text, "# for now") || !strings.Contains(text, "oauth2") {
		b.t.Errorf("the file is\n%s", text)
	}
	b.w.settled("concierge")
}

// conflict pushes a change of the file between the draft and the commit.
func (b *browser) conflict() {
	b.open(page0)
	b.choose("input[name=validity]", "5m")
	b.press("#authentication-form button[type=submit]")
	text := b.w.git("show", "main:booking.cue")
	if _, err := stack.Git(b.t.Context(), b.w.repo.Clone, "pull", "--quiet", "origin", "main"); err != nil {
		b.t.Fatal(err)
	}
	if err := b.w.repo.Push(b.t.Context(), "booking: a comment", map[string]string{"booking.cue": text + "\n// Somebody was here.\n"}); err != nil {
		b.t.Fatal(err)
	}
	b.press(".draft button.primary")
	b.reads("main", "Somebody was first")
	b.shoot("conflict")
	if strings.Contains(b.w.git("show", "main:booking.cue"), "5m") {
		b.t.Error("the change was committed all the same")
	}
}

// suspend suspends the binding and resumes it.
func (b *browser) suspend() {
	b.open(page0 + "/history")
	b.typed("input[name=reason]", "a fair")
	b.press("form[action$=suspend] button")
	b.reads("#head", "a fair")
	b.shoot("history-suspended")
	b.press("form[action$=resume] button")
	b.w.settled("booking")
	b.comesToRead("#head .status", "converged")
}

// past looks at what was done.
func (b *browser) past() {
	b.open(page0 + "/history")
	b.reads("#steps", "create")
	b.shoot("history")
	b.open("/runs")
	b.reads("#runs", "push")
	b.shoot("runs")
	b.open("/audit")
	b.reads("#events", "suspend")
	b.shoot("audit")
	b.open("/nothing")
	b.reads("body", "There is no such page")
	b.shoot("missing")
	b.open("/api/v1/docs")
	b.shoot("api")
}

// viewer may see, and is refused each act by the server.
func (w *world) viewer(t *testing.T) {
	token := w.issuer.token("viewers", audience)
	if status, answer := w.call(t.Context(), http.MethodGet, "/api/v1/bindings", token, ""); status != http.StatusOK || !strings.Contains(answer, "booking") {
		t.Errorf("a viewer sees, with %d: %s", status, answer)
	}
	const api = "/api/v1/bindings/acme/travel/booking/development"
	for path, body := range map[string]string{
		api + "/token": `{}`, api + "/try": `{"method":"GET","path":"/"}`, api + "/proof": `{}`,
		api + "/credentials/own": `{}`, api + "/clients/own/rotate": `{"reason":"x"}`,
		api + "/changes":      `{"edits":[{"path":["environments","development","endpointAuthentication","scheme"],"value":"none"}]}`,
		"/api/v1/suspensions": `{"scope":"acme","reason":"x","until":"2100-01-01T00:00:00Z"}`, "/api/v1/sync": `{}`,
	} {
		if status, answer := w.call(t.Context(), http.MethodPost, path, token, body); status != http.StatusForbidden {
			t.Errorf("%s answers %d: %s", path, status, answer)
		}
	}
	for _, act := range []string{"/draft", "/commit", "/test/token", "/test/try", "/test/proof", "/consume/reveal", "/consume/rotate", "/suspend", "/resume"} {
		if status, answer := w.call(t.Context(), http.MethodPost, page0+act, token, ""); status < 400 || status == http.StatusInternalServerError {
			t.Errorf("the page %s answers %d: %s", act, status, answer)
		}
	}
}
