//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sync/errgroup"

	"github.com/gatewright/gatewright/e2e/harness"
	"github.com/gatewright/gatewright/fixtures/hand"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// commands are those of the scripts, beside testscript's own. AGENT is NAME,
// NAME@ENVIRONMENT or ORG/NAME@ENVIRONMENT; the environment is production
// unless it is named.
//
//	agent AGENT...              deploy agents in the cluster, without OAuth
//	detached AGENT              deploy an agent that does not pass the gateway
//	promote AGENT               bind the latest release in the environment
//	agents N                    deploy N agents and write their specs, in which
//	                            each is protected in production
//	push MESSAGE                commit what is in specs/ and push it
//	gatewright CODE ARGS...     run a command; its output goes to out and err;
//	                            {pushed} is the revision that was pushed last,
//	                            {data} a directory that the next command has, too
//	daemon start|stop|kill|restart|pause|unpause|fill|free
//	replica start|stop|kill|restart|pause|unpause
//	                            the same with a second daemon on the same database
//	settings ssh|postgres|disk  read the specs over ssh; keep the inventory in
//	                            PostgreSQL, or on a disk that can be filled;
//	                            before all that needs gatewright
//	settings NAME VALUE         a setting at the top of the configuration
//	inventory VERSION [postgres]
//	                            install gatewright anew, with the inventory that
//	                            an earlier version of the schema has left
//	settled                     wait until a diff finds nothing: what the status
//	                            says may be older than what was changed by hand
//	converged N [SECONDS]       wait until N bindings are converged and proved
//	until AGENT TEXT            wait until the status of a binding holds a text
//	call STATUS AGENT [WITH [CLIENT]]
//	                            call an API: without a token, or with one of
//	                            the agent WITH; waits for a gateway that is slow
//	drift open|audience|secret|application AGENT
//	                            change something by hand; a secret is put there
//	                            if there is none
//	gone AGENT [CLIENT]         insist that application and secret are gone
//	there AGENT [CLIENT]        insist that both are there
//	sleep DURATION              let some time pass
//	said TEXT                   wait until the daemon has said a text
//	targets FILE AGENT...       write down what stands of agents at the targets
//	peer ACTION NAME            pause, unpause, kill, restart, disconnect or
//	                            connect the container of a peer; seal or unseal
//	                            openbao; fill or free the disk of one that has
//	                            its own
//
// [real:PEER] is true if the peer is no stand-in.
func commands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"agent": plain(deploy, 1, 0), "agents": plain(deployMany, 1, 1),
		"detached": plain(detached, 1, 1), "promote": plain(promote, 1, 1), "sleep": plain(sleep, 1, 1), "push": plain(push, 1, 1), "gatewright": plain(command, 2, 0),
		"daemon": plain(daemon, 1, 1), "replica": plain(replica, 1, 1), "settings": plain(settings, 1, 2), "converged": plain(converged, 1, 2), "until": plain(until, 2, 2),
		"call": plain(call, 2, 4), "drift": plain(drift, 2, 2), "gone": plain(gone, 1, 2), "there": plain(there, 1, 2),
		"peer": plain(disturb, 2, 2), "said": plain(said, 1, 1), "inventory": plain(inventory, 1, 2), "targets": plain(targets, 2, 0),
		"settled": plain(settled, 0, 0), "traffic": plain(startTraffic, 3, 4), "answered": plain(answered, 2, 2),
	}
}

// plain is a command that cannot be negated, with a number of arguments; a
// most of 0 is any.
func plain(f func(*testscript.TestScript, *world, []string), least, most int) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) < least || most > 0 && len(args) > most {
			ts.Fatalf("wrong use of a command: see commands_test.go")
		}
		f(ts, worldOf(ts), args)
	}
}

func deploy(ts *testscript.TestScript, w *world, args []string) {
	for _, arg := range args {
		b := w.agent(arg)
		environments := []string{b.Environment}
		if !strings.Contains(arg, "@") {
			environments = []string{"development", "production"}
		}
		ts.Check(w.Agent(w.ctx, b.Organization, b.Project, b.Agent, environments...))
	}
}

func detached(ts *testscript.TestScript, w *world, args []string) {
	b := w.agent(args[0])
	ts.Check(w.Detached(w.ctx, b.Organization, b.Project, b.Agent, "development", "production"))
}

