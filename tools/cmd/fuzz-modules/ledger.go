package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// ledger counts how often each target was executed, over all runs that wrote
// it down: a line a target, `package name executions`, separated by tabs.
type ledger struct {
	path   string
	counts map[target]int64
}

const ledgerHead = "# How often each fuzz target was executed without a failure; written by go tool task fuzz-long.\n"

// openLedger reads what was written down. A file that does not exist is empty.
func openLedger(path string) (*ledger, error) {
	l := &ledger{path: path, counts: map[target]int64{}}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	lines := bufio.NewScanner(file)
	for number := 1; lines.Scan(); number++ {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) != 3 {
			return nil, fmt.Errorf("%s:%d: want a package, a target and a number, separated by tabs", path, number)
		}
		n, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, number, err)
		}
		l.counts[target{fields[0], fields[1]}] = n
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	return l, nil
}

// add counts executions of a target and writes the ledger: a run that is ended
// loses the target that it is at, and no more.
func (l *ledger) add(t target, executions int64) error {
	l.counts[t] += executions
	var b strings.Builder
	b.WriteString(ledgerHead)
	for _, t := range slices.SortedFunc(maps.Keys(l.counts), target.compare) {
		fmt.Fprintf(&b, "%s\t%s\t%d\n", t.dir, t.name, l.counts[t])
	}
	if err := os.WriteFile(l.path, []byte(b.String()), 0o644); err != nil { //nolint:gosec // it is part of the repository
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}
