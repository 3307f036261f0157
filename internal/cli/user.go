package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/jellyward/jellyward/internal/store"
	"github.com/jellyward/jellyward/internal/totp"
)

type userCommands struct {
	List    listCommand    `cmd:"" help:"List the users who have set up a second factor."`
	Show    showCommand    `cmd:"" help:"Show one user: second factor, devices that are signed in, app passwords."`
	Signout signoutCommand `cmd:"" help:"Sign a user out of all browsers and apps, and revoke the user's app passwords."`
	Reset   resetCommand   `cmd:"" help:"Remove a user's second factor, lift the locks on it and sign the user out everywhere; the user sets up a new one at the next sign-in."`
}

type listCommand struct{}

// Run prints a table, ordered by name.
func (listCommand) Run(ctx context.Context, p Process, args *arguments) error {
	return withStore(ctx, p, args, func(s *store.Store) error {
		users, err := s.Enrolments(ctx)
		if err != nil {
			return fmt.Errorf("list users: %w", err)
		}
		if len(users) == 0 {
			_, err := fmt.Fprintln(p.Stdout, "nobody has set up a second factor yet")
			return err
		}
		table := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "NAME\tUSER ID\tENROLLED")
		for _, u := range users {
			fmt.Fprintf(table, "%s\t%s\t%s\n", printable(u.Name), u.UserID, date(u.Created))
		}
		return table.Flush()
	})
}

type showCommand struct {
	Name string `arg:"" help:"The user's name, in any case, or id."`
}

// Run prints what is kept of the user, secrets aside.
func (c showCommand) Run(ctx context.Context, p Process, args *arguments) error {
	return withStore(ctx, p, args, func(s *store.Store) error {
		u, err := findUser(ctx, s, c.Name)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintf(table, "name\t%s\n", printable(u.name))
		fmt.Fprintf(table, "user id\t%s\n", u.id)
		fmt.Fprintf(table, "second factor\t%s\n", u.factor())
		if !u.pending.IsZero() {
			fmt.Fprintf(table, "being set up\tsince %s, not confirmed yet\n", date(u.pending))
		}
		if err := table.Flush(); err != nil {
			return err
		}
		return showAccess(ctx, p.Stdout, s, u.id)
	})
}

type resetCommand struct {
	Name         string `arg:"" help:"The user's name, in any case, or id."`
	KeepSessions bool   `help:"Leave browsers and apps signed in, and app passwords as they are. Only if the second factor is in nobody else's hands."`
}

// Run removes the user's second factor. Who resets it has mostly lost a phone,
// which is signed in as well: so everything is signed out, after the factor has
// gone, with which somebody could sign in again.
func (c resetCommand) Run(ctx context.Context, p Process, args *arguments) error {
	return withUser(ctx, p, args, c.Name, func(o *signOut, u user) error {
		if err := o.store.Reset(ctx, u.id); err != nil {
			return fmt.Errorf("reset user %s: %w", printable(u.name), err)
		}
		if err := u.sayReset(p.Stdout, c.KeepSessions); err != nil || c.KeepSessions {
			return err
		}
		if err := o.do(ctx, u.id, false); err != nil {
			return notDone(u, err)
		}
		return o.say(p.Stdout, u)
	})
}

// user is what the commands show of one.
type user struct {
	id, name          string
	enrolled, pending time.Time // zero when not
	lost              bool      // Redis has forgotten the second factor
}

// findUser looks a name up, in any spelling that a sign-in would find, or else
// takes it for an id.
func findUser(ctx context.Context, s *store.Store, name string) (user, error) {
	id, err := s.UserID(ctx, name)
	byName := err == nil
	if errors.Is(err, totp.ErrUnknownName) {
		id, err = name, nil
	}
	if err != nil {
		return user{}, fmt.Errorf("look up %q: %w", name, err)
	}
	u := user{id: id, name: name}
	enrolment, err := s.Enrolment(ctx, id)
	switch {
	case err == nil:
		u.id, u.name, u.enrolled = enrolment.UserID, enrolment.Name, enrolment.Created
	case errors.Is(err, store.ErrLost):
		u.lost = true
	case !byName:
		if u.name, err = nameByToken(ctx, s, id); err != nil {
			return user{}, fmt.Errorf("read user %q: %w", name, err)
		}
		if u.name == "" {
			return user{}, hinted{fmt.Errorf("no user %q has signed in or set up a second factor here", name), "jellyward user list shows those who have"}
		}
	case !errors.Is(err, totp.ErrNotEnrolled):
		return user{}, fmt.Errorf("read user %q: %w", name, err)
	}
	pending, err := s.Pending(ctx, u.id)
	if err != nil && !errors.Is(err, totp.ErrNoPending) {
		return user{}, fmt.Errorf("read user %q: %w", name, err)
	}
	u.pending = pending.Created
	if u.enrolled.IsZero() && pending.Name != "" {
		u.name = pending.Name
	}
	return u, nil
}

// nameByToken finds the name of whoever has no second factor any more and is signed
// in all the same; "" for nobody.
func nameByToken(ctx context.Context, s *store.Store, id string) (string, error) {
	tokens, err := s.IssuedTo(ctx, id)
	switch {
	case errors.Is(err, store.ErrUnavailable):
		return "", err
	case err != nil || len(tokens) == 0: // it is not even an id
		return "", nil
	case tokens[0].UserName == "":
		return id, nil
	}
	return tokens[0].UserName, nil
}

func (u user) factor() string {
	if u.lost {
		return "lost by Redis: nobody can sign in by this name until it is restored or the user is reset"
	}
	if u.enrolled.IsZero() {
		return "none: it is set up at the next sign-in"
	}
	return "since " + date(u.enrolled)
}

func (u user) sayReset(w io.Writer, keepSessions bool) error {
	what := "the second factor is removed and locks are lifted"
	if u.enrolled.IsZero() && !u.lost {
		what = "there was no second factor; locks are lifted"
	}
	next := "A new one is set up at the next sign-in."
	if keepSessions {
		next += " Browsers and apps that are signed in stay so, and app passwords work."
	}
	_, err := fmt.Fprintf(w, "%s (%s): %s\n%s\n", printable(u.name), u.id, what, next)
	return err
}

// date prints a time for people, in UTC so that two machines agree.
func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// printable keeps a name that somebody chose from steering the terminal.
func printable(name string) string {
	quoted := fmt.Sprintf("%q", name)
	if quoted == `"`+name+`"` {
		return name
	}
	return quoted
}
