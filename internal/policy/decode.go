package policy

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// scan checks the bytes of a raw path. It reports whether the path is clean:
// it needs neither decoding nor escaping and can hold no dot segment.
func scan(raw string) (clean bool, err error) {
	clean = true
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '#':
			return false, &PathError{"has a fragment (#)"}
		case c == '\\':
			return false, &PathError{"has a backslash"}
		case c <= ' ' || c == 0x7f:
			return false, &PathError{"has a control character or a space"}
		case c >= 0x80:
			return false, &PathError{"has a byte outside ASCII"}
		case c == '%':
			if _, ok := hexPair(raw[i:]); !ok {
				return false, &PathError{"has a percent sign without two hex digits"}
			}
			clean = false
		case c == '.' && raw[i-1] == '/': // raw[0] is a slash
			clean = false
		case !plain(c):
			clean = false
		}
	}
	return clean, nil
}

func scanQuery(query string) error {
	for i := 0; i < len(query); i++ {
		switch c := query[i]; {
		case c == '#':
			return &PathError{"has a fragment (#)"}
		case c <= ' ' || c == 0x7f:
			return &PathError{"has a control character or a space in its query"}
		case c >= 0x80:
			return &PathError{"has a byte outside ASCII in its query"}
		}
	}
	return nil
}

// decode takes percent-encoding off once. %2F stays as written, and so does a
// percent sign that no two hex digits follow. The result is valid UTF-8 without
// control characters or backslashes.
func decode(s string) (string, error) {
	text := s
	if strings.Contains(s, "%") {
		text = unescape(s, false)
	}
	if !utf8.ValidString(text) {
		return "", &PathError{"is not UTF-8 when decoded"}
	}
	for _, r := range text {
		switch {
		case unicode.IsControl(r):
			return "", &PathError{"has an encoded control character"}
		case r == '\\':
			return "", &PathError{"has an encoded backslash"}
		}
	}
	return text, nil
}

// unescape decodes once from left to right; with slashes also %2F.
func unescape(s string, slashes bool) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		c, ok := hexPair(s[i:])
		if !ok || c == '/' && !slashes {
			b.WriteByte(s[i])
			i++
			continue
		}
		b.WriteByte(c)
		i += 3
	}
	return b.String()
}

// hexPair reads the percent-encoded byte that s begins with.
func hexPair(s string) (byte, bool) {
	if len(s) < 3 || s[0] != '%' {
		return 0, false
	}
	hi, lo := unhex(s[1]), unhex(s[2])
	return byte(hi<<4 | lo&0xf), hi >= 0 && lo >= 0
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// removeDotSegments is RFC 3986, section 5.2.4, for a path that begins with a
// slash. As in Kestrel it runs on the decoded path, and an empty segment is a
// segment: "//../a" is "/a". Nothing climbs above the root.
func removeDotSegments(path string) string {
	if !strings.Contains(path, "/.") {
		return path
	}
	out := make([]byte, 0, len(path))
	for rest := path; rest != ""; {
		segment := rest // with its leading slash
		if i := strings.IndexByte(rest[1:], '/'); i >= 0 {
			segment = rest[:i+1]
		}
		rest = rest[len(segment):]
		switch segment {
		case "/.":
		case "/..":
			out = out[:max(0, bytes.LastIndexByte(out, '/'))]
		default:
			out = append(out, segment...)
			continue
		}
		if rest == "" {
			out = append(out, '/')
		}
	}
	return string(out)
}

// escape is the one spelling of a decoded path on the wire: what RFC 3986
// allows in a path stands for itself, %2F stays, all else is percent-encoded.
func escape(path string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		c := path[i]
		if decoded, ok := hexPair(path[i:]); plain(c) || ok && decoded == '/' {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return b.String()
}

// plain tells whether c may stand for itself in a path.
func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("/-._~!$&'()*+,;=:@", c) >= 0
}
