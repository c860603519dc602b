package harness

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/testcontainers/testcontainers-go"

	"github.com/gatewright/gatewright/e2e/standin"
)

// Who reads and writes repositories.
const (
	gitUser     = "gatewright"
	gitPassword = "gatewright-of-a-test"
	gitPort     = "8443/tcp"
)

// gitServer is how the git server is reached.
type gitServer struct {
	outside        string // host and port
	ca, knownHosts []byte
	caFile         string
}

// git starts the git server, with a repository for each organization.
func (s *Stack) git(ctx context.Context) error {
	args := append(standin.GitArgs(), "-user", gitUser, "-password", gitPassword, "-repositories", strings.Join(s.options.Organizations, ","))
	disk, err := s.disk(ctx, "git")
	if err != nil {
		return err
	}
	s.Git, err = s.standIn(ctx, "git", standin.Git, published(gitPort), disk.mount(standin.GitHome), testcontainers.WithCmd(args...))
	if err != nil {
		return err
	}
	s.Git.Disk = disk
	err = s.Git.eventually(ctx, func() (err error) {
		if s.repositories.ca, err = s.Git.file(ctx, standin.GitCA); err != nil {
			return err
		}
		s.repositories.knownHosts, err = s.Git.file(ctx, standin.GitKnownHosts)
		return err
	})
	if err != nil {
		return err
	}
	at, err := s.Git.url(ctx, "https", gitPort)
	if err != nil {
		return err
	}
	s.repositories.outside = strings.TrimPrefix(at, "https://")
	f, err := os.CreateTemp("", "gatewright-e2e-git-*.pem")
	if err != nil {
		return err
	}
	s.repositories.caFile = f.Name()
	if _, err := f.Write(s.repositories.ca); err != nil {
		return err
	}
	return f.Close()
}

// Repository is a repository of specs.
type Repository struct {
	// Inside is its address for containers, InsideSSH the same over ssh, and
	// Outside the one to push to from here.
	Inside, InsideSSH, Outside string

	caFile string
}

// Repository is the repository of an organization.
func (s *Stack) Repository(organization string) (Repository, error) {
	if !slices.Contains(s.options.Organizations, organization) {
		return Repository{}, fmt.Errorf("%s is none of the organizations that the stack was started with", organization)
	}
	path := organization + ".git"
	outside := url.URL{Scheme: "https", User: url.UserPassword(gitUser, gitPassword), Host: s.repositories.outside, Path: "/" + path}
	return Repository{
		Inside: "https://git:8443/" + path, InsideSSH: "ssh://" + gitUser + "@git:2222/" + path,
		Outside: outside.String(), caFile: s.repositories.caFile,
	}, nil
}

// GitEnv is what git needs in its environment to push to the repository and to
// commit.
func (r Repository) GitEnv() map[string]string {
	return map[string]string{
		"GIT_SSL_CAINFO": r.caFile, "GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_SYSTEM": os.DevNull, "GIT_TERMINAL_PROMPT": "0",
		"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@acme.example", "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@acme.example",
	}
}
