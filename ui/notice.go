package ui

import "io"

// Notice is the page that says why there is nothing to see just now, and what
// to do about it.
type Notice struct {
	Place
	Title, Message string
	// SignIn is where to sign in, if that helps; else empty.
	SignIn string
}

// Notice writes a notice.
func (u *UI) Notice(w io.Writer, v Notice) error { return u.render(w, "notice", v) }
