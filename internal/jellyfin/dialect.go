package jellyfin

import (
	"strconv"
	"strings"
)

// Dialect says which forms of a token a Jellyfin server reads, and whether the
// forms that it does not read are translated for it. The forms, and the order in
// which they count, were recorded from 10.11.11 and 12.0; those of 10.10 are
// read from its source (AuthorizationContext.cs).
//
// The zero value is a server of the newest kind, and nothing is translated.
type Dialect struct {
	// Version is what the server calls itself, such as "10.11.11"; "" is
	// unknown, and counts as the newest.
	Version string
	// Legacy tells that the server itself reads X-Emby-Token,
	// X-MediaBrowser-Token, X-Emby-Authorization, the scheme Emby and api_key:
	// its setting EnableLegacyAuthorization.
	Legacy bool
	// Translate lets these forms count where the server would find no token.
	Translate bool
}

// DialectFor returns the dialect of a server that calls itself version, where
// setting (auto, on or off) says whether it reads legacy forms. With auto it is
// the version's own default: on until 12, where it was switched off. Until 10.10
// there is no such switch in Jellyfin, so it is on whatever the setting says.
func DialectFor(version, setting string, translate bool) Dialect {
	d := Dialect{Version: version, Translate: translate}
	switch major, _, known := ParseVersion(version); {
	case d.legacyFirst(), setting == "on":
		d.Legacy = true
	case setting == "off", !known:
	default:
		d.Legacy = major < 12
	}
	return d
}

// legacyFirst tells whether X-Emby-Authorization counts before Authorization, as
// it did until 10.10.
func (d Dialect) legacyFirst() bool {
	major, minor, known := ParseVersion(d.Version)
	return known && (major < 10 || major == 10 && minor <= 10)
}

// ParseVersion reads the first two numbers of a server's version.
func ParseVersion(version string) (major, minor int, known bool) {
	first, rest, _ := strings.Cut(version, ".")
	second, _, _ := strings.Cut(rest, ".")
	major, err := strconv.Atoi(first)
	if err != nil {
		return 0, 0, false
	}
	minor, err = strconv.Atoi(second)
	return major, minor, err == nil
}
