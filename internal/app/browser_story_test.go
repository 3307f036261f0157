package app_test

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/stage"
	"github.com/jellyward/jellyward/internal/totp"
)

// elsewhere is another server's entry in jellyfin-web's record.
const elsewhere = `{"ManualAddress":"https://other.example","Id":"0123456789abcdef0123456789abcdef","AccessToken":"theirs","UserId":"them"}`

// TestFirstLight is the main story: led to the sign-in page, a second factor
// set up by scanning, in, out, in again with the next code; and that code is
// then used up.
func TestFirstLight(t *testing.T) {
	for _, tt := range []struct {
		protocol, base string
		release        jellyfintest.Release
	}{
		{"quic", "", jellyfintest.V10_11},
		{"http2", "", jellyfintest.V12},
		{"quic", "/jellyfin", jellyfintest.V12},
	} {
		t.Run(tt.protocol+tt.base+" "+tt.release.String(), func(t *testing.T) {
			t.Parallel()
			s := play(t, stage.Options{
				Protocol: tt.protocol, BasePath: tt.base,
				Jellyfin: []jellyfintest.Option{jellyfintest.Version(tt.release)},
			})
			s.Jellyfin.AddUser("alice", "wonderland")
			b := openBrowser(t, s, host{})
			app := &codes{secret: b.enrols(t)}
			b.confirms(t, app)
			b.isHome(t, s, "alice")
			b.isItself(t, s)
			b.signsOut(t, s)

			code := app.next(t)
			b.signIn("alice", "wonderland", code)
			b.isHome(t, s, "alice")
			b.isItself(t, s)
			b.signsOut(t, s)

			b.signIn("alice", "wonderland", code)
			b.isTold("#signin", "each code works only once")
			b.wasRefused("401 /sso/2fa/authenticate")
			if devices := s.Jellyfin.Devices(); len(devices) > 0 {
				t.Errorf("the spent code left %v at Jellyfin", devices)
			}
			once := []string{"200 /web/", "200 /sso/2fa/account", "303 /sso/2fa/signout", "200 /sso/2fa"}
			b.wentTo(slices.Concat([]string{"302 /", "200 /sso/2fa"}, once, once)...)
		})
	}
}

// enrols opens Jellyfin, is led to the sign-in page, signs in there without a
// second factor, and takes the secret that it is offered. What the person sees,
// what an app scans and what a link says must be the same.
func (b *browser) enrols(t *testing.T) totp.Secret {
	t.Helper()
	b.open("/")
	b.shows("#signin")
	eval[bool](b, `localStorage.setItem('jellyfin_credentials', '{"Servers":[`+elsewhere+`]}'), true`)
	b.isAccessible()

	b.signIn("alice", "wonderland", "")
	b.shows("#offer")
	b.wasRefused("401 /sso/2fa/authenticate")
	b.isAccessible()
	b.click("#offer-accept")
	b.shows("#scan")
	b.isAccessible()
	return b.scans(t)
}

// scans reads the picture, the key and the link on the page.
func (b *browser) scans(t *testing.T) totp.Secret {
	t.Helper()
	b.until(`document.querySelector('[data-qr]').naturalWidth > 0`)
	scanned := decodeQR(t, eval[string](b, `document.querySelector('[data-qr]').src`))
	link := eval[string](b, `document.querySelector('[data-uri]').href`)
	groups := eval[[]string](b, `Array.from(document.querySelectorAll('[data-key] span'), function (s) { return s.innerText })`)
	if scanned != link {
		t.Errorf("the picture says %q, the link %q", scanned, link)
	}
	if slices.ContainsFunc(groups, func(g string) bool { return len(g) != 4 }) {
		t.Errorf("the key is shown as %q, not in groups of four", groups)
	}
	u, err := url.Parse(scanned)
	if err != nil {
		t.Fatal(err)
	}
	if got := u.Query().Get("secret"); got != strings.Join(groups, "") {
		t.Errorf("the picture holds %q, the page shows %q", got, groups)
	}
	secret, err := totp.ParseSecret(u.Query().Get("secret"))
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" {
		t.Fatalf("scanned %q: %v", scanned, err)
	}
	return secret
}

// decodeQR reads a picture as a phone's camera does.
func decodeQR(t *testing.T, src string) string {
	t.Helper()
	data, ok := strings.CutPrefix(src, "data:image/png;base64,")
	if !ok {
		t.Fatalf("the picture is %.60q, no PNG on the page itself", src)
	}
	raw, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		t.Fatal(err)
	}
	// Without the hint the decoder looks for the code in a photograph, and does
	// not find one in a hundred drawn ones.
	drawn := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true}
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, drawn)
	if err != nil {
		t.Fatal(err)
	}
	return result.GetText()
}

