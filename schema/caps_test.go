package schema

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// goodSpec is a spec that is right.
func goodSpec(name string) string {
	return fmt.Sprintf("package agents\n\nagents: %q: {organization: \"o\", project: \"p\", kind: \"custom-api\", environments: dev: endpointAuthentication: scheme: \"none\"}\n", name)
}

// hostile are specs that are programs against whoever evaluates them.
var hostile = map[string]struct{ file, text string }{
	"cpu": {"loop.cue", `package agents

import "list"

agents: loop: {organization: "o", project: "p", kind: "custom-api", labels: n: "\(len([for x in list.Range(0, 3000, 1) for y in list.Range(0, 3000, 1) if x*y == -1 {x}]))", environments: dev: endpointAuthentication: scheme: "none"}
`},
	"memory": {"bomb.cue", `package agents

import "strings"

agents: bomb: {organization: "o", project: "p", kind: "custom-api", environments: dev: endpointAuthentication: scheme: "none"
	let s0 = strings.Repeat("0123456789abcdef", 64)
	let s1 = "\(s0)\(s0)\(s0)\(s0)\(s0)\(s0)\(s0)\(s0)"
	let s2 = "\(s1)\(s1)\(s1)\(s1)\(s1)\(s1)\(s1)\(s1)"
	let s3 = "\(s2)\(s2)\(s2)\(s2)\(s2)\(s2)\(s2)\(s2)"
	let s4 = "\(s3)\(s3)\(s3)\(s3)\(s3)\(s3)\(s3)\(s3)"
	let s5 = "\(s4)\(s4)\(s4)\(s4)\(s4)\(s4)\(s4)\(s4)"
	let s6 = "\(s5)\(s5)\(s5)\(s5)\(s5)\(s5)\(s5)\(s5)"
	labels: n: "\(len(s6))"
}
`},
	"unfold": {"unfold.cue", `package agents

agents: unfold: {organization: "o", project: "p", kind: "custom-api", environments: dev: endpointAuthentication: scheme: "none"
	let a = {x1: 1, x2: 1, x3: 1, x4: 1, x5: 1, x6: 1, x7: 1, x8: 1}
	let b = {x1: a, x2: a, x3: a, x4: a, x5: a, x6: a, x7: a, x8: a}
	let c = {x1: b, x2: b, x3: b, x4: b, x5: b, x6: b, x7: b, x8: b}
	let d = {x1: c, x2: c, x3: c, x4: c, x5: c, x6: c, x7: c, x8: c}
	let e = {x1: d, x2: d, x3: d, x4: d, x5: d, x6: d, x7: d, x8: d}
	let f = {x1: e, x2: e, x3: e, x4: e, x5: e, x6: e, x7: e, x8: e}
	labels: n: "\(len({g: f, h: f}.g.x1.x1.x1))", interface: {f}
}
`},
	"deep":  {"deep.cue", "package agents\n\nagents: deep: " + strings.Repeat("{a:", 200000) + "1" + strings.Repeat("}", 200000) + "\n"},
	"chain": {"chain.cue", "package agents\n\nagents: chain: " + strings.Repeat("a:", 400000) + "1\n"},
	"unary": {"unary.cue", "package agents\n\nagents: unary: labels: a: " + strings.Repeat("-", 900000) + "1\n"},
	"yaml aliases": {"alias.yaml", func() string {
		var b strings.Builder
		b.WriteString("x-a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
		for i := 1; i < 9; i++ {
			fmt.Fprintf(&b, "x-a%d: &a%d [%s]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10))
		}
		b.WriteString("agents:\n  alias: {organization: o, labels: *a8}\n")
		return b.String()
	}()},
	"yaml merge of itself": {"itself.yaml", "agents:\n  itself: &a\n    <<: *a\n"},
	"yaml merges": {"merges.yaml", func() string {
		var b strings.Builder
		b.WriteString("x-a0: &a0 {a: 1}\n")
		for i := 1; i < 40; i++ {
			fmt.Fprintf(&b, "x-a%d: &a%d {<<: [*a%d, *a%d]}\n", i, i, i-1, i-1)
		}
		b.WriteString("agents:\n  merges: *a39\n")
		return b.String()
	}()},
	"yaml depth": {"depth.yaml", "agents:\n  depth: " + strings.Repeat("[", 300000) + "\n"},
	"json depth": {"depth.json", `{"agents": {"depth": ` + strings.Repeat("[", 300000) + "\n"},
}

// small are caps that a test can wait for.
var small = Limits{CPU: slowdown * 1600 * time.Millisecond, Wall: slowdown * 10 * time.Second, Memory: 256 << 20}

func TestCapsStopOnlyTheGuilty(t *testing.T) {
	for name, h := range hostile {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"policy.cue": "package agents\n\nagents: [string]: kind: \"custom-api\"\n", h.file: h.text}
			var good []string
			for i := range 20 {
				n := fmt.Sprintf("good-%d", i)
				files[n+".cue"] = goodSpec(n)
				good = append(good, "o/p/"+n+"@dev")
			}
			slices.Sort(good)
			l := NewLoader(Options{Limits: small})
			defer l.Close()
			began := time.Now()
			r, err := l.Load(context.Background(), treeOf(files))
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%v, %d evaluations\n%.600s", time.Since(began), r.Evaluations, render(r.Diagnostics))
			if got := bindingsOf(r); !slices.Equal(got, good) {
				t.Errorf("bindings: got %v, want %v", got, good)
			}
			if r.Whole || len(r.Diagnostics) == 0 {
				t.Error("the tree is called whole")
			}
			for _, d := range r.Diagnostics {
				if d.Position.File != h.file {
					t.Errorf("blames %s", d.Position)
				}
			}
			files["good-0.cue"] = goodSpec("good-00")
			began = time.Now()
			r, err = l.Load(context.Background(), treeOf(files))
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > small.CPU {
				t.Errorf("the guilty file was evaluated again: the second load took %v", took)
			}
			if len(bindingsOf(r)) != len(good) || r.Whole {
				t.Errorf("second load: bindings %v, whole %v", bindingsOf(r), r.Whole)
			}
		})
	}
}

