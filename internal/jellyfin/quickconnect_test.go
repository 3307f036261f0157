package jellyfin_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/secret"
)

// quick is one question of Quick Connect.
type quick func(t *testing.T, c *jellyfin.Client) error

func initiate(t *testing.T, c *jellyfin.Client) error {
	_, err := c.Initiate(t.Context(), jellyfin.Device{Client: "Lab TV", Name: "TV", ID: "tv1", Version: "1.0"}, visitor())
	return err
}

func authorize(t *testing.T, c *jellyfin.Client) error {
	return c.Authorize(t.Context(), "token", "477669", "0123456789abcdef0123456789abcdef", visitor())
}

func state(t *testing.T, c *jellyfin.Client) error {
	_, err := c.QuickConnectState(t.Context(), "secret")
	return err
}

func redeem(t *testing.T, c *jellyfin.Client) error {
	_, err := c.Redeem(t.Context(), "secret", "", visitor())
	return err
}

func visitor() netip.Addr { return netip.MustParseAddr("203.0.113.9") }

// The answers were recorded from 10.11.11 and 12.0-rc5, which agree.
func TestQuickConnectReadsRecordedAnswers(t *testing.T) {
	const (
		off     = `"Quick connect is disabled"`
		failed  = "Error processing request."
		waiting = `{"Authenticated":false,"Secret":"C8CA76B2539E0BE0A8131ABD5BC2F2F39FE531EDCE7736EB80C8EB7B9FA6716D","Code":"381109",` +
			`"DeviceId":"tv1","DeviceName":"TV","AppName":"Lab TV","AppVersion":"1.0","DateAdded":"2026-11-24T08:50:26.585171Z"}`
	)
	tests := []struct {
		what   string
		ask    quick
		status int
		body   string
		want   error
	}{
		{"Initiate", initiate, 200, waiting, nil},
		{"Initiate without a header", initiate, 400, failed, jellyfin.ErrDevice},
		{"Initiate, switched off", initiate, 401, off, jellyfin.ErrQuickConnectOff},
		{"Initiate, starting", initiate, 503, "", jellyfin.ErrUnavailable},
		{"Initiate, nonsense", initiate, 200, "<html>", jellyfin.ErrUnavailable},
		{"Initiate, nothing in it", initiate, 200, "{}", jellyfin.ErrUnavailable},
		{"poll", state, 200, waiting, nil},
		{"poll an unknown secret", state, 404, `"Unknown secret"`, jellyfin.ErrCodeUnknown},
		{"poll, switched off", state, 401, off, jellyfin.ErrQuickConnectOff},
		{"authorise", authorize, 200, "true", nil},
		{"authorise without a token", authorize, 401, "", jellyfin.ErrTokenDead},
		{"authorise an unknown code", authorize, 404, failed, jellyfin.ErrCodeUnknown},
		{"user authorises for another", authorize, 403, failed, jellyfin.ErrForbidden},
		{"authorise again", authorize, 500, failed, jellyfin.ErrCodeUsed},
		{"authorise, switched off", authorize, 401, off, jellyfin.ErrQuickConnectOff},
		{"authorise, starting", authorize, 503, "", jellyfin.ErrUnavailable},
		{"redeem before", redeem, 404, failed, jellyfin.ErrCodeUnknown},
		{"redeem, switched off", redeem, 401, failed, jellyfin.ErrQuickConnectOff},
		{"redeem, without a token", redeem, 200, `{"User":{"Id":"x"}}`, jellyfin.ErrUnavailable},
	}
	for _, tt := range tests {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, tt.body)
		}))
		if err := tt.ask(t, at(t, server.URL)); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
			t.Errorf("%s: error %v, want %v", tt.what, err, tt.want)
		}
		server.Close()
		if err := tt.ask(t, at(t, server.URL)); !errors.Is(err, jellyfin.ErrUnavailable) || strings.Contains(err.Error(), "secret=") {
			t.Errorf("%s, away: error %v", tt.what, err)
		}
	}
}

func at(t *testing.T, address string) *jellyfin.Client {
	t.Helper()
	base, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return jellyfin.New(base, &http.Transport{DisableKeepAlives: true}, 5*time.Second)
}

func TestQuickConnectFromCodeToSession(t *testing.T) {
	for _, release := range []jellyfintest.Release{jellyfintest.V10_11, jellyfintest.V12} {
		t.Run(release.String(), func(t *testing.T) {
			now := time.Now()
			server := jellyfintest.Start(t, jellyfintest.Version(release), jellyfintest.BaseURL("/jellyfin"),
				jellyfintest.Clock(func() time.Time { return now }))
			c := at(t, server.URL)
			alice, bob := server.AddUser("alice", "x"), server.AddUser("bob", "x")
			token := jellyfintest.Device{ID: "browser", Name: "Firefox", Client: "Jellyfin Web", Version: "1"}
			ofAlice, ofBob := server.Issue(alice.ID, token).Value, server.Issue(bob.ID, token).Value
			ask := func(what string, err, want error) {
				t.Helper()
				if !errors.Is(err, want) || (err == nil) != (want == nil) {
					t.Errorf("%s: error %v, want %v", what, err, want)
				}
			}
			on, err := c.QuickConnectEnabled(t.Context())
			if !on || err != nil {
				t.Errorf("QuickConnectEnabled = %v, %v", on, err)
			}
			device := jellyfin.Device{Client: "Lab \"TV\"", Name: "Küche, links", ID: "tv1", Version: "1.0"}
			request, err := c.Initiate(t.Context(), device, visitor())
			ask("Initiate", err, nil)
			if request.Device != device || request.Authorized || len(request.Code) != 6 {
				t.Errorf("Initiate = %+v", request)
			}
			_, err = c.Redeem(t.Context(), request.Secret, "", visitor())
			ask("Redeem too early", err, jellyfin.ErrCodeUnknown)
			authorize := func(token string) error {
				return c.Authorize(t.Context(), secret.Text(token), request.Code, alice.ID, visitor())
			}
			ask("Authorize by bob", authorize(ofBob), jellyfin.ErrForbidden)
			ask("Authorize by nobody", authorize("0123456789abcdef0123456789abcdef"), jellyfin.ErrTokenDead)
			ask("Authorize", authorize(ofAlice), nil)
			ask("Authorize again", authorize(ofAlice), jellyfin.ErrCodeUsed)
			seen, err := c.QuickConnectState(t.Context(), request.Secret)
			if err != nil || !seen.Authorized {
				t.Errorf("QuickConnectState = %+v, %v", seen, err)
			}
			for _, profile := range []jellyfin.Profile{"", jellyfin.CamelCase} {
				session, err := c.Redeem(t.Context(), request.Secret, profile, visitor())
				ask("Redeem", err, nil)
				parsed, on, err := jellyfin.ParseSession(session.Raw)
				ask("ParseSession", err, nil)
				if session.UserID != alice.ID || parsed.Token != session.Token || on != device {
					t.Errorf("profile %q: session of %s on %+v", profile, session.UserID, on)
				}
			}
			now = now.Add(jellyfin.QuickConnectFor)
			_, err = c.Redeem(t.Context(), request.Secret, "", visitor())
			ask("Redeem too late", err, jellyfin.ErrCodeUnknown)
			server.SetQuickConnect(false)
			if on, err := c.QuickConnectEnabled(t.Context()); on || err != nil {
				t.Errorf("QuickConnectEnabled, switched off = %v, %v", on, err)
			}
		})
	}
}
