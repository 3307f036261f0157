package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// maxRewritten bounds the answers that are read as a whole to be rewritten.
const maxRewritten = 1 << 20

// rewritten tells whether the answer's body is read and may be changed.
func (t Treatment) rewritten() bool {
	return t.Branding || t.Hint != "" || t.HideAddress || t.Read != nil
}

// askPlainly takes from a request for an answer that is to be rewritten what
// would let Jellyfin answer in parts, in another encoding or not at all.
func askPlainly(h http.Header) {
	dropConditions(h)
	for _, name := range []string{"Range", "If-Range", "Accept-Charset"} {
		h.Del(name)
	}
	h.Set("Accept-Encoding", "identity")
}

func dropConditions(h http.Header) {
	for _, name := range []string{"If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since"} {
		h.Del(name)
	}
}

// rewriteBody changes the body of an answer as t says.
func (p *Proxy) rewriteBody(resp *http.Response, t Treatment) error {
	if t.HideAddress {
		if err := hideAddress(resp); err != nil {
			return fmt.Errorf("hide the address at home: %w", err)
		}
	}
	if t.Read != nil {
		if err := showBody(resp, t.Read); err != nil {
			return err
		}
	}
	if t.Branding || t.Hint != "" {
		words := words{hint: t.Hint}
		if t.Branding {
			words.signIn = p.options.SignIn
		}
		return brand(resp, words)
	}
	return nil
}

// errWithheld means that an answer must not reach the visitor.
var errWithheld = errors.New("answer withheld")

// showBody lets read see the body of an answer of 200 before it goes on.
func showBody(resp *http.Response, read func([]byte) error) error {
	if resp.StatusCode != http.StatusOK || !hasBody(resp) {
		return nil
	}
	body, whole, err := readBody(resp)
	switch {
	case err != nil:
		return err
	case !whole || isEncoded(resp.Header):
		return fmt.Errorf("%w: it cannot be read", errWithheld)
	}
	if err := read(body); err != nil {
		return fmt.Errorf("%w: %w", errWithheld, err)
	}
	putBody(resp, body)
	return nil
}

// hasBody tells whether an answer can have a body at all.
func hasBody(resp *http.Response) bool {
	return resp.Request.Method != http.MethodHead && resp.StatusCode >= 200 &&
		resp.StatusCode != http.StatusNoContent && resp.StatusCode != http.StatusNotModified
}

// isEncoded tells whether a body is compressed, although Jellyfin was asked not
// to.
func isEncoded(h http.Header) bool {
	for _, encoding := range h["Content-Encoding"] {
		if encoding != "" && !strings.EqualFold(encoding, "identity") {
			return true
		}
	}
	return false
}

// readBody takes the body of an answer. If it is longer than [maxRewritten] it
// stays where it is, and whole is false.
func readBody(resp *http.Response) (body []byte, whole bool, err error) {
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxRewritten+1))
	if err != nil {
		return nil, false, fmt.Errorf("read answer: %w", err)
	}
	if len(body) <= maxRewritten {
		return body, true, resp.Body.Close()
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
	return nil, false, nil
}

// setBody gives an answer whose body was read or closed a new one, which is not
// the one that its validators speak of.
func setBody(resp *http.Response, body []byte) {
	putBody(resp, body)
	for _, name := range []string{"ETag", "Last-Modified", "Accept-Ranges", "Content-Encoding", "Content-Range"} {
		resp.Header.Del(name)
	}
}

// putBody puts a body back.
func putBody(resp *http.Response, body []byte) {
	resp.Body = http.NoBody
	if hasBody(resp) {
		resp.Body = io.NopCloser(bytes.NewReader(body))
	}
	resp.ContentLength = int64(len(body))
	resp.TransferEncoding, resp.Trailer = nil, nil
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
}

// discard reads what is left of a body that is replaced, so that the
// connection can be used again, but no more than is worth it.
func discard(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 64<<10)
	_ = body.Close()
}