func TestGuiltyPolicyStopsWhatDependsOnIt(t *testing.T) {
	files := map[string]string{
		"x/policy.cue": strings.NewReplacer("agents: loop:", "agents: [string]:").Replace(hostile["cpu"].text),
		"x/a.cue":      goodSpec("a"),
		"y/b.cue":      goodSpec("b"),
	}
	r := load(t, Options{Limits: small}, treeOf(files))
	if got := bindingsOf(r); !slices.Equal(got, []string{"o/p/b@dev"}) {
		t.Errorf("bindings: %v", got)
	}
	if r.Whole || len(r.Diagnostics) == 0 || r.Diagnostics[0].Code != "cap-exceeded" {
		t.Errorf("whole %v\n%s", r.Whole, render(r.Diagnostics))
	}
}

func TestEntriesThatAreNotRead(t *testing.T) {
	t.Parallel()
	never := func() ([]byte, error) {
		t.Error("it was read")
		return nil, os.ErrPermission
	}
	tree := append(treeOf(map[string]string{"a.cue": goodSpec("a")}),
		Entry{Path: "big.yaml", Mode: ModeRegular, Size: 50 << 20, Digest: "x", Read: never},
		Entry{Path: "link.json", Mode: ModeSymlink, Read: never},
		Entry{Path: "sub", Mode: ModeSubmodule, Read: never},
		Entry{Path: "../up.cue", Mode: ModeRegular, Size: 1, Digest: "y", Read: never},
		Entry{Path: "a/../b.cue", Mode: ModeRegular, Size: 1, Digest: "y", Read: never},
		Entry{Path: "/abs.cue", Mode: ModeRegular, Size: 1, Digest: "y", Read: never},
		Entry{Path: "a\nb.cue", Mode: ModeRegular, Size: 1, Digest: "y", Read: never},
	)
	r := load(t, Options{}, tree)
	want := []string{
		"../up.cue:0: unsafe-path", "/abs.cue:0: unsafe-path", "a/../b.cue:0: unsafe-path", `a\nb.cue:0: unsafe-path`,
		"big.yaml:0: file-too-large", "link.json:0: symlink", "sub:0: submodule",
	}
	got := codesOf(r)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if r.Whole {
		t.Error("the tree is called whole")
	}
}

