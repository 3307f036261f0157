package jellyfintest

import (
	"net/http"
)

// authResult is Jellyfin's AuthenticationResult.
type authResult struct {
	User        userDTO
	SessionInfo sessionDTO
	AccessToken string
	ServerID    string `json:"ServerId"`
}

// authenticateByName is POST /Users/AuthenticateByName.
func (c *call) authenticateByName() {
	fields, ok := c.bind()
	if !ok {
		return
	}
	c.signIn(text(fields, "Username"), text(fields, "Pw"))
}

// authenticateByID is POST /Users/{userId}/Authenticate?pw=.
func (c *call) authenticateByID() {
	id, ok := parseGUID(c.param("userId"))
	if !ok || !c.query.has("pw") {
		c.invalid("pw", "The pw field is required.")
		return
	}
	if id == emptyID {
		c.failed(http.StatusBadRequest)
		return
	}
	a := c.st.byID(id)
	if a == nil {
		c.json(http.StatusNotFound, "User not found")
		return
	}
	c.signIn(a.Name, c.query.get("pw"))
}

// emptyID is the GUID of all zeros, which is nobody's.
const emptyID = "00000000000000000000000000000000"

// signIn checks in the order in which Jellyfin does, and mints the token.
func (c *call) signIn(name, password string) {
	device := c.who.deviceOf()
	if !device.complete() || name == "" {
		c.failed(http.StatusBadRequest)
		return
	}
	a := c.st.byName(name)
	if a == nil {
		c.delay = c.s.opts.unknownDelay
		c.failed(http.StatusUnauthorized)
		return
	}
	c.delay = c.s.opts.wrongDelay
	right := a.password == password
	if status := c.mayNotSignIn(a, right); status != 0 {
		c.failed(status)
		return
	}
	a.failures = 0
	g := c.st.mint(a, device, c.remote.String(), c.s.opts.now())
	c.json(http.StatusOK, c.result(g, a))
}

// mayNotSignIn returns the status of a refusal. That a user is disabled, not
// allowed from here or not now is said whether or not the password was right.
func (c *call) mayNotSignIn(a *account, right bool) int {
	switch {
	case a.Disabled, a.NoRemoteAccess && !c.inNetwork(), a.OutsideSchedule && !a.Admin:
		return http.StatusForbidden
	case !right:
		c.countFailure(a)
		return http.StatusUnauthorized
	case a.MaxSessions > 0 && c.st.sessionsOf(a.ID) >= a.MaxSessions:
		return http.StatusForbidden
	}
	return 0
}

// countFailure disables a user after too many, but in 10.11 only says so: its
// lockout does not last.
func (c *call) countFailure(a *account) {
	a.failures++
	if c.s.opts.release == V12 && a.LockoutAfter > 0 && a.failures >= a.LockoutAfter {
		a.Disabled = true
	}
}

func (st *state) sessionsOf(userID string) int {
	n := 0
	for _, l := range st.sessions {
		if l.device.UserID == userID {
			n++
		}
	}
	return n
}

func (c *call) result(g *grant, a *account) authResult {
	l := c.st.sessions[g.Client+"\x00"+g.ID]
	if l == nil {
		l = c.st.touch(g.Device, a, g.remote, c.s.opts.now())
	}
	return authResult{User: c.userDTO(a), SessionInfo: c.sessionDTO(l), AccessToken: g.Value, ServerID: c.st.serverID}
}
