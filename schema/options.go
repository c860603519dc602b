package schema

import (
	"cmp"
	"time"
)

// Limits are the caps of loading. A zero field takes its default.
type Limits struct {
	// CPU and Wall bound one evaluation. The defaults are 10 and 30 seconds.
	CPU, Wall time.Duration
	// Memory bounds what one evaluation holds, in bytes. The default is 384 MB.
	Memory int64
	// Output bounds what one evaluation says, in bytes. The default is 32 MB.
	Output int64
	// FileSize bounds a file, in bytes; a larger one is not read. The default
	// is 1 MB.
	FileSize int64
	// Files bounds the files of specs in a tree. The default is 50000.
	Files int
}

// orDefaults fills in the defaults.
func (l Limits) orDefaults() Limits {
	return Limits{
		CPU:      cmp.Or(l.CPU, 10*time.Second),
		Wall:     cmp.Or(l.Wall, 30*time.Second),
		Memory:   cmp.Or(l.Memory, 384<<20),
		Output:   cmp.Or(l.Output, 32<<20),
		FileSize: cmp.Or(l.FileSize, 1<<20),
		Files:    cmp.Or(l.Files, 50000),
	}
}

// Options are the options of a [Loader]. The zero value serves.
type Options struct {
	Limits Limits
	// Worker is the command line of a program that calls [WorkerMain] first.
	// The default is this program.
	Worker []string
	// Cache bounds the results that are kept, in bytes. The default is 64 MB.
	Cache int64
	// wholeDirectories has each directory evaluated at once, for the test that
	// batches make no difference.
	wholeDirectories bool
}
