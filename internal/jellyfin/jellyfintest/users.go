package jellyfintest

import (
	"encoding/json"
	"net/http"
	"slices"
)

// currentUser is GET /Users/Me. An API key has no user, which is a bad request.
func (c *call) currentUser() {
	if c.who.apiKey() {
		c.failed(http.StatusBadRequest)
		return
	}
	c.json(http.StatusOK, c.userDTO(c.who.account))
}

func (c *call) userByID() {
	id, ok := parseGUID(c.param("userId"))
	if !ok {
		c.invalid("userId", "The value is not valid.")
		return
	}
	a := c.st.byID(id)
	if a == nil {
		c.json(http.StatusNotFound, "User not found")
		return
	}
	c.json(http.StatusOK, c.userDTO(a))
}

func (c *call) publicUsers() {
	c.json(http.StatusOK, c.users(func(a *account) bool { return !a.Hidden && !a.Disabled && !c.st.wizardOpen }))
}

func (c *call) allUsers() {
	c.json(http.StatusOK, c.users(func(*account) bool { return true }))
}

func (c *call) users(which func(*account) bool) []userDTO {
	dtos := []userDTO{}
	for _, a := range c.st.accounts {
		if which(a) {
			dtos = append(dtos, c.userDTO(a))
		}
	}
	return dtos
}

// createUser is POST /Users/New. The answer was recorded to say that the new
// user has no password, though it has one.
func (c *call) createUser() {
	fields, ok := c.bind()
	if !ok {
		return
	}
	name, password := text(fields, "Name"), text(fields, "Password")
	if name == "" || c.st.byName(name) != nil {
		c.failed(http.StatusBadRequest)
		return
	}
	a := &account{User: User{ID: newID(), Name: name, Hidden: true}}
	c.st.accounts = append(c.st.accounts, a)
	c.json(http.StatusOK, c.userDTO(a))
	a.password, a.hasPassword = password, password != ""
}

// updatePolicy is POST /Users/{userId}/Policy, as far as the policy matters here.
func (c *call) updatePolicy() {
	a := c.st.byID(c.id(c.param("userId")))
	fields, ok := c.bind()
	switch {
	case !ok:
		return
	case a == nil:
		c.failed(http.StatusNotFound)
		return
	}
	a.Admin, a.Hidden = flag(fields, "IsAdministrator"), flag(fields, "IsHidden")
	a.NoRemoteAccess = !flag(fields, "EnableRemoteAccess")
	a.LockoutAfter = max(0, number(fields, "LoginAttemptsBeforeLockout"))
	a.MaxSessions = max(0, number(fields, "MaxActiveSessions"))
	a.failures = max(0, number(fields, "InvalidLoginAttemptCount"))
	if a.Disabled = flag(fields, "IsDisabled"); a.Disabled {
		c.st.endUser(a.ID, "")
	}
	c.empty(http.StatusNoContent)
}

func number(fields map[string]json.RawMessage, name string) int {
	n := 0
	_ = json.Unmarshal([]byte(text(fields, name)), &n) // zero if it is none
	return n
}

// changePassword is POST /Users/Password and /Users/{userId}/Password: the
// current password is asked for unless an administrator changes another's, and
// all other tokens of the user end.
func (c *call) changePassword() {
	fields, ok := c.bind()
	if !ok {
		return
	}
	a := c.target(c.query.get("userId") + c.param("userId"))
	if a == nil {
		return
	}
	own := c.who.account != nil && c.who.account.ID == a.ID
	if flag(fields, "ResetPassword") {
		a.password, a.hasPassword = "", false
		c.empty(http.StatusNoContent)
		return
	}
	if own && text(fields, "CurrentPw") != a.password {
		c.countFailure(a)
		c.json(http.StatusForbidden, "Invalid user or password entered.")
		return
	}
	a.password = text(fields, "NewPw")
	a.hasPassword = a.password != ""
	c.st.endUser(a.ID, c.who.token)
	c.empty(http.StatusNoContent)
}

// target is the user that a request is about: the caller, or with an
// administrator's token anybody. When nil, the refusal was answered.
func (c *call) target(userID string) *account {
	id := c.id(userID)
	if userID == "" && c.who.account != nil {
		return c.who.account
	}
	if !c.who.admin() && (c.who.account == nil || c.who.account.ID != id) {
		c.failed(http.StatusForbidden)
		return nil
	}
	a := c.st.byID(id)
	if a == nil {
		c.failed(http.StatusBadRequest)
	}
	return a
}

func (c *call) deleteUser() {
	id := c.id(c.param("userId"))
	if c.st.byID(id) == nil {
		c.failed(http.StatusNotFound)
		return
	}
	c.st.accounts = slices.DeleteFunc(c.st.accounts, func(a *account) bool { return a.ID == id })
	c.st.endUser(id, "")
	c.empty(http.StatusNoContent)
}
