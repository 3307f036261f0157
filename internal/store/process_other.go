//go:build unix && !linux

package store

import "syscall"

// ownProcess keeps the server out of our process group, so that Ctrl-C on a
// terminal reaches us alone and we end it when we no longer need it. If we are
// killed, the next start ends it.
func ownProcess() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
