package inventory_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatewright/gatewright/reconciler/inventory"
	"github.com/gatewright/gatewright/reconciler/plan"
	"github.com/gatewright/gatewright/reconciler/resource"
)

// crashEnv makes the test binary a process that writes to the database it
// names until it is killed.
const crashEnv = "GATEWRIGHT_TEST_INVENTORY_CRASH"

// writeUntilKilled intends, settles and saves without end. What it owns of each
// round is all three of its resources or none.
func writeUntilKilled(path string) {
	ctx := context.Background()
	err := func() error {
		s, err := inventory.Open(ctx, "sqlite://"+path, inventory.Options{})
		if err != nil {
			return err
		}
		lease, err := s.AcquireLease(ctx, "production", "child", time.Minute)
		if err != nil {
			return err
		}
		run, err := s.BeginRun(lease.Context(), inventory.Run{Kind: inventory.Pass, Environments: []string{"production"}})
		if err != nil {
			return err
		}
		fmt.Println("ready")
		for i := 0; ; i++ {
			b := resource.Binding{Organization: "acme", Project: "p", Agent: fmt.Sprintf("r%d-a%d", run, i), Environment: "production"}
			steps := stepsOf(b)
			ids, err := s.Intend(ctx, run, steps)
			if err != nil {
				return err
			}
			var settled []inventory.Settlement
			for j, st := range steps {
				settled = append(settled, inventory.Settlement{Step: ids[j], State: inventory.Done, Added: []resource.ID{st.ID}})
			}
			if err := s.Settle(ctx, settled); err != nil {
				return err
			}
			if err := s.SaveBindings(ctx, []inventory.Binding{{Binding: b, Status: inventory.Converged}}); err != nil {
				return err
			}
		}
	}()
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// stepsOf are the creating steps of a binding with one client.
func stepsOf(b resource.Binding) []plan.Step {
	return []plan.Step{
		{ID: resource.ID{Kind: resource.KindCredential, Binding: b, Name: resource.ClientOwn}, Action: plan.Create},
		{ID: resource.ID{Kind: resource.KindClient, Binding: b, Name: resource.ClientOwn}, Action: plan.Create},
		{ID: resource.ID{Kind: resource.KindEndpoint, Binding: b}, Action: plan.Create},
	}
}

// TestKill kills a writer again and again. Each successor must be able to open
// the file and take the lease at once, and no outcome may be half stored.
func TestKill(t *testing.T) {
	t.Parallel()
	kills := 50
	if testing.Short() {
		kills = 5
	}
	path := filepath.Join(t.TempDir(), "gatewright.db")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for i := range kills {
		killOne(t, exe, path, i)
		checkAfterKill(t, path)
	}
}

// killOne starts a writer and kills it: every fifth before it has opened the
// database, the others at a random moment of its writing.
func killOne(t *testing.T, exe, path string, i int) {
	t.Helper()
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), crashEnv+"="+path)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if i%5 != 4 {
		if _, err := stdout.Read(make([]byte, 16)); err != nil {
			_ = cmd.Wait()
			t.Fatalf("writer %d: %v\n%s", i, err, stderr.String())
		}
	}
	<-time.After(time.Duration(rand.IntN(30_000)) * time.Microsecond)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if stderr.Len() > 0 {
		t.Fatalf("writer %d: %s", i, stderr.String())
	}
}

func checkAfterKill(t *testing.T, path string) {
	t.Helper()
	s := openStore(t, "sqlite://"+path)
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	owned, err := s.Owned(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	per := map[resource.Binding]int{}
	for _, id := range owned {
		per[id.Binding]++
	}
	saved, err := s.Bindings(t.Context(), inventory.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range saved {
		if per[b.Binding] != 3 {
			t.Fatalf("%s was saved after %d of its resources", b.Binding, per[b.Binding])
		}
	}
	for b, n := range per {
		if n != 3 {
			t.Fatalf("%s owns %d resources of one settlement", b, n)
		}
	}
	left, err := s.OpenIntents(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	if len(left)%3 != 0 {
		t.Fatalf("%d intents are open, of writes of three", len(left))
	}
	for _, st := range left {
		if per[st.ID.Binding] != 0 {
			t.Fatalf("%s is owned and its step open", st.ID)
		}
	}
	lease, err := s.AcquireLease(t.Context(), "production", "parent", time.Minute)
	if err != nil {
		t.Fatalf("the lease of a dead process: %v", err)
	}
	if err := lease.Release(); err != nil {
		t.Fatal(err)
	}
}

func openStore(t *testing.T, dsn string) *inventory.Store {
	t.Helper()
	s, err := inventory.Open(t.Context(), dsn, inventory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
