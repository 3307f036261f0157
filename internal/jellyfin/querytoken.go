package jellyfin

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// queryTokens is what a raw query says of tokens.
type queryTokens struct {
	// apiKey and legacy are the values of ApiKey and of api_key, names in any
	// case; several are joined with commas.
	apiKey, legacy string
	// named counts the parameters of both names, and full those of them that
	// are not empty.
	named, full int
	// hidden tells that a token is in the name of a parameter, as in a query
	// that was percent-encoded as a whole.
	hidden bool
}

// readQuery looks for tokens in a raw query as ASP.NET Core parses it: parts end
// at ampersands only.
func readQuery(raw string) queryTokens {
	var q queryTokens
	var apiKey, legacy values
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name = formDecode(name)
		kind := kindOf(name)
		if kind == noToken {
			q.hidden = q.hidden || hides(name)
			continue
		}
		q.named++
		if value == "" {
			continue
		}
		q.full++
		if kind == apiKeyToken {
			apiKey.add(formDecode(value))
		} else {
			legacy.add(formDecode(value))
		}
	}
	q.apiKey, q.legacy = apiKey.joined(), legacy.joined()
	return q
}

// orderly tells whether a query whose token counts, or in which none is, can be
// forwarded as it is.
func (q queryTokens) orderly(counts bool) bool {
	switch {
	case q.hidden:
		return false
	case counts:
		return q.named == 1 && q.apiKey != "" && isPlain(q.apiKey)
	}
	return q.full == 0
}

// kind is which token a parameter's name stands for.
type kind uint8

const (
	noToken kind = iota
	apiKeyToken
	legacyToken
)

func kindOf(name string) kind {
	switch {
	case foldsTo(name, "apikey"):
		return apiKeyToken
	case foldsTo(name, "api_key"):
		return legacyToken
	}
	return noToken
}

// hides tells whether a parameter's decoded name is itself a query with a token.
func hides(name string) bool {
	if !strings.Contains(name, "=") {
		return false
	}
	for pair := range strings.SplitSeq(name, "&") {
		inner, _, _ := strings.Cut(pair, "=")
		if kindOf(inner) != noToken {
			return true
		}
	}
	return false
}

// whole returns the query that raw is when it was percent-encoded as a whole,
// which is one name without a value, and whether it is. Only Jellyfin's
// WebSocket handler looks there for a token, names in exactly their case
// (UrlDecodeQueryFeature.cs).
func whole(raw string) (query string, is bool) {
	name, value, _ := strings.Cut(strings.Trim(raw, "&"), "=")
	if value != "" || strings.Contains(name, "&") {
		return "", false
	}
	name = formDecode(name)
	return name, strings.Contains(name, "=")
}

// readWhole reads a query that was percent-encoded as a whole.
func readWhole(query string) (apiKey, legacy string) {
	var ours, old values
	for pair := range strings.SplitSeq(query, "&") {
		switch name, value, _ := strings.Cut(pair, "="); name {
		case "ApiKey":
			ours.add(value)
		case "api_key":
			old.add(value)
		}
	}
	return ours.joined(), old.joined()
}

// withToken returns raw with token, if there is one, as its only token: where
// the first one was, or else at the end. Other parameters keep their order and
// their spelling.
func withToken(raw, token string) string {
	var b strings.Builder
	b.Grow(len(raw))
	add := func(part string) {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(part)
	}
	place := func() {
		if token != "" {
			add("ApiKey=" + url.QueryEscape(token))
			token = ""
		}
	}
	for part := range strings.SplitSeq(raw, "&") {
		name, _, _ := strings.Cut(part, "=")
		name = formDecode(name)
		switch {
		case kindOf(name) != noToken:
			place()
		case hides(name):
			place()
			if rest := withoutHidden(name); rest != "" {
				add(url.QueryEscape(rest))
			}
		default:
			add(part)
		}
	}
	place()
	return b.String()
}

// withoutHidden takes the tokens out of a parameter's decoded name.
func withoutHidden(name string) string {
	var kept []string
	for pair := range strings.SplitSeq(name, "&") {
		if inner, _, _ := strings.Cut(pair, "="); kindOf(inner) == noToken {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}

// plainly returns a query that was percent-encoded as a whole with its
// parameters encoded one by one.
func plainly(query string) string {
	var b strings.Builder
	for pair := range strings.SplitSeq(query, "&") {
		name, value, found := strings.Cut(pair, "=")
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(name))
		if found {
			b.WriteString("=" + url.QueryEscape(value))
		}
	}
	return b.String()
}

// formDecode decodes pluses and percent-encodings; those that are none stay as
// they are. What is no UTF-8 then becomes the replacement character, as in .NET.
func formDecode(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return validUTF8(s)
	}
	decoded := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+':
			decoded = append(decoded, ' ')
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			decoded = append(decoded, fromHex(s[i+1])<<4|fromHex(s[i+2]))
			i += 2
		default:
			decoded = append(decoded, c)
		}
	}
	return validUTF8(string(decoded))
}

func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func fromHex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
