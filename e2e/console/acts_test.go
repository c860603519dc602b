//go:build unix

package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/chromedp/chromedp"
)

// wrap hands a credential over by way of OpenBAO, which gives it once.
func (b *browser) wrap() {
	b.open(page0 + "/consume")
	b.press(`form:has(input[value="mobile-app"]) button[name=wrap]`)
	token := b.value("#shown-wrapping")
	b.shoot("consume-wrapped")
	unwrap := func() (status int, secret string) {
		req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.w.stack.BaoURL+"/v1/sys/wrapping/unwrap", nil)
		if err != nil {
			b.t.Fatal(err)
		}
		req.Header.Set("X-Vault-Token", token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			b.t.Fatal(err)
		}
		defer resp.Body.Close()
		var answer struct {
			Data struct {
				Data map[string]string `json:"data"`
			} `json:"data"`
		}
		_ = json.NewDecoder(resp.Body).Decode(&answer) // a refusal has another form
		return resp.StatusCode, answer.Data.Data["client_secret"]
	}
	if status, secret := unwrap(); status != http.StatusOK || secret == "" {
		b.t.Errorf("OpenBAO answers %d to the wrapping token", status)
	}
	if status, _ := unwrap(); status == http.StatusOK {
		b.t.Error("the wrapping token is good twice")
	}
}

// rotate replaces the secret of a consumer and revokes the old one at once.
func (b *browser) rotate() {
	id, secret := os.Getenv("CLIENT_ID"), os.Getenv("CLIENT_SECRET")
	if status := b.w.tokenStatus(id, secret); status != http.StatusOK {
		b.t.Errorf("before the rotation the consumer gets %d", status)
	}
	b.open(page0 + "/consume")
	b.click(`form[action$=reveal]:has(input[value="mobile-app"]) ~ details summary`)
	b.typed(`form[action$=rotate]:has(input[value="mobile-app"]) input[name=reason]`, "leaked")
	b.press(`form[action$=rotate]:has(input[value="mobile-app"]) button[name=revoke]`)
	b.reads("main", "A new secret was asked for")
	b.w.eventually("the old secret is refused", func() error {
		if status := b.w.tokenStatus(id, secret); status != http.StatusUnauthorized {
			return fmt.Errorf("it gets %d", status)
		}
		return nil
	})
}

// remove takes a consumer away.
func (b *browser) remove() {
	b.open(page0 + "/consume")
	b.press(`form:has(input[value="remove-client"]) button`)
	b.reads(".diff", "mobile-app")
	b.press(".draft button.primary")
	b.w.settled("booking")
	b.open(page0 + "/consume")
	if text := b.text("#clients ~ div"); strings.Contains(text, "mobile-app") {
		b.t.Errorf("the consumer is still there: %s", text)
	}
	b.open("/")
	b.press(`form[action="/sync"] button`)
	b.reads("main", "looks at the repository and at the targets again")
}

// tokenStatus is the answer to a request for a token.
func (w *world) tokenStatus(id, secret string) int {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.stack.Thunder.URL+"/oauth2/token", strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(id, secret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// propose makes the same change at a console that commits to new branches: the
// branch that is followed stays as it is.
func (b *browser) propose() {
	beside := b.w.beside()
	b.do(chromedp.Navigate(beside.link()))
	b.w.eventually("the link leads to the overview", func() error {
		if title := get(b, chromedp.Title()); !strings.Contains(title, "Agents") {
			return fmt.Errorf("the title is %q", title)
		}
		return nil
	})
	head := b.w.git("rev-parse", "main")
	b.open(beside.url + page0)
	b.choose("input[name=validity]", "10m")
	b.press("#authentication-form button[type=submit]")
	b.reads(".draft button.primary", "new branch")
	b.press(".draft button.primary")
	b.reads("main", "Nothing changes until it is merged")
	b.shoot("proposed")
	link := get(b, chromedp.AttributeValue(chromedp.CSS("a.primary"), "href")).Value
	branch, err := url.PathUnescape(strings.TrimPrefix(link, "https://forge.example/compare/main..."))
	if err != nil {
		b.t.Fatal(err)
	}
	if b.w.git("rev-parse", "main") != head || !strings.Contains(b.w.git("show", "refs/heads/"+branch+":booking.cue"), "10m") {
		b.t.Errorf("the change is not on a branch of its own: %s", link)
	}
}

// beside starts `gatewright console` beside the daemon, with another way to
// commit.
func (w *world) beside() *world {
	w.t.Helper()
	text, err := os.ReadFile(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	address := free(w.t)
	other := *w
	other.url, other.dir = "http://"+address, w.t.TempDir()
	config := strings.ReplaceAll(string(text), strings.TrimPrefix(w.url, "http://"), address)
	config = strings.Replace(config, "console:\n", "console:\n  commits: {propose: true, pullRequestURL: \"https://forge.example/compare/{base}...{branch}\"}\n", 1)
	file := filepath.Join(other.dir, "beside.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		w.t.Fatal(err)
	}
	log, err := os.Create(other.logFile())
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.CommandContext(w.t.Context(), w.binary, "console", "--config", file)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = log, log, 10*time.Second
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = cmd.Wait() // it was asked to end
		if err := log.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return &other
}

// export is the audit as a table.
func (b *browser) export() {
	b.open("/audit?action=reveal-secret")
	text := get(b, chromedp.Evaluate[string](`(async () => (await (await fetch(document.querySelector("a[download]").href)).text()))()`, chromedp.EvalAwaitPromise))
	if !strings.HasPrefix(text, "id,at,actor,action") || !strings.Contains(text, "mobile-app") || strings.Contains(text, "suspend") {
		b.t.Errorf("the export of the audit: %.500q", text)
	}
}
