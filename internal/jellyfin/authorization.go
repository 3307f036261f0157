package jellyfin

import (
	"net/http"
	"strings"
)

// scheme is the first word of an Authorization header, as far as it matters.
type scheme uint8

const (
	// noScheme is a header that is missing, or that nobody can read.
	noScheme scheme = iota
	// foreign is a scheme that is not Jellyfin's, such as Basic or Bearer.
	foreign
	// mediaBrowser is the one that every Jellyfin reads.
	mediaBrowser
	// emby is the one that only legacy authorisation reads.
	emby
)

// authorization is what an Authorization header says.
type authorization struct {
	scheme scheme
	device Device
	token  string
	// ambiguous tells that more than one text in it could be taken for a
	// token, or that its parts can be read in more than one way.
	ambiguous bool
}

// readAuthorization reads `MediaBrowser Client="…", Token="…"` as Jellyfin does:
// quotes are toggles, know no escape and may be left out; keys are
// case-sensitive, and the last of two equal ones counts; what stands between the
// last unquoted equals sign and the comma is the value, form-encoded.
func readAuthorization(value string) authorization {
	word, rest, found := strings.Cut(value, " ")
	a := authorization{scheme: schemeOf(word, found)}
	if a.scheme != mediaBrowser && a.scheme != emby {
		return a
	}
	var tokens, equals, start int
	quoted, key := false, ""
	finish := func(end int) {
		a.ambiguous = a.ambiguous || equals > 1
		if start < end {
			a.set(key, strings.Trim(rest[start:end], `"`))
			if foldsTo(key, "token") {
				tokens++
				a.ambiguous = a.ambiguous || tokens > 1 || key != "Token"
			}
			key = ""
		}
		start, equals = end+1, 0
	}
	for i := range len(rest) {
		switch c := rest[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ',':
			finish(i)
		case c == '=':
			key, start = strings.TrimSpace(rest[start:i]), i+1
			equals++
		}
	}
	finish(len(rest))
	return a
}

func (a *authorization) set(key, value string) {
	switch key {
	case "Client":
		a.device.Client = formDecode(value)
	case "Device":
		a.device.Name = formDecode(value)
	case "DeviceId":
		a.device.ID = formDecode(value)
	case "Version":
		a.device.Version = formDecode(value)
	case "Token":
		a.token = formDecode(value)
	}
}

func schemeOf(word string, more bool) scheme {
	switch {
	case more && foldsTo(word, "mediabrowser"):
		return mediaBrowser
	case more && foldsTo(word, "emby"):
		return emby
	case isWord(word):
		return foreign
	}
	return noScheme
}

// isWord tells whether s is a token in the sense of RFC 9110, which the name of
// a scheme must be.
func isWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		digit := c >= '0' && c <= '9'
		if !letter && !digit && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// values are the values of one name, which .NET reads as one string: with commas
// between those that are not empty. Many cost no more than they are long.
type values struct {
	first string
	more  []byte
}

func (v *values) add(value string) {
	switch {
	case value == "":
	case v.first == "":
		v.first = value
	default:
		if v.more == nil {
			v.more = append(v.more, v.first...)
		}
		v.more = append(append(v.more, ','), value...)
	}
}

func (v *values) joined() string {
	if v.more == nil {
		return v.first
	}
	return string(v.more)
}

// joined returns the values of a header as one.
func joined(lines []string) string {
	var v values
	for _, line := range lines {
		v.add(line)
	}
	return v.joined()
}

// foldsTo tells whether s is lower in any case. Only ASCII letters have two
// cases here, as with .NET's ordinal comparison.
func foldsTo(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// source picks the header that is read for the device and the token, and tells
// whether it is the Authorization header itself.
func source(h http.Header, legacy, legacyFirst bool) (value string, own bool) {
	own = true
	chosen := h["Authorization"]
	other := h["X-Emby-Authorization"]
	switch {
	case !legacy:
	case legacyFirst && joined(other) != "", !legacyFirst && joined(chosen) == "":
		chosen, own = other, false
	}
	if len(chosen) == 0 {
		return "", own
	}
	return chosen[0], own
}
