package quickconnect_test

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
)

// TestADeviceThatBidesItsTimeIsListed allows a device which does not come for its
// token before its user has signed everybody out.
func TestADeviceThatBidesItsTimeIsListed(t *testing.T) {
	w := newWorld(t)
	request := w.ask(t)
	wantErr(t, "Allow", w.book.Allow(t.Context(), w.alice.ID, w.session("browser"), request.Code, home), nil)
	listed, err := w.issued.List(t.Context(), w.alice.ID)
	if err != nil || len(listed) != 1 || listed[0].DeviceName != "Küche" || listed[0].Network != "2001:db8::/64" {
		t.Fatalf("List = %+v, %v", listed, err)
	}
	if n, err := w.issued.EndAll(t.Context(), w.alice.ID, ""); n != 1 || err != nil {
		t.Errorf("EndAll = %d, %v", n, err)
	}
	redeemed, err := w.client.Redeem(t.Context(), request.Secret, "", away)
	wantErr(t, "Redeem", err, nil) // Jellyfin gives it out for ten minutes
	_, err = w.issued.RecordAnswer(t.Context(), issued.QuickConnect, redeemed.Raw, away)
	wantErr(t, "RecordAnswer", err, issued.ErrEnded)
	if alive, err := w.client.Alive(t.Context(), redeemed.Token, away); alive || err != nil {
		t.Errorf("its token lives: %v, %v", alive, err)
	}
}

// TestWhoAllowsADeviceDirectlyHidesNothing spells the digits in ways that
// Jellyfin reads.
func TestWhoAllowsADeviceDirectlyHidesNothing(t *testing.T) {
	for name, spell := range map[string]func(code string) string{
		"plain":      func(code string) string { return "code=" + code },
		"encoded":    func(code string) string { return "x=1&%63ode=%3" + code[:1] + code[1:] + "&userId=" },
		"as a whole": func(code string) string { return url.QueryEscape("code=%3" + code[:1] + code[1:] + "&x=1") },
		"decoys":     func(code string) string { return "code=" + code + "&code=000000&code=111111" },
	} {
		w := newWorld(t)
		token, request, other := w.session("browser"), w.ask(t), w.ask(t)
		answered, err := w.book.Guess(t.Context(), token, spell(request.Code), home)
		wantErr(t, "Guess", err, nil)
		wantErr(t, "Authorize", w.client.Authorize(t.Context(), token, request.Code, w.alice.ID, home), nil)
		answered(http.StatusOK)
		listed, err := w.issued.List(t.Context(), w.alice.ID)
		if err != nil || len(listed) != 1 || listed[0].Kind != issued.QuickConnect {
			t.Errorf("%s: List = %+v, %v", name, listed, err)
		}
		if _, err := w.client.Redeem(t.Context(), other.Secret, "", away); !errors.Is(err, jellyfin.ErrCodeUnknown) {
			t.Errorf("%s: another device is let in: %v", name, err)
		}
	}
}
