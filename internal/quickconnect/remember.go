package quickconnect

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
)

// rememberWithin bounds what is done about a device after it was allowed.
const rememberWithin = 5 * time.Second

// remember writes the tokens of those devices down that were allowed just now.
// Jellyfin has minted them, and gives them out for ten more minutes: to a device
// that bides its time they would come after its user has looked who is signed in,
// or has signed everybody out. Codes that nobody was allowed with do no harm.
func (b *Book) remember(ctx context.Context, codes ...string) {
	if b.o.Issued == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rememberWithin)
	defer cancel()
	for _, code := range codes {
		if err := b.rememberOne(ctx, code); err != nil {
			b.o.Logger.LogAttrs(ctx, slog.LevelWarn, "device that was allowed not listed before it comes", slog.Any("error", err))
		}
	}
}

func (b *Book) rememberOne(ctx context.Context, code string) error {
	r, err := b.o.Store.Connect(ctx, code)
	switch {
	case errors.Is(err, ErrUnknown):
		return nil // it has asked at home, and is listed when it comes this way
	case err != nil:
		return unavailable("look an allowed device up", err)
	case r.Secret == "":
		return nil
	}
	session, err := b.o.Jellyfin.Redeem(ctx, r.Secret, "", netip.Addr{})
	switch {
	case errors.Is(err, jellyfin.ErrCodeUnknown):
		return nil // it was not this one that was allowed
	case err != nil:
		return err
	}
	// What cannot be written down is logged out.
	_, err = b.o.Issued.RecordAnswer(ctx, issued.QuickConnect, session.Raw, addressIn(r.Network))
	return err
}

// addressIn is an address of a network as [throttle.NetworkOf] writes it.
func addressIn(network string) netip.Addr {
	prefix, err := netip.ParsePrefix(network)
	if err != nil {
		return netip.Addr{}
	}
	return prefix.Addr()
}

// decoded are what digits can be encoded as in a query, also more than once:
// Jellyfin reads a query anew that was encoded as a whole.
var decoded = strings.NewReplacer(
	"%25", "%", "%30", "0", "%31", "1", "%32", "2", "%33", "3", "%34", "4", "%35", "5", "%36", "6", "%37", "7", "%38", "8", "%39", "9",
)

// codesIn finds whatever could be a code in a raw query, in any encoding.
func codesIn(rawQuery string) []string {
	const encodings = 3
	for range encodings {
		rawQuery = decoded.Replace(rawQuery)
	}
	var codes []string
	notDigit := func(r rune) bool { return r < '0' || r > '9' }
	for run := range strings.FieldsFuncSeq(rawQuery, notDigit) {
		if len(run) == digits {
			codes = append(codes, run)
		}
	}
	return codes
}
