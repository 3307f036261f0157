package jellyfintest

import (
	"net/http"
	"strings"
)

// refusal returns the status with which a route's policies refuse the caller: 0
// for none, 401 (on SyncPlay's operations 400) for a stranger, 403 for a token
// that may not. The lock is held.
func (c *call) refusal(rt *route) int {
	if rt.auth == "anonymous" {
		return 0
	}
	policies := strings.Split(rt.auth, "+")
	stranger := 0
	for _, policy := range policies {
		if c.openTo(policy) {
			continue
		}
		if c.who.stranger() {
			stranger = rt.stranger
			continue
		}
		if !c.fulfils(policy) {
			return http.StatusForbidden
		}
	}
	return stranger
}

// openTo reports whether a policy lets everybody pass at the moment.
func (c *call) openTo(policy string) bool {
	if strings.HasPrefix(policy, "FirstTimeSetup") {
		return c.st.wizardOpen
	}
	return policy == "LocalAccessOrRequiresElevation" && c.inNetwork()
}

// fulfils reports whether a token fulfils a policy.
func (c *call) fulfils(policy string) bool {
	if c.who.apiKey() {
		return true
	}
	switch policy {
	case "RequiresElevation", "FirstTimeSetupOrElevated", "LocalAccessOrRequiresElevation":
		return c.who.admin()
	case "LiveTvManagement", "LyricManagement", "SubtitleManagement", "CollectionManagement":
		return c.who.admin()
	case "SyncPlayIsInGroup":
		return false // nobody is
	case "IgnoreParentalControl", "FirstTimeSetupOrIgnoreParentalControl":
		return c.mayBeHere()
	}
	return c.mayBeHere() && (c.who.admin() || !c.who.account.OutsideSchedule)
}

// mayBeHere is the rule on remote access.
func (c *call) mayBeHere() bool {
	return c.inNetwork() || !c.who.account.NoRemoteAccess
}

// foreign reports whether a user asks for what is another user's, which most
// operations refuse.
func (c *call) foreign() bool {
	rt := c.res.route
	if rt.auth == "anonymous" || c.who.account == nil || c.who.admin() {
		return false
	}
	own := c.who.account.ID
	if asked := c.query.get("userId"); asked != "" && c.id(asked) != own {
		return true
	}
	inPath := c.param("userId")
	return rt.user == http.StatusForbidden && inPath != "" && c.id(inPath) != own
}