func promote(ts *testscript.TestScript, w *world, args []string) {
	b := w.agent(args[0])
	ts.Check(w.by.Promote(w.ctx, b.Organization, b.Agent, b.Environment))
}

func deployMany(ts *testscript.TestScript, w *world, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	var group errgroup.Group
	group.SetLimit(8)
	for i := range n {
		b := w.agent(fmt.Sprintf("agent-%05d", i))
		spec := fmt.Sprintf(`package agents

agents: %q: {
	organization: %q
	project:      %q
	kind:         "custom-api"
	interface: {context: "/%s", port: 8000}
	environments: production: endpointAuthentication: {scheme: "oauth2", issuers: ["ThunderKeyManager"]}
}
`, b.Agent, b.Organization, b.Project, b.Agent)
		ts.Check(os.WriteFile(ts.MkAbs("specs/"+b.Agent+".cue"), []byte(spec), 0o600))
		group.Go(func() error { return w.Agent(w.ctx, b.Organization, b.Project, b.Agent, "development", "production") })
	}
	ts.Check(group.Wait())
}

func sleep(ts *testscript.TestScript, _ *world, args []string) {
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	time.Sleep(d)
}

func push(ts *testscript.TestScript, w *world, args []string) {
	const dir = "specs"
	git := func(args ...string) { ts.Check(ts.Exec("git", append([]string{"-C", dir}, args...)...)) }
	if _, err := os.Stat(ts.MkAbs(dir + "/.git")); err != nil {
		git("init", "--quiet", "--initial-branch=main")
		git("remote", "add", "origin", ts.Getenv("REPOSITORY"))
	}
	git("add", "--all")
	git("commit", "--quiet", "--allow-empty", "-m", args[0])
	git("push", "--quiet", "origin", "HEAD:main")
	git("rev-parse", "HEAD")
	w.pushed = strings.TrimSpace(ts.ReadFile("stdout"))
}

func command(ts *testscript.TestScript, w *world, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	r, err := w.install(ts).Run(w.ctx, meant(w, args[1:])...)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("out"), []byte(r.Stdout), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("err"), []byte(r.Stderr), 0o600))
	ts.Logf("[stdout]\n%s[stderr]\n%s[%s]", r.Stdout, r.Stderr, r.Took.Round(time.Millisecond))
	if r.Code != want {
		ts.Fatalf("gatewright %s: exit code %d, want %d", strings.Join(args[1:], " "), r.Code, want)
	}
}

// meant puts in what a script cannot know: {pushed} is the revision that was
// pushed last, {data} the directory that a command finds again.
func meant(w *world, args []string) []string {
	out := make([]string, len(args))
	for i, arg := range args {
		out[i] = strings.NewReplacer("{pushed}", w.pushed, "{data}", harness.DataDir).Replace(arg)
	}
	return out
}

func settings(ts *testscript.TestScript, w *world, args []string) {
	if w.gatewright != nil {
		ts.Fatalf("gatewright is installed already")
	}
	switch {
	case len(args) == 2:
		w.settings.Extra += args[0] + ": " + args[1] + "\n"
	case args[0] == "ssh":
		w.settings.Repository = w.repository.InsideSSH
	case args[0] == "disk":
		w.settings.SmallDisk = true
	case args[0] == "postgres":
		var err error
		w.settings.Database, err = w.Postgres(w.ctx, w.organization, "")
		ts.Check(err)
	default:
		ts.Fatalf("nothing is known of %q", args[0])
	}
}

func daemon(ts *testscript.TestScript, w *world, args []string) { control(ts, w, w.install(ts), args) }

func replica(ts *testscript.TestScript, w *world, args []string) {
	if w.replica == nil {
		var err error
		w.replica, err = w.Install(w.ctx, w.organization+"-replica", w.settings)
		ts.Check(err)
	}
	control(ts, w, w.replica, args)
}

// control starts, stops or disturbs the daemon of an installation.
func control(ts *testscript.TestScript, w *world, i *harness.Installation, args []string) {
	switch args[0] {
	case "start":
		ts.Check(i.Start(w.ctx))
	case "stop":
		ts.Check(i.Stop(w.ctx))
	default:
		ts.Check(act(w, i.Daemon, args[0]))
	}
}

// limit is how long a script waits for something unless it says otherwise.
const limit = 2 * time.Minute

