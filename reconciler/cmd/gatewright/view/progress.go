package view

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// patience is how long work may take before a person is told of it.
const patience = time.Second

// Progress tells a person at a terminal what is being done when it takes
// longer than a second: one line, rewritten in place, wiped at the end. Anywhere
// else it says nothing.
type Progress struct {
	w      io.Writer
	mu     sync.Mutex
	text   string
	began  time.Time
	stop   chan struct{}
	closed sync.WaitGroup
}

// StartProgress begins to tell of work on w.
func StartProgress(w io.Writer, text string) *Progress {
	p := &Progress{w: w, text: text, began: time.Now(), stop: make(chan struct{})}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.closed.Go(p.run)
	}
	return p
}

// Setf changes the text.
func (p *Progress) Setf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = fmt.Sprintf(format, args...)
}

// Stop wipes the line.
func (p *Progress) Stop() {
	close(p.stop)
	p.closed.Wait()
}

// run rewrites the line until Stop.
func (p *Progress) run() {
	tick := time.NewTicker(patience / 5)
	defer tick.Stop()
	shown := false
	for {
		select {
		case <-p.stop:
			if shown {
				fmt.Fprint(p.w, "\r\x1b[K")
			}
			return
		case now := <-tick.C:
			if took := now.Sub(p.began); took >= patience {
				p.mu.Lock()
				fmt.Fprintf(p.w, "\r\x1b[K%s (%d s)", p.text, int(took.Seconds()))
				p.mu.Unlock()
				shown = true
			}
		}
	}
}
