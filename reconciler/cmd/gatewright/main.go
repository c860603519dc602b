// Command gatewright keeps the OAuth protection of agent APIs as git says it
// should be.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/command"
	"github.com/gatewright/gatewright/schema"
)

// version is set by the linker.
var version = "dev"

// garbage is how much memory, in percent of what is in use, may be garbage
// before it is collected; GOGC overrides it. Go's own 100 costs a tenth less
// CPU and half as much memory again with thousands of bindings.
const garbage = 50

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	schema.WorkerMain()
	os.Exit(command.Main(context.Background(), os.Args[1:], version))
}
