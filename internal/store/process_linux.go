package store

import "syscall"

// ownProcess keeps the server out of our process group, so that Ctrl-C on a
// terminal reaches us alone and we end it when we no longer need it; and ends it
// with us if we are killed. It holds for the thread that starts the server.
func ownProcess() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
