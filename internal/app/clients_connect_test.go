package app_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
)

// callsItself is what clients that have Quick Connect say of themselves, app and
// device, read by a person from their headers: some leave the quotes out, encode
// their spaces, or write them as plus signs.
var callsItself = map[string][2]string{
	"jellyfin-androidtv":      {"Jellyfin for Android TV", "Living Room TV"},
	"findroid":                {"Findroid", "Pixel 9"},
	"wholphin":                {"Wholphin", "Shield"},
	"swiftfin":                {"Swiftfin iOS", "iPhone"},
	"jellyfin-roku":           {"Jellyfin Roku", "Living Room (Roku Ultra)"},
	"streamyfin":              {"Streamyfin", "iOS"},
	"finamp (redesign, beta)": {"Finamp", "Pixel 9"},
	"jellyfin-kodi":           {"Kodi", "Living Room"},
	"jellycon":                {"Kodi JellyCon", "JellyCon"},
	"jellyfin-mpv-shim":       {"Jellyfin MPV Shim", "desktop"},
	"fladder":                 {"Fladder", "Android"},
	"moonfin":                 {"Moonfin", "Pixel 9"},
	"webos":                   {"Jellyfin for WebOS", "LG Smart TV"},
	"jellyfin-web":            {"Jellyfin Web", "Chrome"},
	anyApp:                    {"An app", "A device"},
}

// anyApp asks for a code where a client does not do so itself.
const anyApp = "an app"

// initiate begins a Quick Connect at both places, for clients that cannot.
func (p *pair) initiate(t *testing.T) {
	t.Helper()
	p.step(t, asked{
		client: anyApp, step: "quick connect", method: http.MethodPost, target: "/QuickConnect/Initiate",
		headers: [][2]string{{"Authorization", `MediaBrowser Client="An app", Device="A device", DeviceId="device-0", Version="1.0"`}},
	})
}

// authorize lets the user say yes to the last Quick Connect: here on our page,
// at a bare Jellyfin in an app.
func (p *pair) authorize(t *testing.T) {
	t.Helper()
	if p.waits == nil {
		t.Fatal("no Quick Connect waits")
	}
	p.allowOnOurPage(t, callsItself[p.waits.client])
	p.allowed(t)
	p.waits = nil
	phone := newSite(p.bare.jellyfin, p.bare.user, direct(t, p.bare.jellyfin, phoneAddr))
	phone.rename(p.bare.jellyfin.Issue(p.bare.user.ID, jellyfintest.Device{ID: "phone", Name: "Phone", Client: "An app", Version: "1.0"}).Value)
	r := phone.ask(t, asked{method: http.MethodPost, target: "/QuickConnect/Authorize?code=" + p.bare.quickCode, headers: [][2]string{{"Authorization", `MediaBrowser Token="{{token}}"`}}})
	if r.status != http.StatusOK {
		t.Fatalf("authorize quick connect %s: %d %s", p.bare.quickCode, r.status, r.body)
	}
}

// phoneAddr is another network than any client's.
var phoneAddr = netip.MustParseAddr("192.0.2.77")

// allowOnOurPage signs the user in in a browser elsewhere, if that was not done
// yet, and allows the digits that the client shows. The page says who asks, in
// the client's own words.
func (p *pair) allowOnOurPage(t *testing.T, who [2]string) {
	t.Helper()
	phone := p.here.browser
	if phone == nil || phone.name != p.here.user.Name {
		phone = visiting(t, p.here.user.Name, p.phone)
		phone.device = "a phone"
		phone.enrol(t)
		p.here.browser = phone
	}
	elsewhere := *phone.http
	elsewhere.Transport = p.phone
	hand := accountHolder{person: &person{base: phone.base, http: &elsewhere}}
	code := map[string]any{"Code": p.here.quickCode[:3] + " " + p.here.quickCode[3:]}
	status, asks := hand.do(t, "connect/look", code)
	if status != http.StatusOK || asks["Known"] != true || asks["SameNetwork"] != false || fmt.Sprint(asks["Network"]) != p.addr.String() {
		t.Errorf("%s: the page says %d %v, want a device that asks from %s", p.waits, status, asks, p.addr)
	}
	if asks["App"] != who[0] || asks["Device"] != who[1] {
		t.Errorf("%s: the page says that %q on %q asks, want %q", p.waits, asks["App"], asks["Device"], who)
	}
	if status, answer := hand.do(t, "connect/allow", code); status != http.StatusOK {
		t.Errorf("%s: allow on the page: %d %v", p.waits, status, answer)
	}
}

