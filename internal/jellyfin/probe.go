package jellyfin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"

	"github.com/jellyward/jellyward/internal/secret"
)

// Errors of the questions about a server's settings, beside [ErrUnavailable].
var (
	// ErrUntold means that the server's answer does not show what was asked.
	ErrUntold = errors.New("jellyfin's answer does not tell")
	// ErrKeyRefused means that the server does not accept the API key.
	ErrKeyRefused = errors.New("jellyfin does not accept the api key")
)

// A visitor and a host that cannot be: their address and name are reserved for
// documents (RFC 5737) and for nobody (RFC 6761).
const (
	outsideAddress = "203.0.113.9"
	nobodysHost    = "jellyward.invalid"
)

// TrustsProxy tells whether the server believes what we say of a visitor, that
// is, whether the address that we come from is among its known proxies. If it is
// not, the server takes everybody for a visitor at home, whom it lets do things
// without a token.
//
// It needs no token: /web is redirected to an absolute address, which is made of
// X-Forwarded-Proto and X-Forwarded-Host if the server believes them. A server
// without jellyfin-web redirects nothing, and gives [ErrUntold].
func (c *Client) TrustsProxy(ctx context.Context) (bool, error) {
	scheme := "https"
	if c.base.Scheme == scheme {
		scheme = "http"
	}
	to, err := c.redirect(ctx, c.base.JoinPath("web"), http.Header{
		"X-Forwarded-For":   {outsideAddress},
		"X-Forwarded-Proto": {scheme},
		"X-Forwarded-Host":  {nobodysHost},
	})
	if err != nil {
		return false, err
	}
	if !to.IsAbs() || !strings.HasSuffix(to.Path, "/web/") {
		return false, ErrUntold
	}
	return to.Host == nobodysHost || to.Scheme == scheme, nil
}

// BasePath returns the server's base path, such as "/jellyfin", or "" if it has
// none, whatever base path this client was made with. It is found by where the
// server's root leads. A server that is starting gives [ErrUntold].
func (c *Client) BasePath(ctx context.Context) (string, error) {
	root := &url.URL{Scheme: c.base.Scheme, Host: c.base.Host, Path: "/"}
	to, err := c.redirect(ctx, root, nil)
	if err != nil {
		return "", err
	}
	base, found := strings.CutSuffix(root.ResolveReference(to).Path, "/web/")
	if !found {
		return "", ErrUntold
	}
	return base, nil
}

// redirect returns where target leads, as it is written there.
func (c *Client) redirect(ctx context.Context, target *url.URL, header http.Header) (*url.URL, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("make request to jellyfin: %w", err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unavailable(err)
	}
	defer resp.Body.Close()
	location := resp.Header.Get("Location")
	if resp.StatusCode/100 != 3 || location == "" {
		return nil, ErrUntold
	}
	to, err := url.Parse(location)
	if err != nil {
		return nil, ErrUntold
	}
	return to, nil
}

// Ends returns the two ends of a connection to the server: the address that we
// come from, which is the one that the server sees unless something between
// translates it, and the server's own.
func (c *Client) Ends(ctx context.Context) (ours, server netip.Addr, err error) {
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		ours, server = addrOf(info.Conn.LocalAddr()), addrOf(info.Conn.RemoteAddr())
	}}
	req, err := c.request(httptrace.WithClientTrace(ctx, trace), http.MethodGet, "System/Info/Public", nil)
	if err != nil {
		return ours, server, err
	}
	if _, _, err := c.do(req); err != nil {
		return ours, server, err
	}
	if !ours.IsValid() || !server.IsValid() {
		return ours, server, ErrUntold
	}
	return ours, server, nil
}

func addrOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// ReadsLegacy tells whether the server reads legacy forms of a token (see
// [Dialect]), without a token: it asks for a Quick Connect code in a form that
// only legacy authorisation reads. The code is used by nobody, and is forgotten
// after ten minutes. It gives [ErrQuickConnectOff] if there are no codes.
func (c *Client) ReadsLegacy(ctx context.Context) (bool, error) {
	req, err := c.request(ctx, http.MethodPost, "QuickConnect/Initiate", nil)
	if err != nil {
		return false, err
	}
	device := Device{Client: "jellyward", Name: "jellyward check", ID: "jellyward-check", Version: "1"}
	req.Header.Set("X-Emby-Authorization", device.Authorization(""))
	req.Header.Set("X-Forwarded-For", outsideAddress)
	status, body, err := c.do(req)
	switch {
	case err != nil:
		return false, err
	case status == http.StatusOK:
		_, err := ParseQuickConnect(body)
		return err == nil, err
	case status == http.StatusBadRequest:
		return false, nil
	case status == http.StatusUnauthorized:
		return false, ErrQuickConnectOff
	}
	return false, fmt.Errorf("%w: quick connect answered %d", ErrUnavailable, status)
}

// CountsAsHome tells whether the server takes a visitor from outside for one at
// home, which it tells whoever has an API key.
func (c *Client) CountsAsHome(ctx context.Context, key secret.Text) (bool, error) {
	var endpoint struct{ IsLocal, IsInNetwork *bool }
	if err := c.askWithKey(ctx, "System/Endpoint", key, &endpoint); err != nil {
		return false, err
	}
	if endpoint.IsLocal == nil || endpoint.IsInNetwork == nil {
		return false, ErrUntold
	}
	return *endpoint.IsLocal || *endpoint.IsInNetwork, nil
}

// Settings are some of a server's settings.
type Settings struct {
	// QuickConnect tells whether Quick Connect is switched on.
	QuickConnect bool
	// Legacy tells whether legacy forms of a token are read; until 10.10 there
	// is no such setting, and they are.
	Legacy bool
}

// Settings asks for the server's settings, with an API key.
func (c *Client) Settings(ctx context.Context, key secret.Text) (Settings, error) {
	var answer struct{ QuickConnectAvailable, EnableLegacyAuthorization *bool }
	if err := c.askWithKey(ctx, "System/Configuration", key, &answer); err != nil {
		return Settings{}, err
	}
	if answer.QuickConnectAvailable == nil {
		return Settings{}, ErrUntold
	}
	legacy := answer.EnableLegacyAuthorization
	return Settings{QuickConnect: *answer.QuickConnectAvailable, Legacy: legacy == nil || *legacy}, nil
}

// askWithKey asks on behalf of a visitor from outside.
func (c *Client) askWithKey(ctx context.Context, path string, key secret.Text, answer any) error {
	req, err := c.request(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", Device{}.Authorization(key))
	req.Header.Set("X-Forwarded-For", outsideAddress)
	status, body, err := c.do(req)
	switch {
	case err != nil:
		return err
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return ErrKeyRefused
	case status != http.StatusOK:
		return fmt.Errorf("%w: %s answered %d", ErrUnavailable, path, status)
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("%w: %s answered with something that is not its answer", ErrUnavailable, path)
	}
	return nil
}
