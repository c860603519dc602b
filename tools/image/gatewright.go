package image

import "io/fs"

// nobodyID is the user and group that distributions of small images call
// nonroot.
const nobodyID = 65532

// stateDir is where gatewright's image keeps the inventory and looks for its
// configuration first.
const stateDir = "/var/lib/gatewright"

// Nonroot is an image without a program, whose user is 65532:65532, nonroot:
// it has the public certificate authorities, that user and /tmp.
func Nonroot() Spec {
	return Spec{
		Files: []File{
			{Path: "/etc/passwd", Data: []byte("root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin\n")},
			{Path: "/etc/group", Data: []byte("root:x:0:\nnonroot:x:65532:\n")},
			{Path: "/etc/ssl/certs/ca-certificates.crt", Data: Certificates()},
		},
		Dirs: []File{{Path: "/tmp", Mode: 0o777 | fs.ModeSticky}},
		User: "65532:65532",
	}
}

// GatewrightPackage is the import path of the program.
const GatewrightPackage = "github.com/gatewright/gatewright/reconciler/cmd/gatewright"

// Gatewright is gatewright's own image around its binary (see Stamped): the
// daemon, which keeps its inventory in the volume /var/lib/gatewright and
// writes nowhere else but to /tmp, so that the root file system can be
// read-only.
func Gatewright(binary, version string) Spec {
	s := Nonroot()
	s.Files = append(s.Files, File{Path: "/gatewright", Mode: 0o755, From: binary})
	s.Dirs = append(s.Dirs, File{Path: stateDir, Mode: 0o750, UID: nobodyID, GID: nobodyID})
	s.Entrypoint, s.Cmd = []string{"/gatewright"}, []string{"run"}
	s.WorkingDir, s.Volumes = stateDir, []string{stateDir}
	s.Health = []string{"CMD", "/gatewright", "health"}
	s.Labels = map[string]string{
		"org.opencontainers.image.title":       "gatewright",
		"org.opencontainers.image.description": "Keeps the OAuth protection of agent APIs as git says it should be",
		"org.opencontainers.image.source":      "https://github.com/gatewright/gatewright",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.version":     version,
	}
	return s
}
