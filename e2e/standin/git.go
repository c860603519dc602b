package standin

import (
	"context"

	"github.com/gatewright/gatewright/tools/image"
)

// GitHome is where the git server has its repositories, and the files that its
// clients need, which are there once it listens.
const (
	GitHome = "/srv/git"
	// GitCA is the certificate to trust, for git, localhost and 127.0.0.1.
	GitCA = GitHome + "/ca.pem"
	// GitHostKey is the host key as in authorized_keys, and GitKnownHosts the
	// same as in known_hosts, for the port in the container.
	GitHostKey    = GitHome + "/host_key.pub"
	GitKnownHosts = GitHome + "/known_hosts"
)

// GitArgs are the arguments without which the git server cannot work in its
// container. Credentials and names of repositories are added to them:
// -user, -password, -token, -authorized-key, -repositories.
func GitArgs() []string {
	return []string{"-dir", GitHome, "-names", "git", "-https", "0.0.0.0:8443", "-ssh", "0.0.0.0:2222"}
}

// Git is a git server at https://git:8443/specs.git and
// ssh://git@git:2222/specs.git, at first with an empty repository and for
// everybody. It prints one line, "git-sim: https …", when it listens.
func Git(ctx context.Context) (image.Spec, error) {
	s, err := program(ctx, "git-sim", GitArgs(), "8443/tcp", "2222/tcp")
	if err != nil {
		return s, err
	}
	home(&s, GitHome)
	return s, nil
}
