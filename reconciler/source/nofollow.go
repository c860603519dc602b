//go:build unix

package source

import "golang.org/x/sys/unix"

// noFollow makes opening a symlink an error, and opening a pipe not wait.
const noFollow = unix.O_NOFOLLOW | unix.O_NONBLOCK
