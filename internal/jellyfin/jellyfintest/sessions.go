package jellyfintest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// logout is POST /Sessions/Logout: it ends the token that it comes with. For an
// API key it does nothing.
func (c *call) logout() {
	if !c.who.apiKey() {
		c.st.endToken(c.who.token)
	}
	c.empty(http.StatusNoContent)
}

// listSessions is GET /Sessions.
func (c *call) listSessions() {
	dtos := []sessionDTO{}
	for _, l := range c.st.sessions {
		if c.who.admin() || l.device.UserID == c.who.account.ID {
			dtos = append(dtos, c.sessionDTO(l))
		}
	}
	slices.SortFunc(dtos, func(a, b sessionDTO) int { return strings.Compare(a.ID, b.ID) })
	c.json(http.StatusOK, dtos)
}

// noteSession is what all reports of clients about themselves come to: their
// session is alive.
func (c *call) noteSession() {
	if c.who.account != nil {
		c.st.touch(c.who.deviceOf(), c.who.account, c.remote.String(), c.s.opts.now())
	}
	c.empty(http.StatusNoContent)
}

// noteReport is noteSession for reports that come as JSON.
func (c *call) noteReport() {
	if _, ok := c.bind(); ok {
		c.noteSession()
	}
}

func (c *call) listDevices() {
	dtos := []deviceDTO{}
	for _, g := range c.st.devices() {
		dtos = append(dtos, c.deviceDTO(g))
	}
	c.json(http.StatusOK, listOf(dtos))
}

func (c *call) deviceDTO(g *grant) deviceDTO {
	return deviceDTO{
		Name: g.Name, ID: g.ID, LastUserName: g.UserName, AppName: g.Client, AppVersion: g.Version,
		LastUserID: g.UserID, DateLastActivity: stamp(g.lastActive), Capabilities: json.RawMessage(capabilities),
	}
}

func (c *call) deviceInfo() {
	id := c.query.get("id")
	for _, g := range c.st.devices() {
		if g.ID == id {
			c.json(http.StatusOK, c.deviceDTO(g))
			return
		}
	}
	c.empty(http.StatusNotFound)
}

// deleteDevice ends the tokens of all users on a device. Its id is compared
// exactly. 12 takes several ids.
func (c *call) deleteDevice() {
	ids := []string{c.query.get("id")}
	if c.s.opts.release == V12 {
		ids = c.query["id"]
	}
	var tokens []string
	for _, g := range c.st.devices() {
		if slices.Contains(ids, g.ID) {
			tokens = append(tokens, g.Value)
		}
	}
	switch {
	case len(tokens) > 0:
	case c.s.opts.release == V12:
		c.failed(http.StatusBadRequest)
		return
	default:
		c.empty(http.StatusNotFound)
		return
	}
	for _, token := range tokens {
		c.st.endToken(token)
	}
	c.empty(http.StatusNoContent)
}

type keyDTO struct {
	ID          int `json:"Id"`
	AccessToken string
	DeviceID    string `json:"DeviceId"`
	AppName     string
	AppVersion  string
	DeviceName  string
	UserID      string `json:"UserId"`
	IsActive    bool
	DateCreated string
}

func (c *call) listKeys() {
	keys := []keyDTO{}
	for _, g := range c.st.ordered() {
		if g.APIKey {
			keys = append(keys, keyDTO{ID: g.seq, AccessToken: g.Value, AppName: g.keyName, UserID: emptyID, IsActive: true, DateCreated: stamp(g.created)})
		}
	}
	c.json(http.StatusOK, listOf(keys))
}

func (c *call) createKey() {
	if c.missing("app") {
		return
	}
	c.st.addKey(c.query.get("app"), c.s.opts.now())
	c.empty(http.StatusNoContent)
}

func (c *call) deleteKey() {
	if g := c.st.grants[c.param("key")]; g != nil && g.APIKey {
		c.st.endToken(g.Value)
	}
	c.empty(http.StatusNoContent)
}