// confirms types a wrong code first, and is told so on the same page.
func (b *browser) confirms(t *testing.T, app *codes) {
	t.Helper()
	wrong := app.secret.At(time.Now().Add(time.Hour)).Digits()
	b.fill("#confirm-code", wrong)
	b.click("#confirm-form button[type=submit]")
	b.isTold("#scan", "This code is not right")
	b.wasRefused("400 /sso/2fa/confirm")
	b.until(`document.activeElement.id === 'confirm-code' && document.activeElement.value === ''`)
	b.press(app.next(t))
	b.click("#confirm-form button[type=submit]")
}

// isTold waits for words in the message line of a panel, which screen readers
// read out, and checks that they are shown as an error.
func (b *browser) isTold(panel, words string) {
	b.t.Helper()
	line := panel + " [data-message]"
	b.until(visible(line) + ` && document.querySelector('` + line + `').innerText.indexOf(` + quoted(words) + `) >= 0`)
	if !eval[bool](b, `document.querySelector('`+line+`').matches('[aria-live=polite][role=status] .error')`) {
		b.t.Errorf("%q is not told as an error, or not aloud", words)
	}
}

// isHome checks that jellyfin-web is open, knows who is signed in, and has live
// updates.
func (b *browser) isHome(t *testing.T, s *stage.Stage, name string) {
	t.Helper()
	b.until(`document.body.dataset.state === 'home' && document.querySelector('#home').dataset.user === ` + quoted(name))
	if err := s.Jellyfin.AwaitSockets(b.ctx, 1); err != nil {
		t.Fatalf("no WebSocket came: %v", err)
	}
	b.until(`document.querySelector('#home').dataset.socket === 'open'`)
	if got, want := eval[string](b, `location.href`), b.home+"/web/#/home"; got != want {
		t.Errorf("home is at %q, want %q", got, want)
	}
	if got := eval[string](b, whoIsStored); got != name {
		t.Errorf("the stored token is %q's, want %q's", got, name)
	}
	cookie, ok := b.cookie(session.SecureCookieName)
	if !ok || !cookie.Secure || !cookie.HTTPOnly || cookie.SameSite != network.CookieSameSiteLax || cookie.Path != "/" {
		t.Errorf("cookie %+v", cookie)
	}
}

// isItself checks that Jellyfin knows the token as this very browser's, and that
// other servers' entries are still in jellyfin-web's record.
func (b *browser) isItself(t *testing.T, s *stage.Stage) {
	t.Helper()
	devices := s.Jellyfin.Devices()
	id := eval[string](b, `localStorage.getItem('_deviceId2')`)
	if len(devices) != 1 || devices[0].ID != id || devices[0].Client != "Jellyfin Web" || devices[0].Name != "Chrome" {
		t.Errorf("devices at Jellyfin: %+v, want Jellyfin Web on Chrome with id %s", devices, id)
	}
	if others := eval[string](b, `JSON.stringify(JSON.parse(localStorage.jellyfin_credentials).Servers.slice(1))`); others != "["+elsewhere+"]" {
		t.Errorf("other servers' entries are now %s", others)
	}
}

// whoIsStored asks Jellyfin whose the token is that stands first in
// jellyfin-web's record.
const whoIsStored = `(function (entry) {
	return fetch(entry.ManualAddress + '/Users/Me', { headers: { Authorization: 'MediaBrowser Token="' + entry.AccessToken + '"' } })
		.then(function (answer) { return answer.ok ? answer.json() : { Name: 'nobody: ' + answer.status }; })
		.then(function (user) { return user.Name; });
})(JSON.parse(localStorage.jellyfin_credentials).Servers[0])`

// signsOut goes through our own account page. Nothing may be left at Jellyfin.
func (b *browser) signsOut(t *testing.T, s *stage.Stage) {
	t.Helper()
	b.open("/sso/2fa/account")
	b.shows("#account")
	b.isAccessible()
	b.click("#signout-form button")
	b.shows("#signin")
	if tokens := s.Jellyfin.LiveTokens(); len(tokens) > 0 {
		t.Errorf("tokens live on after signing out: %v", tokens)
	}
	if _, ok := b.cookie(session.SecureCookieName); ok {
		t.Error("the cookie stays after signing out")
	}
	stored := eval[[]map[string]any](b, `JSON.parse(localStorage.jellyfin_credentials).Servers`)
	if len(stored) != 2 || stored[0]["AccessToken"] != nil || stored[1]["AccessToken"] != "theirs" {
		t.Errorf("stored after signing out: %v", stored)
	}
}

// codes hands out the codes that an app shows, each once: the current one
// first, then the next, which is good already. Both stay good while a test types
// them, also when the app turns to another meanwhile.
type codes struct {
	secret totp.Secret
	spent  totp.Step
}

func (c *codes) next(t *testing.T) string {
	t.Helper()
	now := totp.StepAt(time.Now())
	if c.spent > now {
		t.Fatal("all codes that are valid now are used up")
	}
	c.spent = max(c.spent+1, now)
	return c.secret.At(timeOf(c.spent)).Digits()
}
