package source

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"math"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/reconciler/resource"
)

func TestParseLocation(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"/srv/specs.git":                      "/srv/specs.git",
		"file:///srv/specs.git":               "/srv/specs.git",
		"file://localhost/srv/a%20b":          "/srv/a b",
		"https://example.com/a/b.git":         "https://example.com/a/b.git",
		"https://ada:pw@example.com:8443/a":   "https://example.com:8443/a",
		"git@example.com:a/b.git":             "ssh://git@example.com/a/b.git",
		"example.com:a/b.git":                 "ssh://git@example.com/a/b.git",
		"ada@[::1]:a":                         "ssh://ada@[::1]/a",
		"ssh://example.com:2222/a":            "ssh://git@example.com:2222/a",
		"git+ssh://ada:pw@example.com/~ada/a": "ssh://ada@example.com/~ada/a",
		"git://127.0.0.1:9418/a":              "git://127.0.0.1:9418/a",
		"HTTPS://example.com/a":               "https://example.com/a",
	} {
		loc, err := parseLocation(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
		} else if diff := cmp.Diff(want, loc.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", address, diff)
		}
	}
	if loc, err := parseLocation("./a:b"); err != nil || loc.scheme != "file" {
		t.Errorf("a path with a colon behind a slash: %+v, %v", loc, err)
	}
}

// FuzzConfigURL: no address makes a panic, and no password of an address can be
// seen in what is printed of it.
func FuzzConfigURL(f *testing.F) {
	for _, s := range []string{"/srv/x", "https://u:hunter22@h/x", "git@h:x", "ssh://u:hunter22@[::1]:22/~/x", "file:///x", "https://u:hunter22%zz@h", "git://h/x", "C:\\x", "://", "https://u:hunter22@h/x?t=hunter22"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		if scheme, _, _ := strings.Cut(address, ":"); strings.Contains(strings.ToLower(scheme), "hunter22") {
			return // a scheme is said, and is nobody's password
		}
		loc, err := parseLocation(address)
		if err != nil {
			if strings.Contains(err.Error(), "hunter22") {
				t.Errorf("the error tells the password: %v", err)
			}
			return
		}
		password := loc.password.Reveal()
		if u, err := url.Parse(address); err == nil && loc.scheme == "https" {
			if want, _ := u.User.Password(); want != password {
				t.Errorf("password %q, want %q", password, want)
			}
		}
		shown := loc
		shown.password = resource.Secret{}
		if with, without := loc.String(), shown.String(); with != without {
			t.Errorf("what is printed depends on the password: %s", with)
		}
		if loc.local() {
			return
		}
		again, err := parseLocation(loc.String())
		if err != nil || again.host != loc.host || again.scheme != loc.scheme {
			t.Errorf("%q does not read as it was printed: %+v, %v", loc.String(), again, err)
		}
	})
}

// FuzzTree: no bytes make a panic, and what is read is sorted and without
// repetitions.
func FuzzTree(f *testing.F) {
	f.Add([]byte("100644 a\x00aaaaaaaaaaaaaaaaaaaa40000 a.b\x00bbbbbbbbbbbbbbbbbbbb"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		entries, err := parseTree(raw)
		if err != nil {
			return
		}
		for i := 1; i < len(entries); i++ {
			if entries[i-1].sortName() > entries[i].sortName() {
				t.Errorf("%q stands before %q", entries[i-1].name, entries[i].name)
			}
		}
	})
}

// FuzzPack: no bytes from a server make a panic.
func FuzzPack(f *testing.F) {
	f.Add([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x01"))
	f.Add([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x00"))
	f.Fuzz(func(_ *testing.T, raw []byte) {
		_, _ = indexPack(raw)
		_, _, _ = outerBases(raw)
	})
}

// TestPackThatLies: a count that the bytes cannot hold and a delta that makes a
// bomb are refused before memory is taken for them.
func TestPackThatLies(t *testing.T) {
	t.Parallel()
	pack := func(count uint32, entries ...[]byte) []byte {
		out := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), count)
		out = append(out, bytes.Join(entries, nil)...)
		sum := sha1.Sum(out)
		return append(out, sum[:]...)
	}
	deflated := func(content []byte) []byte {
		var b bytes.Buffer
		z := zlib.NewWriter(&b)
		if _, err := z.Write(content); err != nil || z.Close() != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for _, count := range []uint32{4, 1 << 20, math.MaxUint32} {
		raw := pack(count, []byte{0x30}, deflated(nil))
		if _, err := indexPack(raw); !errors.Is(err, errProtocol) {
			t.Errorf("indexPack of %d objects in %d bytes: %v", count, len(raw), err)
		}
		if _, _, err := outerBases(raw); !errors.Is(err, errProtocol) {
			t.Errorf("outerBases of %d objects in %d bytes: %v", count, len(raw), err)
		}
	}
	bomb := binary.AppendUvarint([]byte{1}, maxInflated+1)
	raw := pack(1, append([]byte{0x70 | byte(len(bomb))}, make([]byte, 20)...), deflated(bomb))
	if _, _, err := outerBases(raw); !errors.Is(err, errTooLarge) {
		t.Errorf("a delta that makes a bomb: %v", err)
	}
}

// FuzzGlob: no pattern makes a panic.
func FuzzGlob(f *testing.F) {
	f.Add("a/**/[!b-c[:alpha:]]?\\", "a/x")
	f.Fuzz(func(_ *testing.T, pattern, name string) {
		if re := compileGlob(pattern); re != nil {
			re.MatchString(asBytes(name))
		}
	})
}
