package jellyfin

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/jellyward/jellyward/internal/secret"
)

// Presented is what a request says of its sender in Jellyfin's own terms.
type Presented struct {
	Device Device
	// Tokens are all tokens on the request, in the order in which Jellyfin
	// prefers them. Jellyfin looks only at the first; which one that is
	// depends on its version and on whether legacy authorisation is on.
	Tokens []secret.Text
}

// HasToken tells whether the request carries a token at all. An empty one, as
// some apps send while signed out, is none.
func (p Presented) HasToken() bool { return len(p.Tokens) > 0 }

// ReadPresented reads header and raw query as Jellyfin does with legacy
// authorisation on (AuthorizationContext.cs): Token in the Authorization
// header, X-Emby-Token, X-MediaBrowser-Token, then ApiKey and api_key in the
// query.
func ReadPresented(header http.Header, rawQuery string) Presented {
	fields := readAuthorization(header)
	p := Presented{Device: Device{
		Client:  fields["Client"],
		Name:    fields["Device"],
		ID:      fields["DeviceId"],
		Version: fields["Version"],
	}}
	p.add(fields["Token"])
	p.add(header.Get("X-Emby-Token"))
	p.add(header.Get("X-MediaBrowser-Token"))
	if rawQuery != "" {
		apiKey, legacy := queryTokens(rawQuery)
		p.add(apiKey)
		p.add(legacy)
	}
	return p
}

func (p *Presented) add(token string) {
	if token != "" {
		p.Tokens = append(p.Tokens, secret.Text(token))
	}
}

// readAuthorization parses the first Authorization header, or the legacy
// X-Emby-Authorization if there is none.
func readAuthorization(header http.Header) map[string]string {
	value := header.Get("Authorization")
	if value == "" {
		value = header.Get("X-Emby-Authorization")
	}
	scheme, rest, found := strings.Cut(value, " ")
	if !found || !strings.EqualFold(scheme, "MediaBrowser") && !strings.EqualFold(scheme, "Emby") {
		return nil
	}
	fields := make(map[string]string, 6)
	for _, pair := range splitOutsideQuotes(rest) {
		key, value, found := strings.Cut(pair, "=")
		if !found {
			continue
		}
		fields[strings.TrimSpace(key)] = decodeField(value)
	}
	return fields
}

// splitOutsideQuotes cuts s at commas that are not between double quotes.
// Jellyfin knows no escape for a quote.
func splitOutsideQuotes(s string) []string {
	var parts []string
	quoted, start := false, 0
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ',' && !quoted:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// decodeField takes the quotes off a value and decodes it as WebUtility's
// UrlDecode does, where a plus is a space and a bad escape stays as it is.
func decodeField(value string) string {
	value = strings.Trim(strings.TrimSpace(value), `"`)
	if decoded, err := url.QueryUnescape(value); err == nil {
		return decoded
	}
	return value
}

// queryTokens finds ApiKey and api_key in a raw query, names in any case. A
// query that is percent-encoded as a whole counts as well: Jellyfin's
// WebSocket handler reads it (UrlDecodeQueryFeature.cs).
func queryTokens(rawQuery string) (apiKey, legacy string) {
	if !strings.ContainsAny(rawQuery, "=&") {
		if decoded, err := url.QueryUnescape(rawQuery); err == nil {
			rawQuery = decoded
		}
	}
	for pair := range strings.SplitSeq(rawQuery, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if value == "" {
			continue
		}
		if decoded, err := url.QueryUnescape(key); err == nil {
			key = decoded
		}
		if decoded, err := url.QueryUnescape(value); err == nil {
			value = decoded
		}
		switch {
		case strings.EqualFold(key, "ApiKey"):
			apiKey = value
		case strings.EqualFold(key, "api_key"):
			legacy = value
		}
	}
	return apiKey, legacy
}
