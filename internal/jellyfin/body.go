package jellyfin

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
)

// Errors of [ReadObject].
var (
	// ErrNotJSON means that the body's type is none that Jellyfin takes; it
	// answers 415.
	ErrNotJSON = errors.New("the body is not of a JSON type")
	// ErrTooLong means that the body has more bytes than are looked at.
	ErrTooLong = errors.New("the body is too long")
	// ErrMalformed means that the body is no JSON object, or one that two readers
	// may take for different ones; Jellyfin answers 400 to the former.
	ErrMalformed = errors.New("the body is not one JSON object")
)

// ReadObject reads the JSON object that is the body of r, of at most that many
// bytes, as Jellyfin does (recorded from 10.11.11 and 12.0): in UTF-8 or UTF-16,
// with or without a byte order mark. It calls field for each name in turn, also
// for one that comes again: Jellyfin compares names without regard to case (see
// [FoldsTo]) and the last one wins. An error of field ends the reading and is
// returned. It is stricter where that hurts no app: a text that holds half of a
// surrogate pair is refused in fields that Jellyfin would skip as well.
//
// It returns the bytes of the body, which has been read.
func ReadObject(r *http.Request, most int, field func(name string, value json.RawMessage) error) ([]byte, error) {
	decode, ok := decoderFor(r.Header.Values("Content-Type"))
	if !ok {
		return nil, ErrNotJSON
	}
	if r.ContentLength > int64(most) {
		return nil, ErrTooLong
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(most)+1))
	switch {
	case err != nil:
		return nil, ErrMalformed
	case len(body) > most:
		return nil, ErrTooLong
	}
	text, ok := decode(body)
	if !ok {
		return nil, ErrMalformed
	}
	return body, readObject(bytes.TrimPrefix(text, []byte("\ufeff")), field)
}

func readObject(text []byte, field func(name string, value json.RawMessage) error) error {
	if !json.Valid(text) || hasHalfPair(text) {
		return ErrMalformed
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return ErrMalformed
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return ErrMalformed
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return ErrMalformed
		}
		name, _ := key.(string)
		if err := field(name, value); err != nil {
			return err
		}
	}
	return nil
}

// ReadText reads a value where a text belongs: null is none, and a number or a
// boolean is the text that it is written with.
func ReadText(value json.RawMessage) (string, bool) {
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

// FoldsTo tells whether s is lower in any case of ASCII letters.
func FoldsTo(s, lower string) bool {
	return len(s) == len(lower) && strings.EqualFold(s, lower)
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
