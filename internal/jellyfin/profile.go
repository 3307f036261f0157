package jellyfin

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// Profile is the spelling of keys in Jellyfin's JSON, which clients choose with
// an Accept header. The zero Profile is Jellyfin's own choice: PascalCase.
type Profile string

// The profiles that Jellyfin knows.
const (
	CamelCase  Profile = "CamelCase"
	PascalCase Profile = "PascalCase"
)

// ReadProfile tells which profile a request asks for: that of the best range for
// JSON in its Accept header, the first of several equally good ones. (The SDK of
// jellyfin-web names plain JSON first and both profiles after it, and is answered
// without one.) Whatever else the header names is left out: JSON is what a
// sign-in is answered with, and nothing else could be understood.
func ReadProfile(h http.Header) Profile {
	var chosen Profile
	best := 0.0
	for mediaRange := range strings.SplitSeq(strings.Join(h.Values("Accept"), ","), ",") {
		media, params, err := mime.ParseMediaType(mediaRange)
		if err != nil || media != "application/json" {
			continue
		}
		quality := 1.0
		if q, err := strconv.ParseFloat(params["q"], 64); err == nil {
			quality = q
		}
		if quality <= best {
			continue
		}
		best, chosen = quality, profileNamed(params["profile"])
	}
	return chosen
}

func profileNamed(name string) Profile {
	for _, p := range []Profile{CamelCase, PascalCase} {
		if strings.EqualFold(name, string(p)) {
			return p
		}
	}
	return ""
}

// accept is the Accept header that asks for p.
func (p Profile) accept() string {
	if p == "" {
		return "application/json"
	}
	return `application/json; profile="` + string(p) + `"`
}
