package jellyfintest

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"
)

// quickTTL is how long a code can be authorised and, from then on, redeemed.
const quickTTL = 10 * time.Minute

// quickCode is one Quick Connect request.
type quickCode struct {
	secret, code string
	device       Device
	added        time.Time
	granted      *authResult // once authorised
}

type quickDTO struct {
	Authenticated bool
	Secret        string
	Code          string
	DeviceID      string `json:"DeviceId"`
	DeviceName    string
	AppName       string
	AppVersion    string
	DateAdded     string
}

// SetQuickConnect switches Quick Connect; it is on to begin with.
func (s *Server) SetQuickConnect(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.quick = on
}

func (c *call) quickEnabled() { c.json(http.StatusOK, c.st.quick) }

// quickOff answers for a Quick Connect that is switched off.
func (c *call) quickOff() bool {
	if !c.st.quick {
		c.json(http.StatusUnauthorized, "Quick connect is disabled")
	}
	return !c.st.quick
}

func (c *call) quickInitiate() {
	if c.quickOff() {
		return
	}
	device := c.who.deviceOf()
	if !device.complete() {
		c.failed(http.StatusBadRequest)
		return
	}
	c.st.expireCodes(c.s.opts.now())
	q := &quickCode{
		secret: randomSecret(),
		code:   c.st.freshCode(),
		device: device,
		added:  c.s.opts.now(),
	}
	c.st.codes = append(c.st.codes, q)
	c.json(http.StatusOK, q.dto())
}

func (c *call) quickState() {
	if c.missing("secret") {
		return
	}
	if c.quickOff() {
		return
	}
	if q := c.findCode(func(q *quickCode) bool { return q.secret == c.query.get("secret") }); q != nil {
		c.json(http.StatusOK, q.dto())
		return
	}
	c.json(http.StatusNotFound, "Unknown secret")
}

// quickAuthorize mints the token of the waiting device at once; as with any
// sign-in, the user's older tokens on that device end.
func (c *call) quickAuthorize() {
	if c.missing("code") {
		return
	}
	a := c.target(c.query.get("userId"))
	if a == nil || c.quickOff() {
		return
	}
	q := c.findCode(func(q *quickCode) bool { return q.code == c.query.get("code") })
	switch {
	case q == nil:
		c.failed(http.StatusNotFound)
		return
	case q.granted != nil:
		c.failed(http.StatusInternalServerError)
		return
	case a.MaxSessions > 0 && c.st.sessionsOf(a.ID) >= a.MaxSessions:
		c.failed(http.StatusForbidden)
		return
	}
	login := a.lastLogin
	g := c.st.mint(a, q.device, "", c.s.opts.now())
	if !login.IsZero() {
		a.lastLogin = login // this is no sign-in of the user's
	}
	// Jellyfin moves the date so that the secret lives for ten more minutes.
	result := c.result(g, a)
	q.granted, q.added = &result, c.s.opts.now()
	c.json(http.StatusOK, true)
}

// quickRedeem is POST /Users/AuthenticateWithQuickConnect. It gives the same
// answer as often as it is asked, also when its token has ended since.
func (c *call) quickRedeem() {
	fields, ok := c.bind()
	if !ok {
		return
	}
	secret := text(fields, "Secret")
	switch {
	case secret == "":
		c.invalid("Secret", "The Secret field is required.")
		return
	case !c.st.quick:
		c.failed(http.StatusUnauthorized)
		return
	}
	q := c.findCode(func(q *quickCode) bool { return q.secret == secret && q.granted != nil })
	if q == nil {
		c.failed(http.StatusNotFound)
		return
	}
	c.json(http.StatusOK, *q.granted)
}

func (c *call) findCode(which func(*quickCode) bool) *quickCode {
	c.st.expireCodes(c.s.opts.now())
	if i := slices.IndexFunc(c.st.codes, which); i >= 0 {
		return c.st.codes[i]
	}
	return nil
}

func (st *state) expireCodes(now time.Time) {
	st.codes = slices.DeleteFunc(st.codes, func(q *quickCode) bool { return now.Sub(q.added) >= quickTTL })
}

func (st *state) freshCode() string {
	for {
		n, err := rand.Int(rand.Reader, big.NewInt(900000))
		if err != nil {
			panic(err) // crypto/rand does not fail
		}
		code := fmt.Sprint(100000 + n.Int64())
		if !slices.ContainsFunc(st.codes, func(q *quickCode) bool { return q.code == code }) {
			return code
		}
	}
}

func randomSecret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return strings.ToUpper(hex.EncodeToString(b[:]))
}

func (q *quickCode) dto() quickDTO {
	return quickDTO{
		Authenticated: q.granted != nil, Secret: q.secret, Code: q.code,
		DeviceID: q.device.ID, DeviceName: q.device.Name, AppName: q.device.Client, AppVersion: q.device.Version,
		DateAdded: stamp(q.added),
	}
}
