// Package session keeps who has signed in: a cookie in the browser, a sealed
// record in Redis, and the Jellyfin token that was minted for it. Redis and
// every copy of it hold only a hash of the cookie.
//
// [Manager] answers from memory, so that a page's many requests cost no round
// trip, and hears through the [Store] within a moment when a session ends on
// another replica.
package session

import (
	"errors"
	"time"

	"github.com/jellyward/jellyward/internal/secret"
)

// ErrNone means that there is no such session: it never existed, has ended, or is
// too old.
var ErrNone = errors.New("no session")

// Session is one signed-in browser.
type Session struct {
	// ID is the hash of the cookie's value. It is no secret.
	ID string
	// UserID and UserName are Jellyfin's.
	UserID, UserName string
	// Admin tells that Jellyfin called the user an administrator.
	Admin bool
	// Token is the Jellyfin token that was minted for this session.
	Token secret.Text
	// DeviceID and DeviceName are what the browser calls itself.
	DeviceID, DeviceName string
	// ServerID is Jellyfin's.
	ServerID string
	// Network is where the sign-in came from.
	Network string
	// Created and Expires are when it began and when it ends at the latest.
	Created, Expires time.Time
}
