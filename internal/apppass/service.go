package apppass

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/throttle"
)

// Options are what a [Service] is made of. All but Bind, Now and Logger are
// required.
type Options struct {
	Jellyfin Jellyfin
	Store    Store
	Issued   Issued
	Names    Names
	Keeper   *Keeper
	// Limiter counts tries per network.
	Limiter *throttle.Limiter
	// Bind refuses an app password on any device id but the first that it was
	// used with. Some apps change theirs from one request to the next.
	Bind bool
	// Now is the clock; nil means [time.Now].
	Now func() time.Time
	// Observe is told how each try to sign in ended, in one of [Outcomes]; nil
	// is fine.
	Observe func(outcome string)
	// Logger takes the audit lines; nil discards them.
	Logger *slog.Logger
}

// Service makes, lists, revokes and redeems app passwords. It is safe for
// concurrent use.
type Service struct {
	o    Options
	mint *minter
}

// New returns a service. Close it to finish its log-outs.
func New(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Service{o: o, mint: newMinter(o.Jellyfin, o.Issued, o.Logger)}
}

// Make makes an app password for the user, who must have signed in just now
// with a second factor, and returns it in the form in which it is shown, once.
// The errors are [ErrName], [ErrTooMany] and [ErrUnavailable].
func (s *Service) Make(ctx context.Context, userID, userName, name string) (secret.Text, AppPassword, error) {
	name, err := cleanName(name)
	if err != nil {
		return "", AppPassword{}, err
	}
	password := newPassword()
	p := AppPassword{ID: rand.Text(), UserID: userID, UserName: userName, Name: name, Created: s.o.Now()}
	err = s.o.Store.PutAppPassword(ctx, p, password, MaxPerUser)
	switch {
	case errors.Is(err, ErrTooMany):
		return "", AppPassword{}, ErrTooMany
	case err != nil:
		return "", AppPassword{}, unavailable("keep an app password", err)
	}
	s.o.Logger.InfoContext(ctx, "app password made", "user_id", userID, "app_password", p.ID)
	return Format(password), p, nil
}

// cleanName makes one line of a name.
func cleanName(name string) (string, error) {
	name = strings.Join(strings.Fields(name), " ")
	odd := strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
	if name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > MaxName || odd {
		return "", ErrName
	}
	return name, nil
}

// List returns the user's app passwords, oldest first. The error is
// [ErrUnavailable].
func (s *Service) List(ctx context.Context, userID string) ([]AppPassword, error) {
	all, err := s.o.Store.AppPasswords(ctx, userID)
	if err != nil {
		return nil, unavailable("list app passwords", err)
	}
	tokens, err := s.o.Issued.List(ctx, userID)
	if err != nil {
		return nil, unavailable("list tokens", err)
	}
	live := make(map[string]bool, len(tokens))
	for _, t := range tokens {
		live[t.ID] = true
	}
	for i, p := range all {
		all[i].SignedIn = len(p.Uses) > 0 && live[p.Uses[0].TokenID]
	}
	slices.SortFunc(all, func(a, b AppPassword) int {
		if d := a.Created.Compare(b.Created); d != 0 {
			return d
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all, nil
}

// Revoke removes the user's app password and ends the token that came from it,
// here and at Jellyfin. Revoking one that is gone is no error. The error is
// [ErrUnavailable]; Revoke may be called again then.
func (s *Service) Revoke(ctx context.Context, userID, id string) error {
	if err := s.o.Store.DropAppPassword(ctx, userID, id); err != nil {
		return unavailable("remove an app password", err)
	}
	err := s.endTokens(ctx, userID, func(t issued.Token) bool { return t.AppPassword == id && id != "" })
	if err != nil {
		return err
	}
	s.o.Logger.InfoContext(ctx, "app password revoked", "user_id", userID, "app_password", id)
	return nil
}

// RevokeAll revokes all of the user's app passwords. The error is
// [ErrUnavailable].
func (s *Service) RevokeAll(ctx context.Context, userID string) error {
	all, err := s.o.Store.AppPasswords(ctx, userID)
	if err != nil {
		return unavailable("list app passwords", err)
	}
	for _, p := range all {
		if err := s.Revoke(ctx, userID, p.ID); err != nil {
			return err
		}
	}
	return s.endTokens(ctx, userID, func(t issued.Token) bool { return t.AppPassword != "" })
}

func (s *Service) endTokens(ctx context.Context, userID string, which func(issued.Token) bool) error {
	tokens, err := s.o.Issued.List(ctx, userID)
	if err != nil {
		return unavailable("list tokens", err)
	}
	for _, t := range tokens {
		if t.ID == "" || !which(t) {
			continue
		}
		if err := s.o.Issued.End(ctx, userID, t.ID); err != nil && !errors.Is(err, issued.ErrUnknown) {
			return unavailable("end a token", err)
		}
	}
	return nil
}

// Close waits until tokens that were not handed out are logged out, or until ctx
// ends.
func (s *Service) Close(ctx context.Context) error { return s.mint.background.Close(ctx) }

func unavailable(doing string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, doing, err)
}