// wait waits until ok returns nil.
func wait(ts *testscript.TestScript, w *world, limit time.Duration, ok func() error) {
	deadline := time.Now().Add(limit)
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) || w.ctx.Err() != nil {
			ts.Fatalf("not within %s: %v", limit, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func said(ts *testscript.TestScript, w *world, args []string) {
	wait(ts, w, limit, func() error {
		text, err := w.install(ts).Daemon.Said(w.ctx)
		if err == nil && !strings.Contains(text, args[0]) {
			err = fmt.Errorf("the daemon has not said %q", args[0])
		}
		return err
	})
}

func settled(ts *testscript.TestScript, w *world, _ []string) {
	wait(ts, w, limit, func() error {
		r, err := w.install(ts).Run(w.ctx, "diff")
		if err == nil && r.Code != 0 {
			err = fmt.Errorf("gatewright diff: exit code %d, want 0\n%s", r.Code, r.Stdout)
		}
		return err
	})
}

func converged(ts *testscript.TestScript, w *world, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	patience := limit
	if len(args) > 1 {
		seconds, err := strconv.Atoi(args[1])
		ts.Check(err)
		patience = time.Duration(seconds) * time.Second
	}
	wait(ts, w, patience, func() error {
		status, n := w.status(ts), 0
		for _, word := range status {
			if word == "converged" {
				n++
			}
		}
		if n != want {
			return fmt.Errorf("%d bindings are converged, want %d:\n%s", n, want, describe(status))
		}
		return nil
	})
}

func until(ts *testscript.TestScript, w *world, args []string) {
	name := w.agent(args[0]).String()
	wait(ts, w, limit, func() error {
		status := w.status(ts)
		if word := status[name]; !strings.HasPrefix(word, args[1]) || strings.Contains(word, "older revision") {
			return fmt.Errorf("%s is %q, want %q:\n%s", name, status[name], args[1], describe(status))
		}
		return nil
	})
}

func call(ts *testscript.TestScript, w *world, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	b, token, with := w.agent(args[1]), "", "without a token"
	if len(args) > 2 {
		client := resource.ClientOwn
		if len(args) > 3 {
			client = args[3]
		}
		token, err = w.by.Token(w.ctx, harness.Credential(w.agent(args[2]), client))
		ts.Check(err)
		with = "with a token of " + args[2] + " " + client
	}
	wait(ts, w, 20*time.Second, func() error {
		got, err := w.by.Call(w.ctx, b.Organization, b.Agent, b.Environment, token)
		if err == nil && got != want {
			err = fmt.Errorf("%s answers %d %s, want %d%s", b, got, with, want, audiences(w, b, token))
		}
		return err
	})
}

func drift(ts *testscript.TestScript, w *world, args []string) {
	b := w.agent(args[1])
	switch args[0] {
	case "open":
		ts.Check(w.by.Open(w.ctx, b.Organization, b.Agent, b.Environment))
	case "audience":
		ts.Check(w.by.Demand(w.ctx, b.Organization, b.Agent, b.Environment, "urn:another"))
	case "secret":
		ts.Check(w.by.Overwrite(w.ctx, harness.Credential(b, resource.ClientOwn), "a-strangers-secret"))
	case "application":
		found, err := w.by.RemoveApplication(w.ctx, resource.ApplicationID(b.ClientID(resource.ClientOwn)))
		ts.Check(err)
		if !found {
			ts.Fatalf("there was no application of %s", b)
		}
	default:
		ts.Fatalf("nothing is known of %q", args[0])
	}
}

func gone(ts *testscript.TestScript, w *world, args []string) { presence(ts, w, args, false) }

func there(ts *testscript.TestScript, w *world, args []string) { presence(ts, w, args, true) }

// presence insists that a client's application and secret are there, or gone.
func presence(ts *testscript.TestScript, w *world, args []string, want bool) {
	b, client := w.agent(args[0]), resource.ClientOwn
	if len(args) > 1 {
		client = args[1]
	}
	application := false
	for _, name := range []string{client, resource.Spare(client)} { // a client that was rotated has had two
		found, err := w.by.HasApplication(w.ctx, resource.ApplicationID(b.ClientID(name)))
		ts.Check(err)
		application = application || found
	}
	_, err := w.by.Secret(w.ctx, harness.Credential(b, client))
	if err != nil && !errors.Is(err, hand.ErrNotFound) {
		ts.Fatalf("%v", err)
	}
	if secret := err == nil; application != want || secret != want {
		ts.Fatalf("%s %s: application %v, secret %v, want %v", b, client, application, secret, want)
	}
}
