// Package jellyfin speaks to the Jellyfin server behind the gateway: it signs
// people in, logs tokens out, and watches whether the server may be published.
//
// It also knows how clients present a token to Jellyfin, because whoever
// decides on a request must read it as Jellyfin will.
package jellyfin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/jellyward/jellyward/internal/secret"
)

// Errors of a [Client]. What Jellyfin said in detail stays here: visitors are
// told one of these, in our words.
var (
	// ErrCredentials means that Jellyfin refused the name or the password.
	ErrCredentials = errors.New("jellyfin refused the name or password")
	// ErrForbidden means that the account may not sign in now: it is disabled,
	// outside its schedule, not allowed from outside or on this device.
	ErrForbidden = errors.New("jellyfin does not allow this account to sign in now")
	// ErrUnavailable means that Jellyfin gave no answer that can be used: it
	// is away, starting, or failing.
	ErrUnavailable = errors.New("jellyfin is not available")
)

// maxAnswer bounds what is read of any answer; the largest one, a user with
// all of a policy, has about 4 KB.
const maxAnswer = 1 << 20

// Client asks one Jellyfin server. The zero value is not usable; see [New].
type Client struct {
	base *url.URL
	http *http.Client
}

// New returns a client for the server at base, which includes Jellyfin's base
// path if it has one. Requests end after timeout; zero means ten seconds.
func New(base *url.URL, transport http.RoundTripper, timeout time.Duration) *Client {
	if timeout <= 0 {
		timeout = 10 * time.Second
	}
	return &Client{base: base, http: &http.Client{
		Transport:     transport,
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Session is a fresh session at Jellyfin, as a sign-in yields it.
type Session struct {
	// Token is the access token. It never expires by itself.
	Token secret.Text
	// UserID and ServerID are 32 hexadecimal digits.
	UserID, ServerID string
	// UserName is the account's name as Jellyfin spells it.
	UserName string
	// Admin tells whether the account is an administrator's.
	Admin bool
	// Raw is Jellyfin's whole AuthenticationResult, unchanged.
	Raw json.RawMessage
	// ContentType is the media type of Raw as Jellyfin wrote it.
	ContentType string
}

// Credentials are what a sign-in shows Jellyfin.
type Credentials struct {
	// Device is what the token is minted for; Jellyfin ends an older token of
	// the same user and device id.
	Device Device
	// Name and Password are the user's at Jellyfin.
	Name     string
	Password secret.Text
	// Visitor is on whose behalf Jellyfin is asked.
	Visitor netip.Addr
	// Profile is the spelling of the answer's keys.
	Profile Profile
}

// Authenticate signs in with the credentials. The errors are [ErrCredentials],
// [ErrForbidden] and [ErrUnavailable].
func (c *Client) Authenticate(ctx context.Context, as Credentials) (Session, error) {
	body, err := json.Marshal(struct{ Username, Pw string }{as.Name, string(as.Password)})
	if err != nil {
		return Session{}, fmt.Errorf("encode sign-in: %w", err)
	}
	req, err := c.request(ctx, http.MethodPost, "Users/AuthenticateByName", body)
	if err != nil {
		return Session{}, err
	}
	req.Header.Set("Authorization", as.Device.Authorization(""))
	req.Header.Set("X-Forwarded-For", as.Visitor.Unmap().String())
	return c.askSession(req, as.Profile, "sign-in", map[int]error{
		http.StatusUnauthorized: ErrCredentials,
		http.StatusForbidden:    ErrForbidden,
	})
}

// askSession sends req, and reads the session that an answer of 200 holds, which
// is handed on as it comes. Refusals say what other answers mean; any that is not
// among them is [ErrUnavailable].
func (c *Client) askSession(req *http.Request, profile Profile, what string, refusals map[int]error) (Session, error) {
	req.Header.Set("Accept", profile.accept())
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := c.http.Do(req)
	if err != nil {
		return Session{}, unavailable(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return readSession(resp)
	}
	if refusal, ok := refusals[resp.StatusCode]; ok {
		return Session{}, refusal
	}
	return Session{}, fmt.Errorf("%w: %s answered %d", ErrUnavailable, what, resp.StatusCode)
}

func readSession(resp *http.Response) (Session, error) {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return Session{}, unavailable(err)
	}
	session, err := parseSession(raw)
	if contentType := resp.Header.Get("Content-Type"); contentType != "" {
		session.ContentType = contentType
	}
	return session, err
}

// parseSession reads an AuthenticationResult with its keys in any case.
func parseSession(raw []byte) (Session, error) {
	var result struct {
		AccessToken, ServerId string
		User                  struct {
			Id, Name string
			Policy   struct{ IsAdministrator bool }
		}
	}
	if err := json.Unmarshal(raw, &result); err != nil {
		return Session{}, fmt.Errorf("%w: sign-in answered with something that is not a result: %v", ErrUnavailable, err)
	}
	if result.AccessToken == "" || result.User.Id == "" {
		return Session{}, fmt.Errorf("%w: sign-in answered without token or user", ErrUnavailable)
	}
	return Session{
		Token:    secret.Text(result.AccessToken),
		UserID:   result.User.Id,
		ServerID: result.ServerId,
		UserName: result.User.Name,
		Admin:    result.User.Policy.IsAdministrator,
		Raw:      raw,

		ContentType: "application/json; charset=utf-8",
	}, nil
}

// Logout ends token at Jellyfin. A token that is dead already is no error.
func (c *Client) Logout(ctx context.Context, token secret.Text) error {
	req, err := c.request(ctx, http.MethodPost, "Sessions/Logout", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", Device{}.Authorization(token))
	status, _, err := c.do(req)
	if err != nil {
		return err
	}
	if status/100 == 2 || status == http.StatusUnauthorized {
		return nil
	}
	return fmt.Errorf("%w: log-out answered %d", ErrUnavailable, status)
}

// Alive tells whether Jellyfin still accepts token, for a visitor at address.
// The answers mean (recorded from 10.11.11 and 12.0): 200 a user's token; 400
// an API key, which has no user; 403 alive but not allowed just now; 401 dead.
// Anything else is [ErrUnavailable].
func (c *Client) Alive(ctx context.Context, token secret.Text, visitor netip.Addr) (bool, error) {
	req, err := c.request(ctx, http.MethodGet, "Users/Me", nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("Authorization", Device{}.Authorization(token))
	if visitor.IsValid() {
		req.Header.Set("X-Forwarded-For", visitor.Unmap().String())
	}
	status, _, err := c.do(req)
	if err != nil {
		return false, err
	}
	switch status {
	case http.StatusOK, http.StatusBadRequest, http.StatusForbidden:
		return true, nil
	case http.StatusUnauthorized:
		return false, nil
	}
	return false, fmt.Errorf("%w: asking for the user answered %d", ErrUnavailable, status)
}

// PublicInfo is what a Jellyfin server tells everyone about itself.
type PublicInfo struct {
	ServerID, ServerName, Version string
	// WizardOpen means that the server has started and that its start-up
	// wizard was never completed: whoever reaches it can become its
	// administrator.
	WizardOpen bool
	// Starting means that the server does not serve yet.
	Starting bool
}

// PublicInfo asks for the server's public information.
func (c *Client) PublicInfo(ctx context.Context) (PublicInfo, error) {
	req, err := c.request(ctx, http.MethodGet, "System/Info/Public", nil)
	if err != nil {
		return PublicInfo{}, err
	}
	status, raw, err := c.do(req)
	if err != nil {
		return PublicInfo{}, err
	}
	switch status {
	case http.StatusOK:
		return parsePublicInfo(raw)
	case http.StatusServiceUnavailable:
		return PublicInfo{Starting: true}, nil
	}
	return PublicInfo{}, fmt.Errorf("%w: public information answered %d", ErrUnavailable, status)
}

// parsePublicInfo tells a started server from one that is starting by the
// spelling of the keys: Jellyfin's start-up server writes camelCase, and says
// false of the wizard whether or not it was completed.
func parsePublicInfo(raw []byte) (PublicInfo, error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(raw, &keys); err != nil {
		return PublicInfo{}, fmt.Errorf("%w: public information is not JSON: %v", ErrUnavailable, err)
	}
	if _, starting := keys["startupWizardCompleted"]; starting {
		return PublicInfo{Starting: true}, nil
	}
	var info struct {
		Id, ServerName, Version, ProductName string
		StartupWizardCompleted               *bool
	}
	if err := json.Unmarshal(raw, &info); err != nil {
		return PublicInfo{}, fmt.Errorf("%w: public information: %v", ErrUnavailable, err)
	}
	if info.ProductName != "Jellyfin Server" || info.StartupWizardCompleted == nil {
		return PublicInfo{}, fmt.Errorf("%w: what answers there is not a Jellyfin server", ErrUnavailable)
	}
	return PublicInfo{
		ServerID:   info.Id,
		ServerName: info.ServerName,
		Version:    info.Version,
		WizardOpen: !*info.StartupWizardCompleted,
	}, nil
}

func (c *Client) request(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base.JoinPath(path).String(), reader)
	if err != nil {
		return nil, fmt.Errorf("make request to jellyfin: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

func (c *Client) do(req *http.Request) (status int, body []byte, err error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, unavailable(err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, nil, unavailable(err)
	}
	return resp.StatusCode, body, nil
}

// unavailable wraps a transport error without the URL that [url.Error] would
// print, and keeps the visitor's own hanging up recognisable.
func unavailable(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
