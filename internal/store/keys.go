package store

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/totp"
)

// All that is kept in Redis. ID is Jellyfin's user id, 32 hexadecimal digits;
// "sealed" is encrypted with the key's name as additional data.
//
//	jellyward:key-check               string  which key seals, and a sealed constant      never expires
//	jellyward:enrolled                set     ids of the users with a second factor       never
//	jellyward:names                   hash    folded name → id                            never
//	jellyward:user:ID                 hash    name, folded: as Jellyfin last gave it      never
//	                                          factor, factor-id: the second factor, sealed
//	                                          step, spender: highest spent step, by whom
//	jellyward:pending:ID              hash    id; record: the shown secret, sealed        10 minutes (the caller's)
//	                                          replaces: factor-id when it was shown
//	jellyward:claim:ID:STEP           string  which sign-in is using the step             30 seconds (the caller's)
//	jellyward:known:ID                zset    network → last sign-in, 64 at most          90 days after the last
//	jellyward:tries:network:NET       zset    try → when, of the last hour                75 minutes after the last
//	jellyward:tries:user:ID:NET       zset    try → when, 100 at most                     90 days after the last
//	jellyward:tries:user:ID:others    zset    try → when, 100 at most                     never: a lock needs an admin
//	jellyward:tries:user:name-HASH:others
//	                                  zset    the same for a name that nobody is known by 75 minutes after the last
//	jellyward:session:HASH            hash    record: sealed; token: hash of the token    the session's age
//	jellyward:token:HASH              set     session hashes with this Jellyfin token     the sessions' age
//	jellyward:grants                  zset    "TOKEN NET[ ITEM]" → when shown, the        policy.media_for
//	                                          newest 10,000; TOKEN is a hash
//	jellyward:grant:TOKEN             zset    "NET[ ITEM]" → when, the newest 64          policy.media_for
//	jellyward:grants-ended            zset    TOKEN → when it ended, the newest 10,000    policy.media_for
//	jellyward:issued:TOKEN            hash    record: a token that was given out here,    until it ends
//	                                          sealed; user: ID; seen, from: last use
//	jellyward:issued-to:ID            set     TOKENs of the user                          until they end
//	jellyward:issued-to-apps          zset    TOKEN → when it was given out, browsers'    until they end
//	                                          left out
//	jellyward:issued-ended            zset    TOKEN → until when it is refused here at    an hour, or until
//	                                          least                                       it is logged out
//	jellyward:leaving                 hash    TOKEN → the token, sealed, that Jellyfin    until Jellyfin was told
//	                                          is to log out
//	jellyward:app-password:ID:NAME    hash    record, uses: sealed; token: of the last    until revoked
//	                                          use; NAME is random
//	jellyward:app-passwords:ID        set     NAMEs of the user's app passwords           until revoked
//	jellyward:app-password-of:MAC     string  "ID NAME"; MAC is a keyed hash of it        until revoked
//	jellyward:kept:ID                 hash    record: the session that authorises for     until it is dead
//	                                          the user, sealed; token: TOKEN
//	jellyward:connect:CODE            string  the device that shows CODE, sealed          10 minutes (the caller's)
//	jellyward:connects                zset    CODE → when it was asked for                10 minutes (the caller's)
//
// And channels: on jellyward:ended the hashes of ended sessions are published, on
// jellyward:granted what happens to grants, in the words of grants.go, and on
// jellyward:issued TOKENs that were given out or forgotten ("+") or ended ("-").
// Measured on Redis 7.0: a user costs about 800 bytes, a session about 1000, a
// token or an app password as much, a network with failures about 140.
const (
	prefix         = "jellyward:"
	keyCheck       = prefix + "key-check"
	keyEnrolled    = prefix + "enrolled"
	keyNames       = prefix + "names"
	prefixUser     = prefix + "user:"
	prefixPending  = prefix + "pending:"
	prefixClaim    = prefix + "claim:"
	prefixKnown    = prefix + "known:"
	prefixNetwork  = prefix + "tries:network:"
	prefixTries    = prefix + "tries:user:"
	prefixSession  = prefix + "session:"
	prefixToken    = prefix + "token:"
	channelEnded   = prefix + "ended"
	keyGrants      = prefix + "grants"
	keyGrantsEnded = prefix + "grants-ended"
	prefixGrant    = prefix + "grant:"
	channelGranted = prefix + "granted"
	prefixIssued   = prefix + "issued:"
	prefixIssuedTo = prefix + "issued-to:"
	keyIssuedApps  = prefix + "issued-to-apps"
	keyIssuedEnded = prefix + "issued-ended"
	keyLeaving     = prefix + "leaving"
	channelIssued  = prefix + "issued"
	prefixAppPass  = prefix + "app-password:"
	prefixAppsOf   = prefix + "app-passwords:"
	prefixAppFind  = prefix + "app-password-of:"
	prefixKept     = prefix + "kept:"
	prefixConnect  = prefix + "connect:"
	keyConnects    = prefix + "connects"
	othersSuffix   = ":others"
	maxKnown       = 64
	homeTriesAge   = throttle.KnownFor
	maxIdentifiers = 128
)

func claimKey(userID string, step totp.Step) string {
	return prefixClaim + userID + ":" + strconv.FormatInt(int64(step), 10)
}

func homeKey(userID string, network netip.Prefix) string {
	return prefixTries + userID + ":" + network.String()
}

func othersKey(userID string) string { return prefixTries + userID + othersSuffix }

// canonicalID brings a user id to one form, so that one user never has two
// records: Jellyfin writes the same id with and without dashes. An id that could
// be confused with another part of a key is refused.
func canonicalID(userID string) (string, error) {
	if plain := strings.ToLower(strings.ReplaceAll(userID, "-", "")); len(plain) == 32 && isHex(plain) {
		return plain, nil
	}
	odd := strings.ContainsFunc(userID, func(r rune) bool {
		return r == ':' || r == unicode.ReplacementChar || unicode.IsSpace(r) || unicode.IsControl(r)
	})
	if userID == "" || len(userID) > maxIdentifiers || odd {
		return "", fmt.Errorf("user id %.40q is not one of Jellyfin's", userID)
	}
	return userID, nil
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}

// fold brings a user's name to the form it is found by. Jellyfin compares names
// as .NET's OrdinalIgnoreCase does: letter by letter in upper case, nothing more,
// and without the two letters whose upper case is plain ASCII.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if r == 'ı' || r == 'ſ' {
			return r
		}
		return unicode.ToUpper(r)
	}, name)
}

func milliseconds(t time.Time) int64 { return t.UnixMilli() }
