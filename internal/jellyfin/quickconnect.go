package jellyfin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/jellyward/jellyward/internal/secret"
)

// QuickConnectFor is how long a code waits to be authorised, and from then on
// how long its secret can be redeemed (QuickConnectManager.cs).
const QuickConnectFor = 10 * time.Minute

// Errors of Quick Connect, beside [ErrForbidden] and [ErrUnavailable].
var (
	// ErrQuickConnectOff means that the server's Quick Connect is switched off.
	ErrQuickConnectOff = errors.New("quick connect is switched off at jellyfin")
	// ErrDevice means that the device that asks says too little of itself:
	// Jellyfin wants all four fields of [Device].
	ErrDevice = errors.New("jellyfin wants client, device, device id and version of who asks")
	// ErrCodeUnknown means that no device waits with this code or secret: it was
	// never given out, was not authorised yet, or is too old.
	ErrCodeUnknown = errors.New("jellyfin knows no such quick connect request")
	// ErrCodeUsed means that the code was authorised before.
	ErrCodeUsed = errors.New("the quick connect request was authorised before")
	// ErrTokenDead means that Jellyfin does not accept the token that was to
	// authorise.
	ErrTokenDead = errors.New("jellyfin does not accept the token")
)

// QuickConnect is one request of a device to be signed in, as Jellyfin
// describes it to the device.
type QuickConnect struct {
	// Code is what the device shows: six digits.
	Code string
	// Secret is what the device polls with and redeems.
	Secret secret.Text
	// Authorized tells that somebody has allowed it.
	Authorized bool
	// Device is who asks.
	Device Device
}

// ParseQuickConnect reads what Jellyfin answers to Initiate and to Connect, in
// either spelling of the keys.
func ParseQuickConnect(body []byte) (QuickConnect, error) {
	var result struct {
		Authenticated                             bool
		Secret, Code                              string
		DeviceId, DeviceName, AppName, AppVersion string
	}
	if err := json.Unmarshal(body, &result); err != nil {
		return QuickConnect{}, fmt.Errorf("%w: quick connect answered with something that is not a result", ErrUnavailable)
	}
	if result.Secret == "" || result.Code == "" {
		return QuickConnect{}, fmt.Errorf("%w: quick connect answered without code or secret", ErrUnavailable)
	}
	return QuickConnect{
		Code: result.Code, Secret: secret.Text(result.Secret), Authorized: result.Authenticated,
		Device: Device{Client: result.AppName, Name: result.DeviceName, ID: result.DeviceId, Version: result.AppVersion},
	}, nil
}

// ParseSession reads an AuthenticationResult, in either spelling of the keys,
// and the device that it names.
func ParseSession(body []byte) (Session, Device, error) {
	session, err := parseSession(body)
	if err != nil {
		return Session{}, Device{}, err
	}
	var result struct {
		SessionInfo struct{ Client, DeviceName, DeviceId, ApplicationVersion string }
	}
	if err := json.Unmarshal(body, &result); err != nil {
		return Session{}, Device{}, fmt.Errorf("%w: sign-in answered with a session that is none: %v", ErrUnavailable, err)
	}
	info := result.SessionInfo
	return session, Device{Client: info.Client, Name: info.DeviceName, ID: info.DeviceId, Version: info.ApplicationVersion}, nil
}

// QuickConnectEnabled tells whether the server's Quick Connect is switched on.
func (c *Client) QuickConnectEnabled(ctx context.Context) (bool, error) {
	status, body, err := c.ask(ctx, http.MethodGet, "QuickConnect/Enabled", call{})
	if err != nil {
		return false, err
	}
	var on bool
	if status != http.StatusOK || json.Unmarshal(body, &on) != nil {
		return false, fmt.Errorf("%w: asking for quick connect answered %d", ErrUnavailable, status)
	}
	return on, nil
}

// Initiate asks for a code on behalf of device, as the device itself would. The
// errors are [ErrQuickConnectOff], [ErrDevice] and [ErrUnavailable].
func (c *Client) Initiate(ctx context.Context, device Device, visitor netip.Addr) (QuickConnect, error) {
	status, body, err := c.ask(ctx, http.MethodPost, "QuickConnect/Initiate", call{authorization: device.Authorization(""), visitor: visitor})
	switch {
	case err != nil:
		return QuickConnect{}, err
	case status == http.StatusOK:
		return ParseQuickConnect(body)
	case status == http.StatusUnauthorized:
		return QuickConnect{}, ErrQuickConnectOff
	case status == http.StatusBadRequest:
		return QuickConnect{}, ErrDevice
	}
	return QuickConnect{}, fmt.Errorf("%w: quick connect answered %d", ErrUnavailable, status)
}

