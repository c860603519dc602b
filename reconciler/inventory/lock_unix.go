//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package inventory

import (
	"errors"
	"net/url"
	"os"
	"sync"
	"syscall"
)

// fileLock is a kernel lock on a file, which ends with its process. A nil lock
// is the lock of a database that needs none.
type fileLock struct {
	file *os.File
	once sync.Once
}

// lockLease locks the file of a lease, or fails with ErrHeld.
func (s *Store) lockLease(name string) (*fileLock, error) {
	if s.source.path == "" {
		return nil, nil //nolint:nilnil // a database in memory has one process
	}
	path := s.source.path + "." + url.PathEscape(name) + ".lease"
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			_ = f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, ErrHeld
			}
			return nil, err
		}
		if sameFile(f, path) {
			return &fileLock{file: f}, nil
		}
		// The last holder removed it between our opening and our locking.
		_ = f.Close()
	}
}

// sameFile reports whether f is still what path names.
func sameFile(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}

// unlock removes the file while it is still locked, and unlocks it.
func (l *fileLock) unlock() {
	if l == nil {
		return
	}
	l.once.Do(func() {
		// A file that stays is locked and removed by the next holder.
		_ = os.Remove(l.file.Name())
		_ = l.file.Close()
	})
}