func TestSymlinkedPolicyStopsItsDirectory(t *testing.T) {
	t.Parallel()
	tree := append(treeOf(map[string]string{"x/a.cue": goodSpec("a"), "y/b.cue": goodSpec("b")}),
		Entry{Path: "x/policy.cue", Mode: ModeSymlink})
	r := load(t, Options{}, tree)
	if got := bindingsOf(r); !slices.Equal(got, []string{"o/p/b@dev"}) {
		t.Errorf("bindings: %v\n%s", got, render(r.Diagnostics))
	}
}

func TestBytesThatAreNoText(t *testing.T) {
	t.Parallel()
	spec := "agents:\n  a: {organization: o, project: p, kind: custom-api, environments: {dev: {endpointAuthentication: {scheme: none}}}}\n"
	for name, c := range map[string]struct{ file, text, want string }{
		"invalid utf-8":  {"a.cue", "package agents\n// \xff\n", "a.cue:2: invalid-utf8"},
		"nul":            {"a.yaml", spec + "# \x00\n", "a.yaml:3: nul-byte"},
		"utf-16":         {"a.yaml", "\xff\xfea\x00g\x00e\x00n\x00t\x00s\x00:\x00", "a.yaml:1: invalid-utf8"},
		"bom":            {"a.yaml", "\xef\xbb\xbf" + spec, ""},
		"bom in cue":     {"a.cue", "\xef\xbb\xbf" + goodSpec("a"), ""},
		"crlf in yaml":   {"a.yaml", strings.ReplaceAll(spec, "\n", "\r\n"), ""},
		"crlf in cue":    {"a.cue", strings.ReplaceAll(goodSpec("a"), "\n", "\r\n"), ""},
		"crlf, wrong":    {"a.yaml", strings.ReplaceAll(strings.Replace(spec, "none", "nil", 1), "\n", "\r\n"), "a.yaml:2: bad-scheme"},
		"invalid, other": {"a.yaml", "x: \xff\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := load(t, Options{}, treeOf(map[string]string{c.file: c.text}))
			if got := strings.Join(codesOf(r), "\n"); got != c.want {
				t.Errorf("got %s, want %s\n%s", got, c.want, render(r.Diagnostics))
			}
		})
	}
}

func TestWorkerEndsWithTheLoader(t *testing.T) {
	l := NewLoader(Options{})
	if _, err := l.Load(context.Background(), treeOf(map[string]string{"a.cue": goodSpec("a")})); err != nil {
		t.Fatal(err)
	}
	before := children(t)
	if len(before) == 0 {
		t.Fatal("there is no worker")
	}
	env, err := os.ReadFile(filepath.Join("/proc", before[0], "environ"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(env), "HOME=") || strings.Contains(string(env), "PATH=") {
		t.Errorf("the worker inherits %q", env)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if after := children(t); slices.Contains(after, before[0]) {
		t.Errorf("worker %s is still there", before[0])
	}
	if _, err := l.Load(context.Background(), treeOf(map[string]string{"a.cue": goodSpec("b")})); err == nil {
		t.Error("a closed loader loads")
	}
}

// children lists the processes whose parent this one is, zombies included.
func children(t *testing.T) []string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if fields[1] == strconv.Itoa(os.Getpid()) {
			out = append(out, filepath.Base(filepath.Dir(path)))
		}
	}
	return out
}

// Text that the parser cannot stand stops the agents in it, and no others.
func TestParserPanics(t *testing.T) {
	l := NewLoader(Options{Limits: small})
	defer l.Close()
	r, err := l.Load(context.Background(), treeOf(map[string]string{"a.yaml": "a: agents\rb:\r  - c\r", "good.cue": goodSpec("good")}))
	if err != nil {
		t.Fatal(err)
	}
	if got := bindingsOf(r); len(got) != 1 || r.Whole {
		t.Errorf("bindings %v, whole %v:\n%s", got, r.Whole, render(r.Diagnostics))
	}
}
