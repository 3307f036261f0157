package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jellyward/jellyward/internal/apikey"
	"github.com/jellyward/jellyward/internal/apppass"
	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/grant"
	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/native"
	"github.com/jellyward/jellyward/internal/quickconnect"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/internal/throttle"
)

// apps is what lets phones and televisions in, and remembers whom.
type apps struct {
	issued    *issued.Registry
	keys      apikey.Keys
	keeper    *apppass.Keeper
	passwords *apppass.Service
	connect   *quickconnect.Book
	limits    *quickconnect.Limits
	native    *native.Handler
}

// buildApps makes it. It needs the sessions, the grants and the sign-in.
func (a *App) buildApps(cfg config.Config, client *jellyfin.Client, limiter *throttle.Limiter) (err error) {
	s := &a.apps
	if s.keys, err = apikey.ParseKeys(cfg.Policy.APIKeys); err != nil {
		return fmt.Errorf("policy.api_keys: %w", err)
	}
	s.issued = issued.New(issued.Options{
		Store:    a.store,
		Jellyfin: client,
		MaxAge:   cfg.Native.MaxAge,
		Ended:    ending{a.sessions, a.grants, a.logger}.end,
		Logger:   a.logger,
	})
	s.keeper = apppass.NewKeeper(apppass.KeeperOptions{
		Jellyfin: client,
		Store:    a.store,
		Issued:   s.issued,
		APIKey:   cfg.Jellyfin.APIKey,
		Logger:   a.logger,
	})
	s.passwords = apppass.New(apppass.Options{
		Jellyfin: client,
		Store:    a.store,
		Issued:   s.issued,
		Names:    a.store,
		Keeper:   s.keeper,
		Limiter:  limiter,
		Bind:     cfg.Native.BindAppPasswords,
		Observe:  a.metrics.SignIn,
		Logger:   a.logger,
	})
	s.connect = quickconnect.New(quickconnect.Options{
		Store:    a.store,
		Jellyfin: client,
		Keeper:   s.keeper,
		Issued:   s.issued,
		Limiter:  limiter,
		Logger:   a.logger,
	})
	s.limits = quickconnect.NewLimits(time.Now)
	dialect := a.dialect(cfg)
	s.native = native.New(native.Options{
		PasswordLogin: cfg.Native.PasswordLogin == "code",
		SignIn:        a.signin,
		Present: func(h http.Header, rawQuery string) jellyfin.Presented {
			return jellyfin.ReadPresented(h, rawQuery, dialect())
		},
		AppPasswords: s.passwords,
		Issued:       s.issued,
		Where:        a.gateway.SignInURL,
		Logger:       a.logger,
	})
	return nil
}

// ending forgets a token that is ended wherever it was let in.
type ending struct {
	sessions *session.Manager
	grants   *grant.Book
	logger   *slog.Logger
}

func (e ending) end(ctx context.Context, token secret.Text) {
	err := errors.Join(e.sessions.EndToken(ctx, token), e.grants.End(ctx, token))
	if err != nil {
		// What was given out is refused for being ended, all the same.
		e.logger.ErrorContext(ctx, "sessions or grants of a token that was ended are left", "error", err)
	}
}

// leaving is the sign-in that the portal knows. Whoever signs out there leaves
// nothing behind here.
type leaving struct {
	*signin.Service
	ending ending
	issued *issued.Registry
}

// Discard logs token out, at Jellyfin and here.
func (l leaving) Discard(ctx context.Context, token secret.Text) {
	l.ending.end(ctx, token)
	l.issued.Discard(ctx, token)
}

// closeApps lets the log-outs that are still owed to Jellyfin come to an end.
func (a *App) closeApps(ctx context.Context) error {
	if a.apps.issued == nil {
		return nil
	}
	var all errgroup.Group
	all.Go(func() error { return a.apps.passwords.Close(ctx) })
	all.Go(func() error { return a.apps.keeper.Close(ctx) })
	return errors.Join(all.Wait(), a.apps.issued.Close(ctx))
}
