package jellyfintest

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// User is an account, as [Server.AddUser] makes it and [Server.SetUser] changes
// it.
type User struct {
	ID   string // 32 hex digits
	Name string

	Admin           bool
	Hidden          bool // not offered on the login page; new users are hidden
	Disabled        bool
	NoRemoteAccess  bool // refused (403) unless at home
	OutsideSchedule bool // outside the parental schedule now: refused (403)

	LockoutAfter int // LoginAttemptsBeforeLockout; 0 for off
	MaxSessions  int // MaxActiveSessions; 0 for no limit
}

// Device is where a token lives, as GET /Devices lists it.
type Device struct {
	ID      string
	Name    string
	Client  string
	Version string

	UserID   string
	UserName string
}

// Token is a token that works.
type Token struct {
	Value  string
	APIKey bool // then it has no user and no device
	Device
}

// account is a user with what only the server knows.
type account struct {
	User
	password    string
	hasPassword bool
	failures    int
	lastLogin   time.Time
	lastActive  time.Time
}

// grant is a token with its record.
type grant struct {
	Token
	seq        int    // the order in which they were made
	keyName    string // of an API key
	created    time.Time
	lastActive time.Time
	remote     string // RemoteEndPoint of the session that it opened
}

// state is everything that changes, guarded by Server.mu.
type state struct {
	serverID   string
	legacy     bool
	starting   Phase
	wizardOpen bool
	plugins    bool
	quick      bool
	branding   Branding
	videoSize  int64
	restarts   int

	accounts []*account
	grants   map[string]*grant
	made     int // grants, ever
	sessions map[string]*liveSession
	codes    []*quickCode
	sockets  map[*socket]struct{}
	changed  chan struct{} // closed and replaced when the number of sockets changes

	calls     map[string]int
	recording bool
	requests  []Request
}

func newState(o options) state {
	return state{
		serverID:   newID(),
		legacy:     *o.legacy,
		starting:   o.starting,
		wizardOpen: o.wizardOpen,
		plugins:    o.plugins,
		quick:      true,
		videoSize:  o.videoSize,
		grants:     map[string]*grant{},
		sessions:   map[string]*liveSession{},
		sockets:    map[*socket]struct{}{},
		changed:    make(chan struct{}),
		calls:      map[string]int{},
	}
}

// AddUser makes a user with a password, which may be empty. Changes are applied
// before the user can sign in, for instance [Admin].
func (s *Server) AddUser(name, password string, changes ...func(*User)) User {
	a := &account{
		User:        User{ID: newID(), Name: name, Hidden: true},
		password:    password,
		hasPassword: password != "",
	}
	for _, change := range changes {
		change(&a.User)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.accounts = append(s.state.accounts, a)
	return a.User
}

// Admin is a change for [Server.AddUser] that makes the user an administrator.
func Admin(u *User) { u.Admin = true }

// SetUser changes a user and returns the outcome. Disabling a user ends all
// tokens, as it does in Jellyfin. An unknown id changes nothing and returns the
// zero User.
func (s *Server) SetUser(id string, change func(*User)) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.state.byID(id)
	if a == nil {
		return User{}
	}
	was := a.Disabled
	change(&a.User)
	a.ID = id
	if a.Disabled && !was {
		s.state.endUser(id, "")
	}
	return a.User
}

// SetPassword gives a user another password; tokens live on.
func (s *Server) SetPassword(id, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.state.byID(id); a != nil {
		a.password, a.hasPassword = password, password != ""
	}
}

// DeleteUser removes a user and ends all tokens.
func (s *Server) DeleteUser(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.accounts = slices.DeleteFunc(s.state.accounts, func(a *account) bool { return a.ID == id })
	s.state.endUser(id, "")
}

// Issue mints a token for a user on a device without asking for a password, by
// the same rules as a sign-in: older tokens of the user on that device end.
func (s *Server) Issue(userID string, d Device) Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.state.byID(userID)
	if a == nil {
		return Token{}
	}
	return s.state.mint(a, d, "", s.opts.now()).Token
}

// AddAPIKey makes an API key and returns its token.
func (s *Server) AddAPIKey(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.addKey(name, s.opts.now())
}

// Revoke ends a token, as signing out with it does.
func (s *Server) Revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.endToken(token)
}

// LiveTokens returns the tokens that work, API keys included, oldest first.
func (s *Server) LiveTokens() []Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	var tokens []Token
	for _, g := range s.state.ordered() {
		tokens = append(tokens, g.Token)
	}
	return tokens
}

// Devices returns the devices that have a token, most recently used first, as
// GET /Devices does.
func (s *Server) Devices() []Device {
	s.mu.Lock()
	defer s.mu.Unlock()
	var devices []Device
	for _, g := range s.state.devices() {
		devices = append(devices, g.Device)
	}
	return devices
}

func (st *state) byID(id string) *account {
	for _, a := range st.accounts {
		if a.ID == id {
			return a
		}
	}
	return nil
}

func (st *state) byName(name string) *account {
	for _, a := range st.accounts {
		if strings.EqualFold(a.Name, name) {
			return a
		}
	}
	return nil
}

// mint ends the user's tokens on the device (its id compared exactly) and makes
// a new one.
func (st *state) mint(a *account, d Device, remote string, now time.Time) *grant {
	for value, g := range st.grants {
		if g.UserID == a.ID && g.ID == d.ID && !g.APIKey {
			st.endToken(value)
		}
	}
	d.UserID, d.UserName = a.ID, a.Name
	g := st.put(&grant{Token: Token{Value: newID(), Device: d}, created: now, lastActive: now, remote: remote})
	a.lastLogin, a.lastActive = now, now
	st.touch(g.Device, a, remote, now)
	return g
}

func (st *state) addKey(name string, now time.Time) string {
	return st.put(&grant{Token: Token{Value: newID(), APIKey: true}, keyName: name, created: now, lastActive: now}).Value
}

func (st *state) put(g *grant) *grant {
	st.made++
	g.seq = st.made
	st.grants[g.Value] = g
	return g
}

// endToken removes a token and the sessions of its device, and ends its sockets.
// Sessions are found by device id without regard to case and whoever's they are,
// as Jellyfin does it.
func (st *state) endToken(value string) {
	g := st.grants[value]
	if g == nil {
		return
	}
	delete(st.grants, value)
	for key, session := range st.sessions {
		if strings.EqualFold(session.device.ID, g.ID) && !g.APIKey {
			delete(st.sessions, key)
		}
	}
	for k := range st.sockets {
		if k.token == value || k.deviceID != "" && strings.EqualFold(k.deviceID, g.ID) {
			k.end()
		}
	}
}

// endUser ends all tokens of a user but one.
func (st *state) endUser(userID, except string) {
	for value, g := range st.grants {
		if g.UserID == userID && !g.APIKey && value != except {
			st.endToken(value)
		}
	}
}

func (st *state) ordered() []*grant {
	grants := make([]*grant, 0, len(st.grants))
	for _, g := range st.grants {
		grants = append(grants, g)
	}
	slices.SortFunc(grants, func(a, b *grant) int {
		return cmp.Compare(a.seq, b.seq)
	})
	return grants
}

// devices lists grants of devices, most recently used first.
func (st *state) devices() []*grant {
	grants := slices.DeleteFunc(st.ordered(), func(g *grant) bool { return g.APIKey })
	slices.SortStableFunc(grants, func(a, b *grant) int { return b.lastActive.Compare(a.lastActive) })
	return grants
}
