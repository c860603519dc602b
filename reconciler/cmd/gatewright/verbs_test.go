//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gatewright/gatewright/fixtures/faulty"
	"github.com/gatewright/gatewright/fixtures/openbao"
	"github.com/gatewright/gatewright/fixtures/openchoreo"
	"github.com/gatewright/gatewright/fixtures/thunder"
)

// verbs are the commands that script_test.go lists.
var verbs = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"exits": verb(2, exits), "stack": verb(3, stack), "commit": verb(1, commit),
	"thunder": verb(1, misbehave("thunder")), "bao": verb(1, misbehave("bao")), "cluster": verb(1, misbehave("cluster")),
	"gateway": verb(2, call), "untouched": verb(0, untouched), "harmless": verb(0, harmless), "changed": verb(1, changed),
	"git-server": verb(0, gitServer), "healthz": verb(1, healthz), "dotdot": verb(0, dotdot), "database": verb(1, database), "envsubst": verb(1, envsubst), "bytes": verb(2, raw), "fill": verb(3, fill), "stamps": verb(1, stamps),
	"console": verb(1, serveConsole), "interrupt": verb(0, interrupt), "open": verb(2, open),
}

// verb is a command that takes at least so many arguments and no `!`.
func verb(least int, f func(ts *testscript.TestScript, w *world, args []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) < least {
			ts.Fatalf("the command takes %d arguments and no !, see script_test.go", least)
		}
		w, ok := ts.Value(worldKey{}).(*world)
		if !ok {
			ts.Fatalf("there is no world")
		}
		f(ts, w, args)
	}
}

// unseemly is what the program never prints: colours, away from a terminal,
// and what only its authors understand.
var unseemly = regexp.MustCompile(`\x1b|goroutine \d+|panic:|%![a-z(]|runtime error|0xc0`)

func exits(ts *testscript.TestScript, w *world, args []string) {
	code, got := number(ts, args[0]), 0
	err := ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != code {
		ts.Fatalf("exit status %d, want %d", got, code)
	}
	said := ts.ReadFile("stdout") + ts.ReadFile("stderr")
	w.mu.Lock()
	defer w.mu.Unlock()
	for secret := range w.secrets {
		if strings.Contains(said, secret) {
			ts.Fatalf("it prints the secret %s", secret)
		}
	}
	if at := unseemly.FindString(said); at != "" {
		ts.Fatalf("it prints %q", at)
	}
}

func number(ts *testscript.TestScript, s string) int {
	n, err := strconv.Atoi(s)
	ts.Check(err)
	return n
}

func stack(ts *testscript.TestScript, w *world, args []string) {
	w.organization, w.environment = args[0], args[1]
	ts.Check(w.start(context.Background(), args[2:]))
	for name, value := range map[string]string{
		"THUNDER": w.urls["thunder"], "BAO": w.urls["bao"], "CLUSTER": w.urls["cluster"],
		"GATEWAY": standIns.gateway.URL(), "ORG": w.organization,
	} {
		ts.Setenv(name, value)
	}
}

func commit(ts *testscript.TestScript, _ *world, args []string) {
	const dir = "specs"
	if _, err := os.Stat(ts.MkAbs(dir + "/.git")); err != nil {
		ts.Check(ts.Exec("git", "init", "--quiet", "--initial-branch=main", dir))
	}
	ts.Check(ts.Exec("git", "-C", dir, "add", "--all"))
	ts.Check(ts.Exec("git", "-C", dir, "commit", "--quiet", "--allow-empty", "-m", args[0]))
}

// misbehave is the command by which a target works badly, or well again.
func misbehave(target string) func(*testscript.TestScript, *world, []string) {
	return func(ts *testscript.TestScript, w *world, args []string) {
		proxy := map[string]*faulty.Proxy{"thunder": w.thunder.Faults(), "bao": w.bao.Faults(), "cluster": w.cluster}[target]
		f := faulty.Fault{Action: faulty.Action(args[0]), Bytes: 20}
		rest := args[1:]
		switch args[0] {
		case "mend":
			proxy.Disarm()
			return
		case "seal", "unseal":
			w.bao.SetMode(openbao.Mode{Sealed: args[0] == "seal"})
			return
		case "role":
			ts.Check(w.dismiss())
			return
		case "put":
			ts.Check(w.put(rest[0], rest[1]))
			return
		case "register":
			ts.Check(w.register(rest[0]))
			return
		case "policy":
			token, err := w.powerless()
			ts.Check(err)
			ts.Check(os.WriteFile(ts.MkAbs("openbao-token"), []byte(token), 0o600))
			return
		case "user":
			ts.Check(w.become(rest[0]))
			return
		case "fail":
			f.Action, f.Status, rest = faulty.Answer, number(ts, rest[0]), rest[1:]
			f.Body = map[string]string{
				"cluster": `{"kind": "Status", "apiVersion": "v1", "status": "Failure"}`, "bao": `{"errors": ["internal error"]}`,
			}[target]
		}
		if len(rest) > 0 {
			f.Route = rest[0]
		}
		_, err := proxy.Arm(f)
		ts.Check(err)
	}
}

// dismiss takes its role from the administrator's client at Thunder.
func (w *world) dismiss() error {
	return w.administer("/roles/"+thunder.AdministratorRoleID+"/assignments/remove",
		`{"assignments": [{"id": "`+thunder.AdministratorAppID+`", "type": "app"}]}`)
}

