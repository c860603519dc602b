package command

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// info is what is known of a binary.
type info struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// String prints one line.
func (i info) String() string {
	s := "gatewright " + i.Version
	if i.Revision != "" {
		s += fmt.Sprintf(" (%.12s)", i.Revision)
	}
	return s + " " + i.Go + " " + i.Platform
}

// buildInfo completes the version that was linked in with what the toolchain
// wrote into the binary.
func buildInfo(version string) info {
	i := info{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return i
	}
	for _, s := range build.Settings {
		if s.Key == "vcs.revision" {
			i.Revision = s.Value
		}
	}
	return i
}
