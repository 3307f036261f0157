//go:build unix

package store

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// errLocked means that another process holds a lock.
var errLocked = errors.New("locked by another process")

// lockFile takes the lock on a file for as long as it, or a copy of it in another
// process, is open.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errLocked
	}
	return nil, fmt.Errorf("take lock %s: %w", path, err)
}

// terminate asks a process to end.
func terminate(p *os.Process) { _ = p.Signal(syscall.SIGTERM) }
