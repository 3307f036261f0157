package jellyfintest

import (
	"net/http"
	"time"
)

// pinTTL is how long a password-reset PIN lives in Jellyfin.
const pinTTL = 30 * time.Minute

// SetWizardOpen opens the start-up wizard, as on a server that was just
// installed, or completes it. While it is open its operations need no token.
func (s *Server) SetWizardOpen(open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.wizardOpen = open
}

func (c *call) startupConfiguration() {
	c.json(http.StatusOK, struct{ ServerName, UICulture, MetadataCountryCode, PreferredMetadataLanguage string }{"", "en-US", "US", "en"})
}

// startupUser is GET /Startup/User and /FirstUser: the name of the first user,
// who is made if there is none.
func (c *call) startupUser() {
	c.json(http.StatusOK, struct{ Name string }{c.firstUser().Name})
}

func (c *call) firstUser() *account {
	if len(c.st.accounts) == 0 {
		c.st.accounts = append(c.st.accounts, &account{User: User{ID: newID(), Name: "root", Admin: true, Hidden: true}})
	}
	return c.st.accounts[0]
}

// updateStartupUser is POST /Startup/User: it renames the first user and sets
// the password, which 12 refuses if there is one.
func (c *call) updateStartupUser() {
	fields, ok := c.bind()
	if !ok {
		return
	}
	a := c.firstUser()
	if c.s.opts.release == V12 && !c.st.wizardOpen && a.hasPassword {
		c.empty(http.StatusForbidden)
		return
	}
	if name := text(fields, "Name"); name != "" {
		a.Name = name
	}
	if password := text(fields, "Password"); password != "" {
		a.password, a.hasPassword = password, true
	}
	a.Admin = true
	c.empty(http.StatusNoContent)
}

func (c *call) completeStartup() {
	c.st.wizardOpen = false
	c.empty(http.StatusNoContent)
}

func (c *call) noContent() { c.empty(http.StatusNoContent) }

func (c *call) drives() {
	c.json(http.StatusOK, []fileEntry{{Name: "/", Path: "/", Type: "Directory"}})
}

type fileEntry struct{ Name, Path, Type string }

// directory lists a made-up /etc for whoever may ask.
func (c *call) directory() {
	path := c.query.get("path")
	if path == "" {
		c.invalid("path", "The path field is required.")
		return
	}
	c.json(http.StatusOK, []fileEntry{{Name: "passwd", Path: path + "/passwd", Type: "File"}})
}
