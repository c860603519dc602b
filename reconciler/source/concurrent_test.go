package source_test

import (
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/gatewright/gatewright/reconciler/source"
	"github.com/gatewright/gatewright/schema"
)

// TestReadingDuringPushesAndGC: whatever git does to the repository meanwhile,
// a snapshot is all of one commit.
func TestReadingDuringPushesAndGC(t *testing.T) {
	t.Parallel()
	bare, r := newBare(t)
	const files = 20
	push := func(i int) {
		all := map[string]string{}
		for f := range files {
			all[fmt.Sprintf("d%d/f%d", f%4, f)] = strconv.Itoa(i)
		}
		r.commit(strconv.Itoa(i), all)
		r.push()
	}
	push(0)
	s := open(t, source.Config{Repository: bare.dir})
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				snap, err := s.Snapshot(t.Context())
				if err == nil {
					err = ofOneCommit(snap, files)
				}
				if err != nil {
					t.Errorf("during pushes and gc: %v", err)
					return
				}
			}
		})
	}
	for i := range 12 {
		push(i + 1)
		if i%2 == 0 {
			bare.git("repack", "-q", "-a", "-d")
		} else {
			bare.git("gc", "-q", "--prune=now")
		}
	}
	close(done)
	readers.Wait()
}

func ofOneCommit(snap source.Snapshot, files int) error {
	if len(snap.Tree) != files {
		return fmt.Errorf("%d files, want %d", len(snap.Tree), files)
	}
	read := func(e schema.Entry) (string, error) {
		content, err := e.Read()
		return string(content), err
	}
	for _, e := range snap.Tree {
		got, err := read(e)
		if err != nil {
			return err
		}
		if got != snap.Revision.Message {
			return fmt.Errorf("%s is of commit %s in a snapshot of %s", e.Path, got, snap.Revision.Message)
		}
	}
	return nil
}
