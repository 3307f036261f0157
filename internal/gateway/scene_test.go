package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/proxy"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/visitor"
	"github.com/jellyward/jellyward/ui"
)

// scene is a gateway with everything behind it replaced by what remembers.
type scene struct {
	*Gateway
	state     jellyfin.Readiness
	redisAway bool
	ended     []secret.Text

	jellyfinAway         bool
	sessionToken         secret.Text
	confirmed, forgotten []secret.Text
	created              time.Time // of the session
	admin                bool      // whether the session is an administrator's
	status               int       // what Jellyfin answers

	granted []netip.Addr // who holds a grant
	proofs  []proof
	over    []secret.Text // whose grants have ended

	sends     string   // the body of what is asked
	forwarded []string // "METHOD target"
	body      string   // of the last of them
	treatment proxy.Treatment
	visitor   visitor.Visitor
	header    http.Header
	portal    []string
	log       bytes.Buffer
}

func newScene(t testing.TB, base string) *scene {
	t.Helper()
	b, err := policy.ParseBase(base)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{state: jellyfin.Ready, status: http.StatusOK}
	s.Gateway = &Gateway{
		Base:      b,
		Policy:    policy.New(),
		Switches:  policy.DefaultSwitches(),
		Dialect:   func() jellyfin.Dialect { return jellyfin.DialectFor("10.11.11", "auto", true) },
		Sessions:  s,
		Tokens:    s,
		Grants:    s,
		Jellyfin:  s,
		Readiness: s,
		Pages:     ui.New(),
		Branding:  true,
		Portal:    http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { s.portal = append(s.portal, r.Method+" "+r.URL.Path) }),
		Via:       func(r *http.Request) bool { return r.Header.Get("Test-Tunnel") != "" },
		Logger:    slog.New(slog.NewTextHandler(&s.log, nil)),
	}
	return s
}

func (s *scene) Readiness(context.Context) jellyfin.Readiness { return s.state }

func (s *scene) Lookup(_ context.Context, cookie string) (session.Session, error) {
	if s.redisAway {
		return session.Session{}, errors.New("redis is not available")
	}
	if cookie != live {
		return session.Session{}, session.ErrNone
	}
	return session.Session{UserID: "1", Token: s.sessionToken, Created: s.created, Admin: s.admin}, nil
}

// Alive says what Jellyfin would: all tokens live but these.
func (s *scene) Alive(_ context.Context, token secret.Text, _ netip.Addr) (bool, error) {
	if s.jellyfinAway {
		return false, jellyfin.ErrUnavailable
	}
	return token != "invented" && token != "dead", nil
}

func (s *scene) Confirm(token secret.Text) { s.confirmed = append(s.confirmed, token) }

func (s *scene) Forget(token secret.Text) { s.forgotten = append(s.forgotten, token) }

// proof is one that a token lives.
type proof struct {
	Addr  string
	Token secret.Text
	Item  string
}

func (s *scene) Prove(addr netip.Addr, token secret.Text, item string) {
	s.proofs = append(s.proofs, proof{addr.String(), token, item})
}

func (s *scene) Holds(addr netip.Addr, _ string) bool { return slices.Contains(s.granted, addr) }

func (s *scene) Knows(token secret.Text) bool {
	return slices.ContainsFunc(s.proofs, func(p proof) bool { return p.Token == token })
}

func (s *scene) End(ctx context.Context, token secret.Text) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.over = append(s.over, token)
	return nil
}

func (s *scene) EndToken(ctx context.Context, token secret.Text) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.ended = append(s.ended, token)
	return nil
}

func (s *scene) Forward(w http.ResponseWriter, r *http.Request, t proxy.Treatment) {
	s.forwarded = append(s.forwarded, r.Method+" "+r.URL.RequestURI())
	s.treatment, s.header = t, r.Header
	body, _ := io.ReadAll(r.Body) // from memory
	s.body = string(body)
	s.visitor, _ = visitor.From(r.Context())
	if t.Answered != nil {
		t.Answered(s.status)
	}
	w.WriteHeader(s.status)
}

// ask sends "METHOD target" through the tunnel with pairs of header names and
// values, and returns the answer.
func (s *scene) ask(request string, pairs ...string) *http.Response {
	s.forwarded, s.portal = nil, nil
	method, target, _ := strings.Cut(request, " ")
	r := httptest.NewRequest(http.MethodGet, "/", strings.NewReader(s.sends))
	r.Method, r.RequestURI, r.Host = method, target, "jellyfin.example.org"
	r.Header.Set("Test-Tunnel", "1")
	r.Header.Set("Cf-Connecting-Ip", "203.0.113.9")
	r.Header.Set("X-Forwarded-Proto", "https")
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			r.Header.Del(pairs[i])
			continue
		}
		r.Header.Set(pairs[i], pairs[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result()
}

// reached tells whether anything came to Jellyfin.
func (s *scene) reached() bool { return len(s.forwarded) > 0 }
