//go:build unix

package main

import (
	"bufio"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// serveConsole starts the program with the arguments of a command that serves a
// console, and sets LINK to what it prints, and LISTEN to where it is. The program ends with the script, or
// by `interrupt`.
func serveConsole(ts *testscript.TestScript, w *world, args []string) {
	cmd := exec.Command(program(ts), args...)
	cmd.Dir, cmd.Env = ts.Getenv("WORK"), environ(ts)
	said, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	lines := bufio.NewScanner(said)
	var log strings.Builder
	link := ""
	for link == "" && lines.Scan() {
		log.WriteString(lines.Text() + "\n")
		link, _ = strings.CutPrefix(lines.Text(), "gatewright: console: ")
		if link == lines.Text() {
			link = ""
		}
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines.Scan() {
			log.WriteString(lines.Text() + "\n")
		}
		_ = cmd.Wait() // its status is looked at
	}()
	w.served = func() (int, string) {
		_ = cmd.Process.Signal(syscall.SIGINT) // it may have ended
		<-ended
		return cmd.ProcessState.ExitCode(), log.String()
	}
	w.closers = append(w.closers, func() { w.served() })
	if link == "" {
		_, text := w.served()
		ts.Fatalf("no link was printed:\n%s", text)
	}
	at, err := url.Parse(link)
	ts.Check(err)
	ts.Setenv("LINK", link)
	ts.Setenv("LISTEN", at.Host)
}

// interrupt ends what serves a console, which must end well and have printed no
// secret.
func interrupt(ts *testscript.TestScript, w *world, _ []string) {
	code, text := w.served()
	if code != 0 || unseemly.MatchString(text) {
		ts.Fatalf("exit status %d:\n%s", code, text)
	}
	if strings.Count(text, "#") > 1 {
		ts.Fatalf("the link is in the log, too:\n%s", text)
	}
}

// open opens a link of a console and then a path with the session that it
// gives, and insists on both statuses. The answer is in the file page.
func open(ts *testscript.TestScript, _ *world, args []string) {
	link := args[1]
	if !strings.HasPrefix(link, "http") {
		link = strings.TrimSpace(ts.ReadFile(link))
	}
	at, err := url.Parse(link)
	ts.Check(err)
	jar, err := cookiejar.New(nil)
	ts.Check(err)
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	form := url.Values{"token": {at.Fragment}}
	at.Fragment = ""
	resp, err := client.PostForm(at.String(), form)
	ts.Check(err)
	ts.Check(resp.Body.Close())
	if resp.StatusCode != number(ts, args[0]) {
		ts.Fatalf("the link: %s, want %s", resp.Status, args[0])
	}
	if len(args) < 4 {
		return
	}
	at.Path = args[3]
	if resp, err = client.Get(at.String()); err == nil {
		var text []byte
		text, err = io.ReadAll(resp.Body)
		ts.Check(os.WriteFile(ts.MkAbs("page"), text, 0o600))
		ts.Check(resp.Body.Close())
	}
	ts.Check(err)
	if resp.StatusCode != number(ts, args[2]) {
		ts.Fatalf("GET %s: %s, want %s", args[3], resp.Status, args[2])
	}
}

// program is where a script finds gatewright.
func program(ts *testscript.TestScript) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		file := filepath.Join(dir, "gatewright")
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return file
		}
	}
	ts.Fatalf("there is no gatewright")
	return ""
}

// environ is the environment of a script that the program reads.
func environ(ts *testscript.TestScript) []string {
	out := []string{}
	for _, name := range []string{"HOME", "PATH", "TMPDIR", "WORK", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_TERMINAL_PROMPT"} {
		out = append(out, name+"="+ts.Getenv(name))
	}
	return out
}
