package source_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/reconciler/fault"
	"github.com/gatewright/gatewright/reconciler/resource"
	"github.com/gatewright/gatewright/reconciler/source"
)

// remotes are the ways to the same bare repository.
func remotes(t *testing.T, bare repo) map[string]source.Config {
	t.Helper()
	server := gitHTTP(t, bare, plainly)
	signer, key := newKeyFile(t, "")
	shell := newSSHServer(t, signer.PublicKey(), "")
	auth := source.Auth{SSHKeyFile: key, KnownHostsFile: knownHostsFile(t, shell.address, shell.hostKey.PublicKey())}
	return map[string]source.Config{
		"https": {Repository: server.URL + "/specs.git", Auth: source.Auth{CAFile: caFile(t, server)}},
		"git":   {Repository: "git://" + gitDaemon(t, bare) + "/specs.git"},
		"ssh":   {Repository: "ssh://git@" + shell.address + bare.dir, Auth: auth},
	}
}

// TestRemote is the life of a specs repository, over each transport.
func TestRemote(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"https", "git", "ssh"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bare, r := newBare(t)
			config := remotes(t, bare)[name]
			config.Path = "specs"
			s := open(t, config)
			_, err := s.Snapshot(t.Context())
			wantFault(t, err, fault.Waiting, "EmptyRepository")

			var all []string
			for i := range 4 {
				all = append(all, r.commit("change "+strconv.Itoa(i), map[string]string{"specs/n": strconv.Itoa(i), "specs/dir/same": "same", "other": strconv.Itoa(i)}))
			}
			r.git("tag", "-a", "-m", "v1", "v1", "HEAD~2")
			r.git("push", "-q", "--tags", "origin", "main")
			snap := snapshot(t, s)
			wantContents(t, snap.Tree, map[string]string{"n": "3", "dir/same": "same"})
			if snap.Revision.Hash != all[3] || snap.Revision.Ref != "refs/heads/main" {
				t.Errorf("revision %s %s, want %s of main", snap.Revision.Hash, snap.Revision.Ref, all[3])
			}
			if again := snapshot(t, s); &again.Tree[0] != &snap.Tree[0] {
				t.Error("nothing was pushed, and the listing was made again")
			}

			all = append(all, r.commit("change 4", map[string]string{"specs/n": "4"}), r.commit("change 5", map[string]string{"specs/n": "5"}))
			r.push()
			wantContents(t, snapshot(t, s).Tree, map[string]string{"n": "5", "dir/same": "same"})
			wantContents(t, snap.Tree, map[string]string{"n": "3", "dir/same": "same"}) // the old one goes on being readable

			for _, tt := range []struct {
				old, child string
				want       bool
			}{{all[3], all[5], true}, {all[5], all[3], false}, {all[0], all[5], true}, {all[5], all[5], true}} {
				if yes, err := s.IsAncestor(t.Context(), tt.old, tt.child); err != nil || yes != tt.want {
					t.Errorf("IsAncestor(%.8s, %.8s) = %v, %v, want %v", tt.old, tt.child, yes, err, tt.want)
				}
			}
			for revision, want := range map[string]string{"v1": "1", "main": "5", all[4]: "4", "main~2": "3", all[0][:8]: "0"} {
				if at, err := s.At(t.Context(), revision); err != nil {
					t.Errorf("At(%s): %v", revision, err)
				} else {
					wantContents(t, at.Tree, map[string]string{"n": want, "dir/same": "same"})
				}
			}
			_, err = s.At(t.Context(), "nope")
			wantFault(t, err, fault.Stalled, "UnknownRevision")
		})
	}
}

func TestRemoteForcePush(t *testing.T) {
	t.Parallel()
	for _, filter := range []bool{false, true} {
		t.Run(fmt.Sprintf("filter %v", filter), func(t *testing.T) {
			t.Parallel()
			bare, r := newBare(t)
			bare.git("config", "uploadpack.allowFilter", strconv.FormatBool(filter))
			s := open(t, remotes(t, bare)["https"])
			base := r.commit("base", map[string]string{"n": "0"})
			old := r.commit("old", map[string]string{"n": "old"})
			r.push()
			snapshot(t, s)
			r.git("reset", "-q", "--hard", base)
			amended := r.commit("amended", map[string]string{"n": "amended"})
			r.push()
			wantContents(t, snapshot(t, s).Tree, map[string]string{"n": "amended"})
			if yes, err := s.IsAncestor(t.Context(), old, amended); err != nil || yes {
				t.Errorf("after a force-push: IsAncestor = %v, %v, want false", yes, err)
			}
			if yes, err := s.IsAncestor(t.Context(), base, amended); err != nil || !yes {
				t.Errorf("the common base: IsAncestor = %v, %v, want true", yes, err)
			}

			r.git("checkout", "-q", "--orphan", "fresh")
			r.git("branch", "-q", "-D", "main")
			r.git("branch", "-m", "main")
			unrelated := r.commit("unrelated", map[string]string{"n": "unrelated"})
			r.push()
			bare.git("reflog", "expire", "--expire=now", "--all")
			bare.git("gc", "-q", "--prune=now")
			wantContents(t, snapshot(t, s).Tree, map[string]string{"n": "unrelated"})
			if yes, err := s.IsAncestor(t.Context(), old, unrelated); err != nil || yes {
				t.Errorf("unrelated history: IsAncestor = %v, %v, want false", yes, err)
			}
			restarted := open(t, remotes(t, bare)["https"])
			snapshot(t, restarted)
			_, err := restarted.IsAncestor(t.Context(), old, unrelated)
			wantFault(t, err, fault.Stalled, "UnknownRevision")
		})
	}
}

