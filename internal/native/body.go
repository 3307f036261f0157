package native

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/jellyward/jellyward/internal/secret"
)

// maxBody bounds the body of a sign-in. Those of apps have a hundred bytes;
// Jellyfin's own limit is 30 MB.
const maxBody = 16 << 10

// credentials are what the body of a sign-in says.
type credentials struct {
	name     string
	password secret.Text
}

var (
	errNotJSON  = refusal{status: http.StatusUnsupportedMediaType, message: "Send JSON."}
	errTooLong  = refusal{status: http.StatusRequestEntityTooLarge, message: "This is too long for a sign-in."}
	errNoSignIn = refusal{status: http.StatusBadRequest, message: "This is not a sign-in."}
	errNoDevice = refusal{status: http.StatusBadRequest, message: "A sign-in needs an Authorization header with Client, Device, DeviceId and Version."}
	errNoName   = refusal{status: http.StatusBadRequest, message: "A sign-in needs a name."}
)

// readBody reads the body of a sign-in as Jellyfin does (recorded from 10.11.11
// and 12.0): JSON in UTF-8 or UTF-16, with or without a byte order mark, keys in
// any case, the last of several winning, a number or a boolean where a text
// belongs. It is stricter where that hurts no app: a text that holds half of a
// surrogate pair is refused in fields that Jellyfin would skip as well.
func readBody(r *http.Request) (credentials, error) {
	decode, ok := decoderFor(r.Header.Values("Content-Type"))
	if !ok {
		return credentials{}, errNotJSON
	}
	if r.ContentLength > maxBody {
		return credentials{}, errTooLong
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return credentials{}, errNoSignIn
	case len(body) > maxBody:
		return credentials{}, errTooLong
	}
	text, ok := decode(body)
	if !ok {
		return credentials{}, errNoSignIn
	}
	return readFields(bytes.TrimPrefix(text, []byte("\ufeff")))
}

// decoderFor returns how to read a body of a content type as UTF-8, if it is one
// that Jellyfin takes.
func decoderFor(contentTypes []string) (decode func([]byte) ([]byte, bool), ok bool) {
	if len(contentTypes) != 1 {
		return nil, false
	}
	media, params, err := mime.ParseMediaType(contentTypes[0])
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) || !isJSON(media) {
		return nil, false
	}
	switch strings.ToLower(params["charset"]) {
	case "", "utf-8":
		return fromUTF8, true
	case "utf-16", "utf-16le":
		return fromUTF16, true
	}
	return nil, false
}

func isJSON(media string) bool {
	return media == "application/json" || media == "text/json" ||
		strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
}

func fromUTF8(body []byte) ([]byte, bool) { return body, utf8.Valid(body) }

// fromUTF16 reads the little end first, whatever a byte order mark says, as
// Jellyfin does.
func fromUTF16(body []byte) ([]byte, bool) {
	if len(body)%2 != 0 {
		return nil, false
	}
	text := make([]byte, 0, len(body))
	for i := 0; i < len(body); i += 2 {
		r := rune(unit(body[i:]))
		if utf16.IsSurrogate(r) {
			if i += 2; i == len(body) {
				return nil, false
			}
			if r = utf16.DecodeRune(r, rune(unit(body[i:]))); r == utf8.RuneError {
				return nil, false
			}
		}
		text = utf8.AppendRune(text, r)
	}
	return text, true
}

func unit(b []byte) uint16 { return uint16(b[0]) | uint16(b[1])<<8 }

// readFields reads one JSON object.
func readFields(text []byte) (credentials, error) {
	if !json.Valid(text) || hasHalfPair(text) {
		return credentials{}, errNoSignIn
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return credentials{}, errNoSignIn
	}
	var name, password string
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return credentials{}, errNoSignIn
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return credentials{}, errNoSignIn
		}
		ok := true
		switch k, _ := key.(string); {
		case foldsTo(k, "username"):
			name, ok = readText(value)
		case foldsTo(k, "pw"):
			password, ok = readText(value)
		}
		if !ok {
			return credentials{}, errNoSignIn
		}
	}
	if strings.TrimSpace(name) == "" {
		return credentials{}, errNoName
	}
	return credentials{name: name, password: secret.Text(password)}, nil
}

// readText reads a value where a text belongs: null is none, and a number or a
// boolean is the text that it is written with.
func readText(value json.RawMessage) (string, bool) {
	switch value[0] {
	case '{', '[':
		return "", false
	case '"':
		var s string
		err := json.Unmarshal(value, &s)
		return s, err == nil
	case 'n':
		return "", true
	}
	return string(value), true
}

// foldsTo tells whether s is lower in any case of ASCII letters.
func foldsTo(s, lower string) bool {
	return len(s) == len(lower) && strings.EqualFold(s, lower)
}

// hasHalfPair tells whether a valid JSON text escapes one half of a surrogate
// pair alone, which stands for nothing: Jellyfin refuses it, and what reads JSON
// here would take it for something else.
func hasHalfPair(text []byte) bool {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		r, long := escaped(text[i:])
		if !long {
			i++
			continue
		}
		i += 5
		if !utf16.IsSurrogate(r) {
			continue
		}
		second, long := escaped(text[i+1:])
		if !long || utf16.DecodeRune(r, second) == utf8.RuneError {
			return true
		}
		i += 6
	}
	return false
}

// escaped reads an escape, \u and four hexadecimal digits, at the start of text.
func escaped(text []byte) (r rune, ok bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(n), err == nil
}
