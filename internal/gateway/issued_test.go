package gateway

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/secret"
)

// registry knows two tokens: one that was given out, one that was ended.
type registry struct{ away bool }

func (r registry) Ended(token secret.Text) (bool, error) {
	if r.away {
		return false, errors.New("nobody has read what was ended")
	}
	return token == "ended", nil
}

func (r registry) Admitted(_ context.Context, token secret.Text) (bool, error) {
	return token == "ours", nil
}

func (registry) Touch(secret.Text, netip.Addr) {}

func (registry) Dead(secret.Text) {}

func (registry) Forget(context.Context, secret.Text) error { return nil }

func (registry) RecordAnswer(context.Context, issued.Kind, []byte, netip.Addr) (issued.Token, error) {
	return issued.Token{}, nil
}

// keys allows one key from anywhere.
type keys struct{}

func (keys) Allows(token secret.Text, _ netip.Addr) (string, bool) { return "seerr", token == "key" }

func TestOnlyTokensThatCountAreJudged(t *testing.T) {
	const film = "GET /Videos/" + item + "/stream?ApiKey="
	for _, tt := range []struct {
		name, request string
		only, away    bool
		pairs         []string
		want          int
		reason        string
	}{
		{"given out", "GET /Items?ApiKey=ours", true, false, nil, 200, ""},
		{"given out elsewhere", "GET /Items?ApiKey=theirs", false, false, nil, 200, ""},
		{"given out elsewhere, where that matters", "GET /Items?ApiKey=theirs", true, false, nil, 401, "token was not given out here"},
		{"the same at home", "GET /Items?ApiKey=theirs", true, false, local, 200, ""},
		{"a listed key", "GET /Items?ApiKey=key", true, false, nil, 200, ""},
		{"ended", "GET /Items?ApiKey=ended", false, false, nil, 401, "token was ended here"},
		{"ended, at home", "GET /Items?ApiKey=ended", false, false, local, 401, "token was ended here"},
		{"ended, for a film", film + "ended", false, false, nil, 401, "token was ended here"},
		{"ended, in a header", "GET /Items", false, false, []string{"Authorization", `MediaBrowser Client="x", Token="ended"`}, 401, "token was ended here"},
		{"ended, where nobody needs one", "GET /System/Ping?ApiKey=ended", false, false, nil, 200, "token was ended here"},
		{"ended, with our cookie", "GET /Items?ApiKey=ended", false, false, []string{"Cookie", "__Host-jellyward=" + live}, 200, "token was ended here"},
		{"not known yet", "GET /Items?ApiKey=ours", false, true, nil, 503, "token could not be checked"},
		{"not known yet, where nobody needs one", "GET /System/Ping?ApiKey=ours", false, true, nil, 200, "token could not be checked"},
		{"dead", film + "dead", false, false, nil, 401, "token is dead at jellyfin"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, "")
			s.Home, s.Issued, s.OnlyIssued, s.APIKeys = home, registry{tt.away}, tt.only, keys{}
			resp := s.ask(tt.request, tt.pairs...)
			if resp.StatusCode != tt.want {
				t.Errorf("status = %d, want %d", resp.StatusCode, tt.want)
			}
			if tt.reason != "" && s.reached() && (strings.Contains(strings.Join(s.forwarded, ""), "ApiKey") || strings.Contains(s.header.Get("Authorization"), "Token")) {
				t.Errorf("Jellyfin is shown the token: %q, %q", s.forwarded, s.header.Get("Authorization"))
			}
			if has := strings.Contains(s.log.String(), `reason="`+tt.reason+`"`); has != (tt.reason != "") {
				t.Errorf("log: %s", s.log.String())
			}
		})
	}
}