// register makes an application in Thunder as somebody else would, without a
// mark.
func (w *world) register(name string) error {
	return w.administer("/applications", `{"name": "`+name+`", "ouId": "`+thunder.DefaultOU+`", "type": "m2m", "inboundAuthConfig": [{"type": "oauth2", "config": {
		"clientId": "`+name+`-client", "grantTypes": ["client_credentials"], "tokenEndpointAuthMethod": "client_secret_basic"}}]}`)
}

// administer posts something to Thunder with an administrator's token.
func (w *world) administer(path, body string) error {
	form := strings.NewReader("grant_type=client_credentials&scope=system&resource=" + w.urls["thunder"] + "/mcp")
	req := httptest.NewRequest(http.MethodPost, "/oauth2/token", form)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("automation-client", adminSecret)
	var token struct {
		Access string `json:"access_token"`
	}
	if err := answer(w.thunder, req, &token); err != nil {
		return err
	}
	req = httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token.Access)
	return answer(w.thunder, req, nil)
}

// powerless makes a token of OpenBAO that may do nothing.
func (w *world) powerless() (string, error) {
	req := httptest.NewRequest(http.MethodPost, "/v1/auth/token/create", strings.NewReader(`{"policies": ["default"]}`))
	req.Header.Set("X-Vault-Token", rootToken)
	var made struct {
		Auth struct {
			Token string `json:"client_token"`
		} `json:"auth"`
	}
	err := answer(w.bao, req, &made)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secrets[made.Auth.Token] = true
	return made.Auth.Token, err
}

// put stores an entry in OpenBAO as somebody else would, without a mark.
func (w *world) put(path, data string) error {
	req := httptest.NewRequest(http.MethodPut, "/v1/secret/data/"+path, strings.NewReader(`{"data": `+data+`}`))
	req.Header.Set("X-Vault-Token", rootToken)
	return answer(w.sniff(w.bao), req, nil)
}

// answer asks a simulator directly.
func answer(h http.Handler, req *http.Request, into any) error {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	if rec.Code/100 != 2 {
		return errors.New(req.URL.Path + ": " + strconv.Itoa(rec.Code) + " " + rec.Body.String())
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(rec.Body.Bytes(), into)
}

// call calls an agent's API at the gateway.
func call(ts *testscript.TestScript, w *world, args []string) {
	agent, env, _ := strings.Cut(args[1], "@")
	req, err := http.NewRequest(http.MethodGet, standIns.gateway.URL()+openchoreo.Context(w.organization, env, agent)+"/hello", nil)
	ts.Check(err)
	if len(args) > 2 {
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(ts.ReadFile(args[2])))
	}
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	ts.Check(resp.Body.Close())
	if resp.StatusCode != number(ts, args[0]) {
		ts.Fatalf("%s answers %d, want %s", args[1], resp.StatusCode, args[0])
	}
}

// take returns what the targets were asked to change since the last take.
func (w *world) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.writes
	w.writes = nil
	return out
}

func untouched(ts *testscript.TestScript, w *world, _ []string) {
	if writes := w.take(); len(writes) > 0 {
		ts.Fatalf("the targets were asked to change something:\n%s", strings.Join(writes, "\n"))
	}
}

func harmless(ts *testscript.TestScript, w *world, _ []string) {
	for _, write := range w.take() {
		if strings.HasPrefix(write, "cluster ") || strings.Contains(write, " DELETE ") {
			ts.Fatalf("it may have opened or deleted something: %s", write)
		}
	}
}

func changed(ts *testscript.TestScript, w *world, args []string) {
	writes := w.take()
	n := len(slices.DeleteFunc(slices.Clone(writes), func(s string) bool { return !strings.Contains(s, " DELETE ") }))
	if want := "deletes=" + strconv.Itoa(n); len(writes) == 0 || args[0] != want {
		ts.Fatalf("%d changes, %s, want some and %s:\n%s", len(writes), want, args[0], strings.Join(writes, "\n"))
	}
}

func fill(ts *testscript.TestScript, _ *world, args []string) {
	text := bytes.Repeat([]byte(args[2]), number(ts, args[1])/len(args[2]))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o600))
}

// envsubst puts the values of variables into a file.
func envsubst(ts *testscript.TestScript, _ *world, args []string) {
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// raw writes a file of any bytes.
func raw(ts *testscript.TestScript, _ *world, args []string) {
	text, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// passing are what differs from run to run, and the words for it.
var passing = []struct {
	pattern *regexp.Regexp
	word    string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`), "<time>"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-][\d:]+)`), "<time>"},
	{regexp.MustCompile(`\b(\d+m)?[\d.]+(ms|µs|s)\b`), "<span>"},
	{regexp.MustCompile(`(\S) {2,}`), "$1  "},
	{regexp.MustCompile(`(correlation id |"jti": "|\(id )[0-9a-f-]{36}`), "$1<id>"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+->`), "<us>->"},
}

// stamps also collapses spaces, since columns are as wide as what is in them.
func stamps(ts *testscript.TestScript, w *world, args []string) {
	text := strings.ReplaceAll(ts.ReadFile(args[0]), ts.Getenv("WORK"), "<work>")
	if standIns.gateway != nil {
		text = strings.ReplaceAll(text, standIns.gateway.URL(), "<gateway>")
	}
	if git := ts.Getenv("GIT"); git != "" {
		text = strings.ReplaceAll(text, git, "<git>")
	}
	for name, url := range w.urls {
		text = strings.ReplaceAll(text, url, "<"+name+">")
		text = strings.ReplaceAll(text, strings.TrimPrefix(url, "http://"), "<"+name+">")
	}
	for _, p := range passing {
		text = p.pattern.ReplaceAllString(text, p.word)
	}
	ts.Check(os.WriteFile(ts.MkAbs("stamped"), []byte(text), 0o600))
}
