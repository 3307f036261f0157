package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/jellyward/jellyward/internal/apppass"
	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/store"
)

// ways are the ways in, as an admin reads them.
var ways = map[issued.Kind]string{
	issued.Browser:      "browser",
	issued.Code:         "password and code",
	issued.AppPassword:  "app password",
	issued.QuickConnect: "Quick Connect",
}

// showAccess prints where the user is signed in, and the user's app passwords.
func showAccess(ctx context.Context, w io.Writer, s *store.Store, userID string) error {
	devices, err := s.IssuedTo(ctx, userID)
	if err != nil {
		return fmt.Errorf("list devices: %w", err)
	}
	passwords, err := s.AppPasswords(ctx, userID)
	if err != nil {
		return fmt.Errorf("list app passwords: %w", err)
	}
	if err := showDevices(w, devices); err != nil {
		return err
	}
	return showPasswords(w, passwords)
}

// showDevices prints a table, the one that was used last on top.
func showDevices(w io.Writer, devices []issued.Token) error {
	if len(devices) == 0 {
		return nil
	}
	slices.SortStableFunc(devices, func(a, b issued.Token) int { return b.Seen.Compare(a.Seen) })
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nSIGNED IN ON\tAPP\tBY\tFROM\tLAST SEEN")
	for _, d := range devices {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", orNone(d.DeviceName), orNone(d.Client), ways[d.Kind], strings.TrimSuffix(d.LastNetwork, "/32"), date(d.Seen))
	}
	return table.Flush()
}

// showPasswords prints a table, the oldest on top.
func showPasswords(w io.Writer, passwords []apppass.AppPassword) error {
	if len(passwords) == 0 {
		return nil
	}
	slices.SortStableFunc(passwords, func(a, b apppass.AppPassword) int { return a.Created.Compare(b.Created) })
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nAPP PASSWORD\tMADE\tLAST USED\tBY")
	for _, p := range passwords {
		used, by := "never", ""
		if len(p.Uses) > 0 {
			used, by = date(p.Uses[0].At), orNone(p.Uses[0].Client)+" on "+orNone(p.Uses[0].DeviceName)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", printable(p.Name), date(p.Created), used, by)
	}
	return table.Flush()
}

// orNone is what an app calls itself, if it does.
func orNone(name string) string {
	if name == "" {
		return "-"
	}
	return printable(name)
}
