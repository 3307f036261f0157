package signin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
)

const (
	// mintPatience is how long a visitor is kept waiting for Jellyfin.
	mintPatience = 10 * time.Second
	// mintLimit is how long we ourselves listen for a token that comes late.
	mintLimit = 2 * time.Minute
	// logoutFor bounds one attempt to log a token out.
	logoutFor = 5 * time.Second
)

// logoutRetries are the waits between attempts to log a token out while
// Jellyfin is away.
var logoutRetries = []time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute}

// askJellyfin makes sure that Jellyfin can check a password. It is asked before
// anything about the visitor is: else only those whose code is right, or whose
// name is not known, would hear that Jellyfin is away.
func (c *ceremony) askJellyfin(ctx context.Context) error {
	info, err := c.s.jellyfin.PublicInfo(ctx)
	switch {
	case err != nil:
		return unavailable("ask jellyfin who it is", err)
	case info.Starting:
		return fmt.Errorf("%w: jellyfin is starting", ErrUnavailable)
	case info.WizardOpen:
		return fmt.Errorf("%w: jellyfin's start-up wizard is open", ErrUnavailable)
	}
	c.version = info.Version
	return nil
}

// mint asks Jellyfin for a token. Once asked, it goes on until Jellyfin has
// answered, whether or not the visitor stays: a token that nobody heard of
// would live for ever. A token that comes too late is logged out.
func (c *ceremony) mint(ctx context.Context, device jellyfin.Device) (jellyfin.Session, error) {
	if device.Version == "" {
		device.Version = c.version
	}

	type answer struct {
		session jellyfin.Session
		err     error
	}
	answers, abandoned := make(chan answer), make(chan struct{})
	leave := c.leave
	c.s.background.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mintLimit)
		defer cancel()
		started := time.Now()
		session, err := c.s.jellyfin.Authenticate(ctx, jellyfin.Credentials{
			Device: device, Name: c.req.Name, Password: c.req.Password, Visitor: c.req.Visitor, Profile: c.req.Profile,
		})
		if err == nil || errors.Is(err, jellyfin.ErrCredentials) || errors.Is(err, jellyfin.ErrForbidden) {
			c.s.pace.observe(time.Since(started), err == nil)
		}
		select {
		case answers <- answer{session, err}:
		case <-abandoned:
			defer leave()
			if err == nil {
				c.s.Discard(ctx, session.Token)
			}
		}
	})

	timer := time.NewTimer(mintPatience)
	defer timer.Stop()
	select {
	case a := <-answers:
		return a.session, c.minted(a.err)
	case <-timer.C:
		// The turn ends when Jellyfin's answer comes, so that a slow Jellyfin
		// is not asked more and more.
		c.leave = func() {}
		close(abandoned)
		return jellyfin.Session{}, fmt.Errorf("%w: jellyfin takes too long", ErrUnavailable)
	}
}

// minted turns Jellyfin's refusals into ours. Why an account may not sign in is
// not told: Jellyfin says it of a disabled one even when the password is wrong.
func (c *ceremony) minted(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jellyfin.ErrCredentials):
		return refuse(ErrRefused, credentialsWrong)
	case errors.Is(err, jellyfin.ErrForbidden):
		return refuse(ErrRefused, accountNotAllowed)
	}
	return unavailable("check password", err)
}

// probe checks the password and tells whose it is. Jellyfin has no way to do
// that without minting a token, so it is minted for a device of our own that
// nobody else uses, and logged out at once.
func (c *ceremony) probe(ctx context.Context) (jellyfin.Session, error) {
	session, err := c.mint(ctx, jellyfin.Device{
		Client: "Jellyward",
		Name:   "Password check",
		ID:     "jellyward-" + rand.Text(),
	})
	if err != nil {
		return jellyfin.Session{}, err
	}
	c.s.Discard(ctx, session.Token)
	session.Token = ""
	session.Raw = nil
	return session, nil
}

// Discard logs out a token that nobody shall have. It does not end with ctx.
// If Jellyfin is away it returns and goes on trying in the background for a
// while; see [Service.Close].
func (s *Service) Discard(ctx context.Context, token secret.Text) {
	ctx = context.WithoutCancel(ctx)
	if s.logout(ctx, token) == nil {
		return
	}
	s.background.Go(func() {
		if err := s.background.Retry(logoutRetries, func() error { return s.logout(ctx, token) }); err != nil {
			s.log.ErrorContext(ctx, "a token could not be logged out at jellyfin", "error", err)
		}
	})
}

func (s *Service) logout(ctx context.Context, token secret.Text) error {
	ctx, cancel := context.WithTimeout(ctx, logoutFor)
	defer cancel()
	return s.jellyfin.Logout(ctx, token)
}