// Authorize signs the device that waits with code in as the user, by token: the
// user's own, an administrator's or an API key. The device's token exists from
// then on, and older ones of the same user and device id have ended: that of an
// authorising session too. The errors are [ErrCodeUnknown], [ErrCodeUsed],
// [ErrQuickConnectOff], [ErrTokenDead], [ErrForbidden] (the token may not act
// for this user, or the user may not sign in now) and [ErrUnavailable], after
// which the device may have been signed in.
func (c *Client) Authorize(ctx context.Context, token secret.Text, code, userID string, visitor netip.Addr) error {
	status, body, err := c.ask(ctx, http.MethodPost, "QuickConnect/Authorize", call{
		query:         url.Values{"code": {code}, "userId": {userID}},
		authorization: Device{}.Authorization(token),
		visitor:       visitor,
	})
	switch {
	case err != nil:
		return err
	case status == http.StatusOK:
		return nil
	case status == http.StatusNotFound:
		return ErrCodeUnknown
	case status == http.StatusInternalServerError:
		return ErrCodeUsed
	case status == http.StatusForbidden:
		return ErrForbidden
	case status == http.StatusUnauthorized && len(body) == 0:
		return ErrTokenDead // it was turned away at the door
	case status == http.StatusUnauthorized:
		return ErrQuickConnectOff
	}
	return fmt.Errorf("%w: authorising quick connect answered %d", ErrUnavailable, status)
}

// QuickConnectState asks what has become of a request. The errors are
// [ErrCodeUnknown], [ErrQuickConnectOff] and [ErrUnavailable].
func (c *Client) QuickConnectState(ctx context.Context, request secret.Text) (QuickConnect, error) {
	status, body, err := c.ask(ctx, http.MethodGet, "QuickConnect/Connect", call{query: url.Values{"secret": {string(request)}}})
	switch {
	case err != nil:
		return QuickConnect{}, err
	case status == http.StatusOK:
		return ParseQuickConnect(body)
	case status == http.StatusNotFound:
		return QuickConnect{}, ErrCodeUnknown
	case status == http.StatusUnauthorized:
		return QuickConnect{}, ErrQuickConnectOff
	}
	return QuickConnect{}, fmt.Errorf("%w: polling quick connect answered %d", ErrUnavailable, status)
}

// Redeem returns the session of a request that was authorised; as often as it is
// asked, the same one. The errors are [ErrCodeUnknown], [ErrQuickConnectOff] and
// [ErrUnavailable].
func (c *Client) Redeem(ctx context.Context, request secret.Text, profile Profile, visitor netip.Addr) (Session, error) {
	body, err := json.Marshal(struct{ Secret string }{string(request)})
	if err != nil {
		return Session{}, fmt.Errorf("encode quick connect: %w", err)
	}
	req, err := c.question(ctx, http.MethodPost, "Users/AuthenticateWithQuickConnect", call{body: body, visitor: visitor})
	if err != nil {
		return Session{}, err
	}
	return c.askSession(req, profile, "redeeming quick connect", map[int]error{
		http.StatusNotFound:     ErrCodeUnknown,
		http.StatusUnauthorized: ErrQuickConnectOff,
	})
}

// call is what a question carries beside its method and path.
type call struct {
	query         url.Values
	authorization string
	visitor       netip.Addr // invalid: it is asked on our own behalf
	body          []byte
}

func (c *Client) question(ctx context.Context, method, path string, with call) (*http.Request, error) {
	req, err := c.request(ctx, method, path, with.body)
	if err != nil {
		return nil, err
	}
	req.URL.RawQuery = with.query.Encode()
	if with.authorization != "" {
		req.Header.Set("Authorization", with.authorization)
	}
	if with.visitor.IsValid() {
		req.Header.Set("X-Forwarded-For", with.visitor.Unmap().String())
	}
	return req, nil
}

func (c *Client) ask(ctx context.Context, method, path string, with call) (status int, body []byte, err error) {
	req, err := c.question(ctx, method, path, with)
	if err != nil {
		return 0, nil, err
	}
	return c.do(req)
}
