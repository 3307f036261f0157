package portal

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/visitor"
	"github.com/jellyward/jellyward/ui"
)

// Devices knows what was given out to whom. [issued.Registry] is one.
type Devices interface {
	Record(ctx context.Context, s jellyfin.Session, d issued.Details) (issued.Token, error)
	List(ctx context.Context, userID string) ([]issued.Token, error)
	End(ctx context.Context, userID, id string) error
	EndAll(ctx context.Context, userID, except string) (int, error)
}

// kinds are the ways in, as the account page says them.
var kinds = map[issued.Kind]string{
	issued.Browser:      "Browser",
	issued.Code:         "Password and code",
	issued.AppPassword:  "App password",
	issued.QuickConnect: "Quick Connect",
}

// devices lists where the user of s is signed in, this browser first.
func (p *portal) devices(ctx context.Context, s session.Session) ([]ui.Device, error) {
	tokens, err := p.Devices.List(ctx, s.UserID)
	if err != nil {
		return nil, err
	}
	here := s.Token.Hash()
	slices.SortStableFunc(tokens, func(a, b issued.Token) int {
		switch here {
		case a.ID:
			return -1
		case b.ID:
			return 1
		}
		return 0
	})
	list := make([]ui.Device, 0, len(tokens))
	for _, t := range tokens {
		list = append(list, ui.Device{
			ID: t.ID, App: t.Client, Name: t.DeviceName, Kind: kinds[t.Kind], From: readable(t.LastNetwork), Seen: t.Seen, Current: t.ID == here,
		})
	}
	return list, nil
}

// readable writes a network as people know it: one address as such.
func readable(network string) string { return strings.TrimSuffix(network, "/32") }

// endDevices signs out one device of the user's, or all but this browser.
func (p *portal) endDevices(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		ID     string `json:"Id"`
		Others bool
	}
	s, ok := p.signedIn(w, r, &asked)
	if !ok {
		return
	}
	var err error
	switch {
	case asked.Others:
		_, err = p.Devices.EndAll(r.Context(), s.UserID, s.Token.Hash())
	case asked.ID == "" || asked.ID == s.Token.Hash():
		p.answer(w, r, http.StatusBadRequest, failure{Message: "Say which other device is to be signed out."})
		return
	default:
		err = p.Devices.End(r.Context(), s.UserID, asked.ID)
	}
	// One that is gone already is as the user wished.
	if err != nil && !errors.Is(err, issued.ErrUnknown) {
		p.trouble(r, "device not signed out", err)
		p.refuse(w, r, refusedAs{}, signin.ErrUnavailable)
		return
	}
	if err == nil {
		v, _ := visitor.From(r.Context())
		p.log.InfoContext(r.Context(), "device signed out by its user", "user_id", s.UserID, "all_others", asked.Others,
			"network", throttle.NetworkOf(v.Addr).String(), "request_id", v.RequestID)
	}
	p.answer(w, r, http.StatusOK, done{Ok: true})
}

// done says that something was done.
type done struct{ Ok bool }
