package ui

import (
	"io"
	"time"
)

// Account is the page of somebody who is signed in.
type Account struct {
	Place
	// UserName is whose page it is.
	UserName string
	// ServerID and UserID find the browser's own record of this session.
	ServerID, UserID string
	Notice           string
	// Unknown tells that devices and app passwords could not be read.
	Unknown      bool
	Devices      []Device
	AppPasswords []AppPassword
}

// Device is one place where the user is signed in.
type Device struct {
	// ID is what the page sends back to sign the device out.
	ID string
	// App is the program, Name what people call the device.
	App, Name string
	// Kind says how it signed in, in words that begin with a capital.
	Kind string
	// From is the network it was last seen in.
	From string
	Seen time.Time
	// Current marks the browser that shows the page.
	Current bool
}

// AppPassword is a password that stands in for password and code in one app.
type AppPassword struct {
	ID, Name string
	Created  time.Time
	// Last is the sign-in with it that counts; its time is zero if there was none.
	Last AppUse
	// SignedOut is the one before, if it was another device's: that one was
	// signed out then.
	SignedOut AppUse
}

// AppUse is a sign-in with an app password.
type AppUse struct {
	// App is the program, Name what people call the device.
	App, Name string
	// From is the network it came from.
	From string
	At   time.Time
}

// Others tells whether the user is signed in anywhere else.
func (a Account) Others() bool {
	for _, d := range a.Devices {
		if !d.Current {
			return true
		}
	}
	return false
}

// Connect is the page on which a television's six digits are approved.
type Connect struct {
	Place
	// UserName is as whom the television will be signed in.
	UserName string
	// Code is what is written into the field, if the address said so.
	Code   string
	Notice string
}

// Account writes the account page.
func (u *UI) Account(w io.Writer, v Account) error { return u.render(w, "account", v) }

// Connect writes the page on which a television's six digits are approved.
func (u *UI) Connect(w io.Writer, v Connect) error { return u.render(w, "connect", v) }
