package harness

import (
	"context"
	_ "embed" // the list of images
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"go.yaml.in/yaml/v3"
)

//go:embed peers.yaml
var peersFile []byte

// Peer is a system that gatewright works with.
type Peer struct {
	// Name is what E2E_REQUIRE_REAL and the table call it.
	Name string `yaml:"name"`
	// Image is the real one; empty if there is none to be had as a container of
	// its own.
	Image string `yaml:"image"`
	// Variable overrides Image.
	Variable string `yaml:"variable"`
	// Note says what stands in, and why.
	Note string `yaml:"note"`

	real bool
}

// peers reads the list of peers, with what the environment overrides.
func peers() ([]*Peer, error) {
	var list struct {
		Peers []*Peer `yaml:"peers"`
	}
	if err := yaml.Unmarshal(peersFile, &list); err != nil {
		return nil, fmt.Errorf("peers.yaml: %w", err)
	}
	for _, p := range list.Peers {
		if image := os.Getenv(p.Variable); p.Variable != "" && image != "" {
			p.Image = image
		}
	}
	return list.Peers, nil
}

// pullTime bounds one attempt to pull an image.
const pullTime = 5 * time.Minute

// resolve finds out which peers are real, and fails if one is not that has to
// be.
func (e *engine) resolve(ctx context.Context, list []*Peer) error {
	required, err := required(os.Getenv("E2E_REQUIRE_REAL"), list)
	if err != nil {
		return err
	}
	var missing []string
	for _, p := range list {
		if p.Image == "" {
			continue
		}
		if err := e.have(ctx, p.Image); err != nil {
			if required[p.Name] {
				missing = append(missing, fmt.Sprintf("%s (%s: %v)", p.Name, p.Image, err))
			}
			continue
		}
		p.real = true
	}
	if len(missing) > 0 {
		return fmt.Errorf("E2E_REQUIRE_REAL: these images can neither be found nor pulled: %s", strings.Join(missing, "; "))
	}
	return nil
}

// required reads E2E_REQUIRE_REAL: names with commas, or 1 for every peer that
// has an image. A name that cannot be met is an error, so that a misspelt one
// does not let a stand-in pass.
func required(value string, list []*Peer) (map[string]bool, error) {
	out, known := map[string]bool{}, []string{}
	for _, p := range list {
		if p.Image != "" {
			known, out[p.Name] = append(known, p.Name), value == "1" || value == "all"
		}
	}
	if value == "" || value == "0" || value == "1" || value == "all" {
		return out, nil
	}
	for name := range strings.SplitSeq(value, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("E2E_REQUIRE_REAL: no peer with an image is called %q; there are %s", name, strings.Join(known, ", "))
		}
		out[name] = true
	}
	return out, nil
}

// Table says of each peer whether it is real.
func (s *Stack) Table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PEER\tIS\tIMAGE")
	for _, p := range s.peers {
		is, image := "stand-in", p.Note
		if p.real {
			is, image = "real", p.Image
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", p.Name, is, image)
	}
	_ = w.Flush() // into memory
	return b.String()
}

// Real reports whether a peer is the real one and no stand-in.
func (s *Stack) Real(name string) (bool, error) {
	for _, p := range s.peers {
		if p.Name == name {
			return p.real, nil
		}
	}
	return false, fmt.Errorf("there is no peer %q", name)
}

// peer finds a peer by name.
func (s *Stack) peer(name string) *Peer {
	for _, p := range s.peers {
		if p.Name == name {
			return p
		}
	}
	panic("no peer " + name) // names are constants here
}
