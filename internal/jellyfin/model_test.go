package jellyfin

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// server is a small model of how one Jellyfin finds a request's token, written
// from its rules and without a look at the code that it tests.
type server struct {
	name           string
	legacy, before bool // before: X-Emby-Authorization comes before Authorization
}

var servers = []server{
	{"10.10", true, true},
	{"10.11 or 12, legacy on", true, false},
	{"10.11 or 12, legacy off", false, false},
}

// stringValues is .NET's type of that name, converted to a string.
func stringValues(values []string) string {
	var filled []string
	for _, v := range values {
		if v != "" {
			filled = append(filled, v)
		}
	}
	return strings.Join(filled, ",")
}

// token is what the server takes for the token of a request, or of a WebSocket.
func (s server) token(h http.Header, rawQuery string, socket bool) string {
	query := queryCollection(rawQuery)
	get := func(name string) string {
		var values []string
		for _, kv := range query {
			if asciiLower(kv[0]) == asciiLower(name) {
				values = append(values, kv[1])
			}
		}
		return stringValues(values)
	}
	if inner, encoded := encodedAsOneKey(query); encoded && socket {
		get = func(name string) string { return stringValues(inner[name]) }
	}
	token := s.dictionary(h)["Token"]
	if token == "" && s.legacy {
		token = stringValues(h["X-Emby-Token"])
	}
	if token == "" && s.legacy {
		token = stringValues(h["X-Mediabrowser-Token"])
	}
	if token == "" {
		token = get("ApiKey")
	}
	if token == "" && s.legacy {
		token = get("api_key")
	}
	return strings.ToValidUTF8(token, "\uFFFD")
}

func (s server) dictionary(h http.Header) map[string]string {
	chosen, second := h["Authorization"], h["X-Emby-Authorization"]
	if s.before {
		chosen, second = second, chosen
	}
	if stringValues(chosen) == "" && s.legacy {
		chosen = second
	}
	if len(chosen) == 0 {
		return nil
	}
	word, rest, space := strings.Cut(chosen[0], " ")
	word = asciiLower(word)
	if !space || word != "mediabrowser" && (word != "emby" || !s.legacy) {
		return nil
	}
	return parts(rest)
}

// parts is AuthorizationContext.GetParts.
func parts(s string) map[string]string {
	result := map[string]string{}
	escaped, start, key := false, 0, ""
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] == '"' {
			escaped = !escaped
		}
		if i == len(s) || s[i] == ',' && !escaped {
			if start < i {
				result[key] = urlDecode(strings.Trim(s[start:i], `"`))
				key = ""
			}
			start = i + 1
		} else if s[i] == '=' && !escaped {
			key = strings.TrimSpace(s[start:i])
			start = i + 1
		}
	}
	return result
}

// queryCollection are the names and values of a raw query in order.
func queryCollection(raw string) [][2]string {
	var all [][2]string
	for _, part := range strings.Split(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		all = append(all, [2]string{urlDecode(name), urlDecode(value)})
	}
	return all
}

// encodedAsOneKey is UrlDecodeQueryFeature.
func encodedAsOneKey(query [][2]string) (map[string][]string, bool) {
	if len(query) != 1 || query[0][1] != "" || !strings.Contains(query[0][0], "=") {
		return nil, false
	}
	inner := map[string][]string{}
	for _, pair := range strings.Split(query[0][0], "&") {
		name, value, _ := strings.Cut(pair, "=")
		inner[name] = append(inner[name], value)
	}
	return inner, true
}

var escape = regexp.MustCompile(`%[0-9a-fA-F]{2}`)

func urlDecode(s string) string {
	s = strings.ReplaceAll(s, "+", " ")
	s = escape.ReplaceAllStringFunc(s, func(e string) string {
		b, err := strconv.ParseUint(e[1:], 16, 8)
		if err != nil {
			return e
		}
		return string([]byte{byte(b)})
	})
	return strings.ToValidUTF8(s, "\uFFFD")
}

func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