// allowed polls as the client does, and wants to hear that it was allowed.
func (p *pair) allowed(t *testing.T) {
	t.Helper()
	poll := *p.waits
	poll.step, poll.method, poll.target, poll.body = "poll", http.MethodGet, "/QuickConnect/Connect?secret={{quick.secret}}", ""
	if got := p.here.ask(t, poll); got.status != http.StatusOK || got.field(t, "Authenticated") != true {
		t.Errorf("%s: after it was allowed: %d %s", poll, got.status, got.body)
	}
}

// finish goes on where a client's script does not: a code that it shows is
// allowed, and it comes for its token.
func (p *pair) finish(t *testing.T) {
	t.Helper()
	if p.waits == nil || p.waits.client == anyApp {
		return
	}
	a := *p.waits
	a.step, a.method, a.target, a.body = "finish", http.MethodPost, "/Users/AuthenticateWithQuickConnect", `{"Secret":"{{quick.secret}}"}`
	a.headers = append([][2]string{{"Content-Type", "application/json"}}, a.headers...)
	if got := p.step(t, a); got.status != http.StatusOK || got.field(t, "AccessToken") == nil {
		t.Errorf("%s: %d %.200s", a, got.status, got.body)
	}
}

// oddNames are headers of devices whose owners have given them names.
var oddNames = []struct {
	name, header string
	who          [2]string
}{
	{"an emoji", `MediaBrowser Client="Jellyfin 📺", Device="Mum’s 📱", DeviceId="odd", Version="1"`, [2]string{"Jellyfin 📺", "Mum’s 📱"}},
	{"an encoded emoji", `MediaBrowser Client="Jellyfin%20%F0%9F%93%BA", Device="Mum%E2%80%99s%20%F0%9F%93%B1", DeviceId="odd", Version="1"`, [2]string{"Jellyfin 📺", "Mum’s 📱"}},
	{"without quotes", `MediaBrowser Client=K%C3%B6di, Device=Sal%C3%B3n+1, DeviceId=odd, Version=1`, [2]string{"Ködi", "Salón 1"}},
	{"a comma and an equals sign", `MediaBrowser Client="App, Version=2", Device="TV = big, black", DeviceId="odd", Version="1"`, [2]string{"App, Version=2", "TV = big, black"}},
	{"markup", `MediaBrowser Client="<b>Jellyfin</b>", Device="%3Cimg src=x onerror=alert(1)%3E", DeviceId="odd", Version="1"`, [2]string{"<b>Jellyfin</b>", "<img src=x onerror=alert(1)>"}},
}

// connectsWithOddNames signs a device in that calls itself in each odd way.
func (w *world) connectsWithOddNames(t *testing.T, addr netip.Addr) {
	t.Helper()
	p := w.pair(t, addr)
	for _, odd := range oddNames {
		p.step(t, asked{client: odd.name, step: "quick connect", method: http.MethodPost, target: "/QuickConnect/Initiate", headers: [][2]string{{"Authorization", odd.header}}})
		p.allowOnOurPage(t, odd.who)
		p.allowed(t)
		got := p.here.ask(t, asked{
			client: odd.name, step: "finish", method: http.MethodPost, target: "/Users/AuthenticateWithQuickConnect", body: `{"Secret":"{{quick.secret}}"}`,
			headers: [][2]string{{"Authorization", odd.header}, {"Content-Type", "application/json"}},
		})
		if client := got.part(t, "SessionInfo.Client"); got.status != http.StatusOK || client != odd.who[0] {
			t.Errorf("%s: %d for %q", odd.name, got.status, client)
		}
	}
}

// asksForCode tells whether a request begins a Quick Connect.
func asksForCode(a asked) bool { return strings.HasSuffix(a.path(), "/quickconnect/initiate") }
