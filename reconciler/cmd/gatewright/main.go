// Command gatewright keeps the OAuth protection of agent APIs as git says it
// should be.
package main

import (
	"context"
	"os"

	"github.com/gatewright/gatewright/reconciler/cmd/gatewright/command"
	"github.com/gatewright/gatewright/schema"
)

// version is set by the linker.
var version = "dev"

func main() {
	schema.WorkerMain()
	os.Exit(command.Main(context.Background(), os.Args[1:], version))
}
