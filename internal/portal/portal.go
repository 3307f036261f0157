// Package portal serves /sso/2fa: the pages on which people sign in, enrol a
// second factor and sign out, and the JSON that the pages and other programs
// post to. It is the only package that knows gin.
package portal

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/ui"
)

// root is where the portal stands below the base path.
const root = "/sso/2fa"

// SignIn is the ceremony behind the forms. [signin.Service] is one.
type SignIn interface {
	SignIn(ctx context.Context, req signin.Request) (jellyfin.Session, error)
	Enrol(ctx context.Context, req signin.Request) (signin.Enrolment, error)
	Confirm(ctx context.Context, req signin.Request) (jellyfin.Session, error)
	Discard(ctx context.Context, token secret.Text)
}

// Sessions keeps who is signed in. [session.Manager] is one.
type Sessions interface {
	Create(ctx context.Context, s session.Session) (secret.Text, session.Session, error)
	Lookup(ctx context.Context, value string) (session.Session, error)
	End(ctx context.Context, id string) error
}

// Jellyfin tells whether a token still lives. [jellyfin.Client] is one.
type Jellyfin interface {
	Alive(ctx context.Context, token secret.Text, visitor netip.Addr) (bool, error)
}

// Options are what the portal is made of. All but BasePath, PublicURL,
// SessionMaxAge and Logger are required.
type Options struct {
	SignIn       SignIn
	Sessions     Sessions
	Jellyfin     Jellyfin
	Devices      Devices
	AppPasswords AppPasswords
	Keeper       Keeper
	QuickConnect QuickConnect
	// BasePath is the path below which everything is published: empty, or like
	// "/jellyfin". The requests that the handler gets do not carry it any more.
	BasePath string
	// PublicURL is the scheme and host, with or without BasePath, that visitors
	// are to use; empty means the one that each visitor asked.
	PublicURL string
	// SessionMaxAge is how long the cookie lives; zero means 30 days.
	SessionMaxAge time.Duration
	// Logger reports our own trouble; nil discards it.
	Logger *slog.Logger
}

// portal is what the handlers share.
type portal struct {
	Options
	ui  *ui.UI
	log *slog.Logger
}

// New returns the handler for /sso/2fa and everything below it. It expects
// canonical paths (lower case, without the base path and a trailing slash) and
// the visitor in the request's context.
func New(o Options) http.Handler {
	if o.SessionMaxAge <= 0 {
		o.SessionMaxAge = 30 * 24 * time.Hour
	}
	o.PublicURL = strings.TrimRight(o.PublicURL, "/")
	p := &portal{Options: o, ui: ui.New(), log: o.Logger}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	return p.admission(p.routes())
}

// quietGin turns gin's debug output off, which it keeps in a global of its own.
var quietGin = sync.OnceFunc(func() { gin.SetMode(gin.ReleaseMode) })

func (p *portal) routes() http.Handler {
	quietGin()
	engine := gin.New()
	engine.RedirectTrailingSlash = false
	engine.ForwardedByClientIP = false
	if err := engine.SetTrustedProxies(nil); err != nil {
		panic(err) // nil is always valid
	}
	pages := map[string]http.HandlerFunc{
		root:              p.signInPage,
		root + "/enroll":  p.enrolPage,
		root + "/account": p.accountPage,
		root + "/connect": p.connectPage,
	}
	for path, page := range pages {
		engine.GET(path, gin.WrapF(page))
		engine.HEAD(path, gin.WrapF(page))
	}
	asset := func(c *gin.Context) { p.asset(c.Writer, c.Param("name")) }
	engine.GET(root+"/assets/:name", asset)
	engine.HEAD(root+"/assets/:name", asset)
	engine.POST(root, gin.WrapF(p.toSignIn)) // a form without its script
	engine.POST(root+"/authenticate", gin.WrapF(p.authenticate))
	engine.POST(root+"/enroll", gin.WrapF(p.enroll))
	engine.POST(root+"/confirm", gin.WrapF(p.confirm))
	engine.POST(root+"/signout", gin.WrapF(p.signOut))
	engine.POST(root+"/devices/signout", gin.WrapF(p.endDevices))
	engine.POST(root+"/passwords", gin.WrapF(p.makePassword))
	engine.POST(root+"/passwords/revoke", gin.WrapF(p.revokePassword))
	engine.POST(root+"/connect/look", gin.WrapF(p.lookAtDevice))
	engine.POST(root+"/connect/allow", gin.WrapF(p.allowDevice))
	engine.NoRoute(gin.WrapF(p.unknown))
	return engine
}

// unknown leads people to the sign-in page and tells programs that there is
// nothing here.
func (p *portal) unknown(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, root+"/assets/"):
		http.Error(w, "Not found.", http.StatusNotFound)
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		p.toSignIn(w, r)
	case r.Method == http.MethodPost:
		p.answer(w, r, http.StatusNotFound, failure{Message: "There is nothing at this address."})
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		p.answer(w, r, http.StatusMethodNotAllowed, failure{Message: "This method is not allowed here."})
	}
}

func (p *portal) toSignIn(w http.ResponseWriter, r *http.Request) {
	p.redirect(w, r, p.BasePath+root)
}

// redirect answers 303: whatever was sent, the next request is a GET.
func (p *portal) redirect(w http.ResponseWriter, r *http.Request, to string) {
	http.Redirect(w, r, to, http.StatusSeeOther)
}
