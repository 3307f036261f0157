package tunnel

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
)

// serverRequest makes of cloudflared's request to an origin the request that
// the handler sees: what net/http's server would have made of the visitor's.
// It is an error if the target cannot be told for certain.
func serverRequest(ctx context.Context, out *http.Request) (*http.Request, error) {
	target, err := requestTarget(out)
	if err != nil {
		return nil, err
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, err
	}
	req := (&http.Request{
		Method:        out.Method,
		URL:           u,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        out.Header,
		Body:          http.NoBody,
		ContentLength: out.ContentLength,
		Host:          out.Host,
		RequestURI:    target,
		RemoteAddr:    remoteAddr(out.Header),
	}).WithContext(ctx)
	setBody(req, out)
	tidyHeader(req)
	return req, nil
}

// requestTarget is the target as the visitor spelled it. Over HTTP/2 it comes
// as it is. Over QUIC, cloudflared has parsed it as a URL, which keeps the
// spelling in RawPath; a target without scheme and host that begins with two
// slashes was taken apart as if a host followed, and is put together again (the
// real edge sends whole URLs, where this cannot happen). Two things leave no
// trace in a parsed URL, and mean nothing: an empty fragment, and in the latter
// case the colon of an empty port.
func requestTarget(out *http.Request) (string, error) {
	if out.RequestURI != "" {
		return out.RequestURI, nil
	}
	u := out.URL
	if u.Opaque != "" {
		return "", errors.New("opaque request target")
	}
	path := u.RawPath
	if path == "" {
		path = (&url.URL{Path: u.Path}).EscapedPath()
	}
	if u.Scheme == "" && (u.Host != "" || u.User != nil || path == "") {
		if u.User != nil || !plainHost(u.Host) {
			return "", errors.New("request target's beginning is ambiguous")
		}
		path = "//" + u.Host + path
	}
	if path == "" {
		path = "/"
	}
	if u.ForceQuery || u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	if u.RawFragment != "" {
		return path + "#" + u.RawFragment, nil
	}
	if u.Fragment != "" {
		path += "#" + (&url.URL{Fragment: u.Fragment}).EscapedFragment()
	}
	return path, nil
}

// plainHost tells whether host is what it was before parsing: nothing in it can
// have been decoded.
func plainHost(host string) bool {
	for i := range len(host) {
		if host[i] == '%' || host[i] >= 0x80 {
			return false
		}
	}
	return true
}

// remoteAddr is the visitor's address as Cloudflare states it, with port 0 as
// no port is known; without exactly one valid address it is the unspecified
// one, which is nobody's.
func remoteAddr(h http.Header) string {
	addr := netip.IPv4Unspecified()
	if values := h["Cf-Connecting-Ip"]; len(values) == 1 {
		a, err := netip.ParseAddr(values[0])
		if err == nil && a.Zone() == "" {
			addr = a.Unmap()
		}
	}
	return netip.AddrPortFrom(addr, 0).String()
}

// setBody gives req the body of out, and the length that belongs to it.
func setBody(req, out *http.Request) {
	chunked := strings.Contains(strings.ToLower(out.Header.Get("Transfer-Encoding")), "chunked")
	if chunked {
		req.ContentLength = -1
		req.TransferEncoding = []string{"chunked"}
		req.Header.Del("Content-Length")
	}
	if out.Body == nil || out.Body == http.NoBody || req.ContentLength == 0 {
		req.ContentLength = 0
		return
	}
	req.Body = &requestBody{body: out.Body}
	if req.ContentLength > 0 {
		req.Body = &requestBody{body: out.Body, limit: req.ContentLength}
	}
}

// tidyHeader removes what belongs to the connection or was added on the way.
func tidyHeader(req *http.Request) {
	h := req.Header
	h.Del("Transfer-Encoding")
	if h.Get("Upgrade") == "" {
		h.Del("Connection") // cloudflared says keep-alive to its origin
	}
	if v, ok := h["User-Agent"]; ok && len(v) == 1 && v[0] == "" {
		delete(h, "User-Agent")
	}
}

// badRequest answers a request that the handler cannot be shown.
func badRequest(out *http.Request) *http.Response {
	text := "400 Bad Request"
	return &http.Response{
		Status: text, StatusCode: http.StatusBadRequest,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
		Body:          io.NopCloser(strings.NewReader(text)),
		ContentLength: int64(len(text)),
		Request:       out,
	}
}

// requestBody is a request's body for the handler. A body of a known length
// that ends early is an error: the connector's protocol over QUIC would show it
// as complete.
type requestBody struct {
	body   io.ReadCloser
	limit  int64 // 0: not known
	read   int64
	closed atomic.Bool
}

func (b *requestBody) Read(p []byte) (int, error) {
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.limit > 0 {
		if b.read == b.limit {
			return 0, io.EOF
		}
		p = p[:min(int64(len(p)), b.limit-b.read)]
	}
	n, err := b.body.Read(p)
	b.read += int64(n)
	if err == io.EOF && b.read < b.limit {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (b *requestBody) Close() error {
	b.closed.Store(true)
	return b.body.Close()
}
