package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/jellyward/jellyward/internal/apppass"
	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/grant"
	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/store"
)

const (
	// leaveTimeout is how long Jellyfin is waited for in all.
	leaveTimeout = 10 * time.Second
	// maxLeft is how many tokens are counted that Jellyfin has not heard of.
	maxLeft = 10_000
)

type signoutCommand struct {
	Name             string `arg:"" help:"The user's name, in any case, or id."`
	KeepAppPasswords bool   `help:"Leave the user's app passwords: apps that have one sign in again by themselves."`
}

// Run ends all that was given out to the user.
func (c signoutCommand) Run(ctx context.Context, p Process, args *arguments) error {
	return withUser(ctx, p, args, c.Name, func(o *signOut, u user) error {
		err := o.do(ctx, u.id, c.KeepAppPasswords)
		if err != nil {
			return notDone(u, err)
		}
		return o.say(p.Stdout, u)
	})
}

// notDone says that some of it may be left.
func notDone(u user, err error) error {
	return hinted{
		fmt.Errorf("sign %s out: not all of it was done: %w", printable(u.name), err),
		"see that Redis runs, then run jellyward user signout " + u.id + " until it succeeds",
	}
}

// withUser runs do with what signs a user out. When a program runs it is told.
func withUser(ctx context.Context, p Process, args *arguments, name string, do func(*signOut, user) error) error {
	cfg, err := args.loadFor(p, "redis.url", "data_dir", "key_file")
	if err != nil {
		return err
	}
	s, err := openStore(ctx, p, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	u, err := findUser(ctx, s, name)
	if err != nil {
		return err
	}
	return do(newSignOut(cfg, s), u)
}

// signOut ends whatever lets a user in, or an app in the user's name, without a
// second factor. It writes it down in the store, where the running program hears
// of it within a second.
type signOut struct {
	store    *store.Store
	sessions *session.Manager
	grants   *grant.Book
	issued   *issued.Registry
	// anyToken tells that tokens pass that were not given out here.
	anyToken bool

	// What was done, and how many tokens Jellyfin has not heard of.
	browsers, apps, revoked, left int
}

func newSignOut(cfg config.Config, s *store.Store) *signOut {
	o := &signOut{
		store:    s,
		sessions: session.New(s, cfg.Session.MaxAge, nil),
		grants:   grant.New(s, grant.Options{For: cfg.Policy.MediaFor}),
		anyToken: cfg.Policy.Tokens != "here",
	}
	o.issued = issued.New(issued.Options{
		Store: s, Jellyfin: jellyfinOf(cfg), MaxAge: cfg.Native.MaxAge,
		Ended: func(ctx context.Context, token secret.Text) {
			// Their errors come once more where the store is asked next.
			_ = errors.Join(o.sessions.EndToken(ctx, token), o.grants.End(ctx, token))
		},
	})
	return o
}

// do ends all of it, as far as it can before something fails: first browsers, in
// which app passwords are made, then app passwords, by which apps sign in anew,
// and at last what is left.
func (o *signOut) do(ctx context.Context, userID string, keepAppPasswords bool) error {
	if err := o.endBrowsers(ctx, userID); err != nil {
		return err
	}
	if !keepAppPasswords {
		if err := o.revoke(ctx, userID); err != nil {
			return err
		}
	}
	ended, err := o.issued.EndAll(ctx, userID, "")
	o.apps += ended
	if err != nil {
		return err
	}
	return o.tellJellyfin(ctx)
}

// revoke takes the user's app passwords back, and what signs apps in with them.
func (o *signOut) revoke(ctx context.Context, userID string) error {
	all, err := o.store.AppPasswords(ctx, userID)
	if err != nil {
		return fmt.Errorf("list app passwords: %w", err)
	}
	for _, p := range all {
		if err := o.store.DropAppPassword(ctx, userID, p.ID); err != nil {
			return fmt.Errorf("revoke an app password: %w", err)
		}
		o.revoked++
	}
	kept, err := o.store.Kept(ctx, userID)
	switch {
	case errors.Is(err, apppass.ErrUnknown):
		return nil
	case err != nil:
		return fmt.Errorf("read the kept session: %w", err)
	}
	if err := o.issued.EndToken(ctx, kept.Token); err != nil {
		return err
	}
	if err := o.store.DropKept(ctx, userID, kept.Token.Hash()); err != nil {
		return fmt.Errorf("drop the kept session: %w", err)
	}
	return nil
}

// endBrowsers ends the sessions of browsers one by one: the token of one may have
// died at Jellyfin and be forgotten here.
func (o *signOut) endBrowsers(ctx context.Context, userID string) error {
	all, err := o.store.SessionsOf(ctx, userID)
	if err != nil {
		return fmt.Errorf("list browsers: %w", err)
	}
	for _, s := range all {
		if err := o.sessions.End(ctx, s.ID); err != nil {
			return err
		}
		o.browsers++
		if err := o.issued.EndToken(ctx, s.Token); err != nil {
			return err
		}
	}
	return nil
}

// tellJellyfin logs out what was ended. What Jellyfin cannot be told now stays in
// the store, and the program tells it.
func (o *signOut) tellJellyfin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	_ = o.issued.Leave(ctx)
	left, err := o.store.Leaving(context.WithoutCancel(ctx), maxLeft)
	if err != nil {
		return fmt.Errorf("count what jellyfin is to be told: %w", err)
	}
	o.left = len(left)
	return nil
}

// say tells what was done, and what is left.
func (o *signOut) say(w io.Writer, u user) error {
	var done []string
	for _, part := range []string{
		count(o.browsers, "browser signed out", "browsers signed out"),
		count(o.apps, "app signed out", "apps signed out"),
		count(o.revoked, "app password revoked", "app passwords revoked"),
	} {
		if part != "" {
			done = append(done, part)
		}
	}
	if len(done) == 0 {
		done = []string{"nothing was signed in"}
	}
	text := fmt.Sprintf("%s (%s): %s\n", printable(u.name), u.id, strings.Join(done, ", "))
	if o.left > 0 {
		text += fmt.Sprintf(stillToTell, count(o.left, "token", "tokens"))
	}
	if o.anyToken {
		text += fromElsewhere
	}
	_, err := io.WriteString(w, text)
	return err
}

const (
	stillToTell = `Jellyfin could not be told of %s yet. Nothing opens here by them any more;
a running jellyward logs them out there as soon as it can, or else the next one
that starts.
`
	fromElsewhere = `Apps that signed in at Jellyfin itself, at home for instance, are not among
these: sign them out in Jellyfin's dashboard, under Devices, or set policy.tokens
to here, so that they count at home only.
`
)

// count is a number of things in words, "" for none.
func count(n int, one, many string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// jellyfinOf is the server that the settings name, if they do.
func jellyfinOf(cfg config.Config) issued.Jellyfin {
	if cfg.Jellyfin.URL == nil {
		return nowhere{}
	}
	return jellyfin.New(cfg.Jellyfin.URL.JoinPath(cfg.BasePath), &http.Transport{DisableKeepAlives: true}, jellyfinTimeout)
}

// nowhere is a Jellyfin that the settings do not name.
type nowhere struct{}

func (nowhere) Logout(context.Context, secret.Text) error { return jellyfin.ErrUnavailable }

func (nowhere) Alive(context.Context, secret.Text, netip.Addr) (bool, error) {
	return false, jellyfin.ErrUnavailable
}
