package source_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/source"
)

// patience is how long an event that must come is waited for. On a busy
// machine it may take longer than promised; TestWatchLatency has the promise.
const patience = 10 * time.Second

func wantEvent(t testing.TB, events <-chan struct{}, what string) {
	t.Helper()
	select {
	case _, ok := <-events:
		if !ok {
			t.Fatalf("%s: the channel is closed", what)
		}
	case <-time.After(patience):
		t.Fatalf("%s: no event", what)
	}
}

func wantQuiet(t testing.TB, events <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-events:
		t.Fatalf("%s: an event came", what)
	case <-time.After(200 * time.Millisecond):
	}
}

func TestWatchSeesEveryKindOfChange(t *testing.T) {
	t.Parallel()
	bare, r := newBare(t)
	r.commit("one", map[string]string{"n": "1"})
	r.push()
	s := open(t, source.Config{Repository: bare.dir, Branch: "main", Poll: time.Hour})
	snapshot(t, s)
	events := s.Watch(t.Context())
	wantQuiet(t, events, "nothing happened")

	r.commit("two", map[string]string{"n": "2"})
	r.push()
	wantEvent(t, events, "push")
	bare.git("gc", "-q") // packs objects and refs, and changes nothing
	wantQuiet(t, events, "gc")
	r.commit("three", map[string]string{"n": "3"})
	r.push()
	wantEvent(t, events, "push after gc")
	bare.git("pack-refs", "--all")
	wantQuiet(t, events, "pack-refs")
	r.git("push", "-q", "origin", "main:team/x/y", "main:refs/tags/v1")
	wantQuiet(t, events, "a push to other refs")
	bare.git("update-ref", "refs/heads/main", r.git("rev-parse", "main~1"))
	wantEvent(t, events, "update-ref")
	bare.git("update-ref", "-d", "refs/heads/main")
	wantEvent(t, events, "deleted branch")
	r.push()
	wantEvent(t, events, "branch made again")
	wantContents(t, snapshot(t, s).Tree, map[string]string{"n": "3"})
}

func TestWatchFollowsHEADAndNewDirectories(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("one", map[string]string{"n": "1"})
	linked := filepath.Join(t.TempDir(), "linked")
	r.git("worktree", "add", "-q", "-b", "linked", linked)
	w := repo{t, linked}
	here, there := open(t, source.Config{Repository: r.dir, Poll: time.Hour}), open(t, source.Config{Repository: linked, Poll: time.Hour})
	snapshot(t, here)
	snapshot(t, there)
	hereEvents, thereEvents := here.Watch(t.Context()), there.Watch(t.Context())

	w.commit("two", map[string]string{"n": "2"})
	wantEvent(t, thereEvents, "commit in a linked worktree")
	wantQuiet(t, hereEvents, "commit in another worktree")
	r.git("checkout", "-q", "-b", "deep/er/branch")
	r.commit("three", map[string]string{"n": "3"})
	wantEvent(t, hereEvents, "commit on a branch in new directories")
	snapshot(t, here)
	r.git("checkout", "-q", "main")
	wantEvent(t, hereEvents, "checkout")
}

func TestWatchTellsWhatCameBefore(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("one", nil)
	s := open(t, source.Config{Repository: r.dir, Poll: time.Hour})
	snapshot(t, s)
	r.commit("two", nil)
	wantEvent(t, s.Watch(t.Context()), "commit between snapshot and watch")
}

func TestWatchSurvivesANewRepositoryInPlace(t *testing.T) {
	t.Parallel()
	bare, r := newBare(t)
	r.commit("one", nil)
	r.push()
	s := open(t, source.Config{Repository: bare.dir, Poll: 300 * time.Millisecond})
	snapshot(t, s)
	events := s.Watch(t.Context())
	if err := os.RemoveAll(bare.dir); err != nil {
		t.Fatal(err)
	}
	wantEvent(t, events, "the repository is gone")
	if _, err := s.Snapshot(t.Context()); err == nil {
		t.Error("a repository that is gone was read")
	}
	bare.must("", "init", "-q", "--bare", "-b", "main", bare.dir)
	hash := r.commit("two", map[string]string{"n": "2"})
	r.push()
	wantEvent(t, events, "the repository is there again")
	for deadline := time.Now().Add(patience); ; {
		snap, err := s.Snapshot(t.Context())
		if err == nil && snap.Revision.Hash == hash {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the new repository is not read: %v %v", snap.Revision, err)
		}
		<-events
	}
}

func TestWatchPollsRemotes(t *testing.T) {
	t.Parallel()
	bare, r := newBare(t)
	r.commit("one", nil)
	r.push()
	server := gitHTTP(t, bare, plainly)
	s := open(t, source.Config{Repository: server.URL + "/specs.git", Poll: 50 * time.Millisecond, Auth: source.Auth{CAFile: caFile(t, server)}})
	snapshot(t, s)
	events := s.Watch(t.Context())
	wantQuiet(t, events, "nothing happened")
	r.commit("two", nil)
	r.push()
	wantEvent(t, events, "push")
	snapshot(t, s)
	server.Close()
	wantEvent(t, events, "the server is gone")
}

func TestWatchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("one", nil)
	s := open(t, source.Config{Repository: r.dir})
	ctx, cancel := context.WithCancel(t.Context())
	events := s.Watch(ctx)
	cancel()
	select {
	case _, ok := <-events:
		if ok {
			t.Error("an event came instead of the end")
		}
	case <-time.After(patience):
		t.Error("the channel was not closed")
	}
}

// TestWatchLatency has the promise: a push is told of within 100 ms, and many
// pushes at once are few events. The machine may stall any single one, so the
// median counts.
func TestWatchLatency(t *testing.T) {
	bare, r := newBare(t)
	r.commit("one", nil)
	r.push()
	s := open(t, source.Config{Repository: bare.dir, Poll: time.Hour})
	snapshot(t, s)
	events := s.Watch(t.Context())
	ids := []string{r.git("rev-parse", "HEAD")}
	for i := range 9 {
		ids = append(ids, r.commit(strconv.Itoa(i), nil))
	}
	r.git("push", "-q", "origin", "main:keep") // the objects are there
	slow := 0
	for _, id := range ids[1:] {
		// What a push does last: the ref moves by a rename.
		lock := bare.path("refs/heads/main.lock")
		if err := os.WriteFile(lock, []byte(id+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := os.Rename(lock, bare.path("refs/heads/main")); err != nil {
			t.Fatal(err)
		}
		wantEvent(t, events, "push")
		if time.Since(start) > 100*time.Millisecond {
			slow++
		}
	}
	if slow > len(ids)/2 {
		t.Errorf("%d of %d pushes took longer than 100ms to be told of", slow, len(ids)-1)
	}

	count := 0
	for range 20 {
		for _, id := range ids {
			bare.write("refs/heads/main", id+"\n")
		}
	}
	for quiet := false; !quiet; {
		select {
		case <-events:
			count++
		case <-time.After(300 * time.Millisecond):
			quiet = true
		}
	}
	if count > 20 {
		t.Errorf("200 pushes at once were told of %d times", count)
	}
}
