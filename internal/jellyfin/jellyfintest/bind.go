package jellyfintest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf16"
)

// maxBody is how much of a request's body is read. Kestrel's own limit is 30 MB.
const maxBody = 1 << 20

// bind reads a JSON object as ASP.NET Core and Jellyfin's converters do: media
// types of JSON only (415), UTF-8 with or without a byte order mark or UTF-16,
// keys in any case with the last one winning, numbers and booleans where a
// string belongs, no comments, no comma at the end. Keys are returned in lower
// case. When false, the refusal was answered.
func (c *call) bind() (map[string]json.RawMessage, bool) {
	charset, ok := c.sentJSON()
	if !ok {
		return nil, false
	}
	text := decodeText(c.body, charset)
	fields, err := objectFields(text)
	switch {
	case len(text) == 0, err == nil && fields == nil:
		c.invalid("", "A non-empty request body is required.")
		return nil, false
	case err != nil:
		c.invalid("$", "The JSON value could not be read.")
		return nil, false
	}
	return fields, true
}

// sentJSON checks the type of a body only, and returns its charset. When false,
// the refusal was answered.
func (c *call) sentJSON() (charset string, ok bool) {
	media, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || !isJSON(media) {
		c.problem(http.StatusUnsupportedMediaType, "Unsupported Media Type", nil)
		return "", false
	}
	return params["charset"], true
}

func (c *call) invalid(field, message string) {
	c.problem(http.StatusBadRequest, "One or more validation errors occurred.", map[string][]string{
		field:     {message},
		"request": {"The request field is required."},
	})
}

// missing refuses a request that lacks a query parameter it needs.
func (c *call) missing(names ...string) bool {
	for _, name := range names {
		if c.query.get(name) == "" {
			c.invalid(name, "The "+name+" field is required.")
			return true
		}
	}
	return false
}

func isJSON(media string) bool {
	return media == "application/json" || media == "text/json" ||
		strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
}

// decodeText gives a body as UTF-8 without a byte order mark.
func decodeText(body []byte, charset string) []byte {
	if strings.EqualFold(charset, "utf-16") || strings.EqualFold(charset, "utf-16le") {
		units := make([]uint16, 0, len(body)/2)
		for i := 0; i+1 < len(body); i += 2 {
			units = append(units, uint16(body[i])|uint16(body[i+1])<<8)
		}
		body = []byte(string(utf16.Decode(units)))
	}
	return bytes.TrimPrefix(body, []byte("\ufeff"))
}

var errNoObject = errors.New("not one JSON object")

// objectFields reads one JSON object with keys in lower case; nil for null.
func objectFields(text []byte) (map[string]json.RawMessage, error) {
	if strings.TrimSpace(string(text)) == "null" {
		return nil, nil
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	open, err := dec.Token()
	if err != nil {
		return nil, err
	}
	if open != json.Delim('{') {
		return nil, errNoObject
	}
	fields := map[string]json.RawMessage{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil || !ok {
			return nil, errNoObject
		}
		fields[strings.ToLower(name)] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errNoObject
	}
	return fields, nil
}

// text returns a field as a string; a number or a boolean gives its own text.
func text(fields map[string]json.RawMessage, name string) string {
	raw, ok := fields[strings.ToLower(name)]
	if !ok || string(raw) == "null" {
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// flag returns a field as a boolean.
func flag(fields map[string]json.RawMessage, name string) bool {
	return text(fields, name) == "true"
}
