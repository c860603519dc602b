package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// largest is the largest input that is kept, in bytes.
const largest = 2 << 10

// keep copies inputs of a target that guided runs have found to be of interest
// to where go test always runs them, the smallest first, until there are most.
func keep(ctx context.Context, t target, most int) error {
	found, err := cached(ctx, t)
	if err != nil {
		return err
	}
	return copyInputs(filepath.Join(found, t.name), filepath.Join(t.dir, "testdata", "fuzz", t.name), most)
}

// copyInputs copies the smallest files of a directory to another one, until that
// holds most. Neither has to exist.
func copyInputs(from, to string, most int) error {
	there, err := os.ReadDir(to)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keep inputs: %w", err)
	}
	entries, err := os.ReadDir(from)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keep inputs: %w", err)
	}
	type input struct {
		name string
		data []byte
	}
	var inputs []input
	for _, e := range entries {
		if slices.ContainsFunc(there, func(k fs.DirEntry) bool { return k.Name() == e.Name() }) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return fmt.Errorf("keep inputs: %w", err)
		}
		if len(data) <= largest {
			inputs = append(inputs, input{e.Name(), data})
		}
	}
	slices.SortFunc(inputs, func(a, b input) int {
		return cmp.Or(cmp.Compare(len(a.data), len(b.data)), cmp.Compare(a.name, b.name))
	})
	for _, in := range inputs[:min(len(inputs), max(0, most-len(there)))] {
		if err := os.MkdirAll(to, 0o755); err != nil { //nolint:gosec // it is committed
			return fmt.Errorf("keep inputs: %w", err)
		}
		if err := os.WriteFile(filepath.Join(to, in.name), in.data, 0o644); err != nil { //nolint:gosec // it is committed
			return fmt.Errorf("keep inputs: %w", err)
		}
	}
	return nil
}
