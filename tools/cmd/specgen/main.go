// Command specgen writes a specs repository of any size.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/gatewright/gatewright/tools/specgen"
)

func main() {
	var o specgen.Options
	dir := flag.String("dir", "", "directory to write to (required)")
	flag.IntVar(&o.Agents, "agents", 1000, "how many agents")
	flag.IntVar(&o.Organizations, "organizations", 5, "over how many organizations, 8 at most")
	flag.IntVar(&o.Consumers, "consumers", 0, "named clients of each agent")
	flag.StringVar(&o.Environment, "environment", "production", "the environment of each agent")
	flag.BoolVar(&o.Plain, "plain", false, "one CUE file an agent and nothing else")
	flag.Parse()
	if *dir == "" {
		fmt.Fprintln(os.Stderr, "specgen: --dir is required")
		os.Exit(64)
	}
	files, agents := specgen.Files(o)
	if err := specgen.Write(*dir, files); err != nil {
		fmt.Fprintf(os.Stderr, "specgen: error: %v\n", err)
		os.Exit(1)
	}
	fmt.Printf("%d agents in %d files\n", len(agents), len(files))
}
