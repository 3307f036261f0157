package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// errNotUnderstood means that an answer could not be searched for what must not
// leave the house.
var errNotUnderstood = errors.New("jellyfin's answer is not JSON, or compressed, or too long")

// hideAddress takes Jellyfin's address at home out of an answer and leaves all
// else as Jellyfin wrote it. A success that is not understood is an error; of
// any other answer that is not, only the status and the headers remain.
func hideAddress(resp *http.Response) error {
	if !hasBody(resp) {
		if resp.Request.Method == http.MethodHead {
			resp.Header.Del("Content-Length") // of a body that would be longer
			resp.ContentLength = -1
		}
		return nil
	}
	body, whole := []byte(nil), false
	if !isEncoded(resp.Header) {
		var err error
		if body, whole, err = readBody(resp); err != nil {
			return err
		}
	}
	if whole {
		if kept, ok := cutMembers(body, "LocalAddress"); ok {
			setBody(resp, kept)
			return nil
		}
	}
	if resp.StatusCode/100 == 2 {
		return errNotUnderstood
	}
	if !whole {
		discard(resp.Body)
	}
	setBody(resp, nil)
	resp.Header.Del("Content-Type")
	return nil
}

// level is an object or array that is open while JSON is read.
type level struct {
	object bool
	// atKey tells that a name comes next.
	atKey bool
	// kept tells that a member was kept already, cut that one was not.
	kept, cut bool
}

// cutMembers removes the members called name, in any case, from a JSON object
// and from whatever lies in it. All other bytes stay. It returns false for what
// is not one JSON object in UTF-8.
func cutMembers(body []byte, name string) ([]byte, bool) {
	if !json.Valid(body) || !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber() // any length
	out := make([]byte, 0, len(body))
	copied := 0 // what of body is in out, or cut
	stack := []level{}
	for {
		before := int(dec.InputOffset())
		token, err := dec.Token()
		if err != nil {
			// All was read, for body is valid.
			return append(out, body[copied:]...), true
		}
		var top *level
		if len(stack) > 0 {
			top = &stack[len(stack)-1]
		}
		delim, isDelim := token.(json.Delim)
		switch {
		case isDelim && (delim == '{' || delim == '['):
			if top != nil {
				top.atKey = top.object
			}
			stack = append(stack, level{object: delim == '{', atKey: delim == '{'})
		case isDelim:
			stack = stack[:len(stack)-1]
		case top == nil || !top.atKey:
			if top != nil {
				top.atKey = top.object
			}
		case isNamed(token, name):
			var value json.RawMessage
			if err := dec.Decode(&value); err != nil {
				return nil, false
			}
			out = append(out, body[copied:before]...)
			copied = int(dec.InputOffset())
			top.cut = true
		default:
			if top.cut && !top.kept {
				// The comma before it followed a member that is gone.
				out = append(out, body[copied:before]...)
				copied = before + bytes.IndexByte(body[before:], ',') + 1
			}
			top.kept, top.atKey = true, false
		}
	}
}

func isNamed(token json.Token, name string) bool {
	key, ok := token.(string)
	return ok && strings.EqualFold(key, name)
}
