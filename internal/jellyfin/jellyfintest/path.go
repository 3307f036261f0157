package jellyfintest

import (
	"errors"
	"strings"
)

// errMalformed is a request target that Kestrel refuses with 400.
var errMalformed = errors.New("malformed request target")

// errNull is a %00 that the second decoding meets: Jellyfin answers 500.
var errNull = errors.New("null character in path")

// splitTarget parts a request target into path and query as Kestrel does: at
// the first question mark; '#' and ';' are ordinary characters. A target in
// absolute form gives its path.
func splitTarget(target string) (path, query string, err error) {
	path, query, _ = strings.Cut(target, "?")
	for i := range len(path) {
		if path[i] >= 0x80 || path[i] == 0 || path[i] == ' ' {
			return "", "", errMalformed
		}
	}
	if strings.HasPrefix(path, "/") {
		return path, query, nil
	}
	if _, rest, ok := strings.Cut(path, "://"); ok {
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			return strings.ReplaceAll(rest[i:], `\`, "/"), query, nil
		}
		return "/", query, nil
	}
	return "", "", errMalformed
}

// kestrelPath decodes the path of a request target: percent encodings once (not
// those of '/', and not those that are no UTF-8), then dot segments.
func kestrelPath(raw string) (string, error) {
	if !strings.Contains(raw, "%") {
		return removeDotSegments(raw), nil
	}
	decoded, err := unescape(raw)
	if err != nil {
		return "", errMalformed
	}
	return removeDotSegments(decoded), nil
}

// unescape decodes percent encodings as ASP.NET Core's UrlDecoder does. What is
// not a whole and valid UTF-8 sequence stays as it is, and so does %2F.
func unescape(s string) (string, error) {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] != '%' {
			out = append(out, s[i])
			i++
			continue
		}
		seq, next, ok := decodeSequence(s, i)
		switch {
		case !ok:
			out = append(out, s[i:next]...)
		case seq[0] == 0:
			return "", errNull
		default:
			out = append(out, seq...)
		}
		i = next
	}
	return string(out), nil
}

// decodeSequence reads the encodings of one character at s[i]. Where there is
// none, next is the first byte that was not looked at.
func decodeSequence(s string, i int) (seq []byte, next int, ok bool) {
	first, next, ok := hexByte(s, i)
	if !ok {
		return nil, i + 1, false
	}
	if first < 0x80 {
		return []byte{first}, next, true
	}
	var bits, least, follow int
	switch {
	case first&0xe0 == 0xc0:
		bits, least, follow = int(first&0x1f), 0x80, 1
	case first&0xf0 == 0xe0:
		bits, least, follow = int(first&0x0f), 0x800, 2
	case first&0xf8 == 0xf0:
		bits, least, follow = int(first&0x07), 0x10000, 3
	default:
		return nil, next, false
	}
	seq = []byte{first}
	for ; follow > 0; follow-- {
		b, after, ok := hexByte(s, next)
		if !ok || b&0xc0 != 0x80 {
			return nil, next, false
		}
		bits = bits<<6 | int(b&0x3f)
		surrogate := follow == 2 && bits >= 0x360 && bits <= 0x37f
		beyond := follow == 3 && bits >= 0x110
		if surrogate || beyond {
			return nil, next, false
		}
		seq, next = append(seq, b), after
	}
	return seq, next, bits >= least
}

// hexByte reads "%XY" at s[i], but not "%2F".
func hexByte(s string, i int) (b byte, next int, ok bool) {
	if i+2 >= len(s) || s[i] != '%' {
		return 0, i, false
	}
	high, ok1 := hexDigit(s[i+1])
	low, ok2 := hexDigit(s[i+2])
	b = high<<4 | low
	if !ok1 || !ok2 || b == '/' {
		return 0, i, false
	}
	return b, i + 3, true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// removeDotSegments is RFC 3986 section 5.2.4 for a path that begins with a
// slash. Empty segments are segments: "/a//.." is "/a/".
func removeDotSegments(path string) string {
	segments := strings.Split(path[1:], "/")
	kept := make([]string, 0, len(segments))
	for i, segment := range segments {
		last := i == len(segments)-1
		switch segment {
		case ".":
		case "..":
			if len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
		default:
			kept = append(kept, segment)
			continue
		}
		if last {
			kept = append(kept, "")
		}
	}
	return "/" + strings.Join(kept, "/")
}

// trimLegacyPrefix takes /emby or /mediabrowser off the path as 10.11 does: in
// any case, once, without regard to where a segment ends, and decoding the rest
// a second time. Dot segments that appear then stay.
func trimLegacyPrefix(path string) (string, error) {
	for _, prefix := range []string{"/emby", "/mediabrowser"} {
		if len(path) < len(prefix) || !strings.EqualFold(path[:len(prefix)], prefix) {
			continue
		}
		rest, err := unescape(path[len(prefix):])
		if err != nil {
			return path, err
		}
		if rest != "" && rest[0] != '/' {
			return path, errMalformed
		}
		return rest, nil
	}
	return path, nil
}