// TestRemoteFetchesLittle: one commit without its history, then what is new.
func TestRemoteFetchesLittle(t *testing.T) {
	t.Parallel()
	bare, r := newBare(t)
	count := new(requests)
	server := gitHTTP(t, bare, count.wrap)
	s := open(t, source.Config{Repository: server.URL + "/specs.git", Auth: source.Auth{CAFile: caFile(t, server)}})
	noise := func(seed string) string {
		var b strings.Builder
		for i := range 4000 {
			fmt.Fprintf(&b, "%s%d", seed, i*7919)
		}
		return b.String()
	}
	for i := range 5 {
		r.commit("big", map[string]string{"big": noise(strconv.Itoa(i)), "n": "0"})
	}
	r.push()
	snapshot(t, s)
	_, first := count.take()
	r.commit("small", map[string]string{"n": "1"})
	r.push()
	wantContents(t, snapshot(t, s).Tree, map[string]string{"big": noise("4"), "n": "1"})
	lines, second := count.take()
	if second > 2000 || second > first/4 {
		t.Errorf("a small push cost %d bytes after %d for the first", second, first)
	}
	if len(lines) != 2 {
		t.Errorf("a push cost the requests %v, want a GET and a POST", lines)
	}
	snapshot(t, s)
	if lines, _ := count.take(); len(lines) != 1 {
		t.Errorf("nothing new cost the requests %v, want one GET", lines)
	}
	// Many pushes later what is no longer needed has been let go.
	for i := range 40 {
		r.commit("more", map[string]string{"n": strconv.Itoa(i)})
		r.push()
		snapshot(t, s)
	}
	wantContents(t, snapshot(t, s).Tree, map[string]string{"big": noise("4"), "n": "39"})
}

func TestSSH(t *testing.T) {
	t.Parallel()
	bare, r := newBare(t)
	r.commit("one", map[string]string{"a": "a"})
	r.push()
	signer, key := newKeyFile(t, "")
	locked, lockedKey := newKeyFile(t, "opensesame")
	_, foreignKey := newKeyFile(t, "")
	server := newSSHServer(t, signer.PublicKey(), "pa55")
	lockedServer := newSSHServer(t, locked.PublicKey(), "")
	known := knownHostsFile(t, server.address, server.hostKey.PublicKey())
	url := "ssh://git@" + server.address
	tests := map[string]struct {
		repository string
		auth       source.Auth
		reason     string
	}{
		"key":        {url + bare.dir, source.Auth{SSHKeyFile: key, KnownHostsFile: known}, ""},
		"password":   {url + bare.dir, source.Auth{Password: resource.NewSecret("pa55"), KnownHostsFile: known}, ""},
		"passphrase": {"ssh://" + lockedServer.address + bare.dir, source.Auth{SSHKeyFile: lockedKey, Password: resource.NewSecret("opensesame"), KnownHostsFile: knownHostsFile(t, lockedServer.address, lockedServer.hostKey.PublicKey())}, ""},
		"wrong key":  {url + bare.dir, source.Auth{SSHKeyFile: foreignKey, KnownHostsFile: known}, "AuthenticationFailed"},
		"wrong password": {
			url + bare.dir, source.Auth{Password: resource.NewSecret("wrong"), KnownHostsFile: known}, "AuthenticationFailed",
		},
		"no key":             {url + bare.dir, source.Auth{KnownHostsFile: known}, "AuthenticationRequired"},
		"unknown host":       {url + bare.dir, source.Auth{SSHKeyFile: key, KnownHostsFile: knownHostsFile(t, "", nil)}, "HostKeyUnknown"},
		"no known_hosts":     {url + bare.dir, source.Auth{SSHKeyFile: key}, "HostKeyUnknown"},
		"another host's key": {url + bare.dir, source.Auth{SSHKeyFile: key, KnownHostsFile: knownHostsFile(t, server.address, newSigner(t).PublicKey())}, "HostKeyChanged"},
		"no such repository": {url + "/nowhere", source.Auth{SSHKeyFile: key, KnownHostsFile: known}, "RepositoryNotFound"},
		"quoting":            {url + "/x'; echo '!$(id)", source.Auth{SSHKeyFile: key, KnownHostsFile: known}, "RepositoryNotFound"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			snap, err := open(t, source.Config{Repository: tt.repository, Auth: tt.auth}).Snapshot(t.Context())
			if tt.reason != "" {
				wantFault(t, err, fault.Stalled, tt.reason)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			wantContents(t, snap.Tree, map[string]string{"a": "a"})
		})
	}
}
