package app_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
)

// sdkFolder holds the real SDK, fetched as package-lock.json pins it, and the
// script that drives it.
const sdkFolder = "testdata/sdk"

// journey is a client's way from its first look at the server to its log-out;
// drive.mjs says what the fields mean.
type journey struct {
	SDK    string `json:"sdk"`
	Device string `json:"device"`
	Way    string `json:"way"`

	Token    string `json:"token,omitempty"`
	Name     string `json:"name,omitempty"`
	Password string `json:"password,omitempty"`

	user jellyfintest.User
	// phone is the browser in which the user allows a code, or nil for an app
	// with a token.
	phone *person
}

// stepTold is one line that the script writes.
type stepTold struct {
	Journey, Step   string
	Server, Product string
	User, Token     string
	Code            string
	Enabled         bool
	Status, Films   int
	Film            string
	Statuses        []int
}

// TestTheRealSDKs drives @jellyfin/sdk of both generations in Node, as published,
// through the tunnel: a look at the server, every way to sign in, the list of
// films, the socket with a message on it, reports of playing, and the log-out,
// after which token and socket are dead.
func TestTheRealSDKs(t *testing.T) {
	node := nodeWithSDK(t)
	const before12 = "api_key" // what apps of the older SDK's time use
	perTunnel(t, func(t *testing.T, release jellyfintest.Release, s *stage.Stage) {
		parameter := before12
		if release == jellyfintest.V12 {
			parameter = "ApiKey"
		}
		driveSDKs(t, s, node, parameter, "0.12.0", "1.0.0")
	})
	otherwiseSet(t, func(t *testing.T, _ jellyfintest.Release, s *stage.Stage) {
		driveSDKs(t, s, node, before12, "0.12.0")
	})
}

// driveSDKs goes every way in with each SDK.
func driveSDKs(t *testing.T, s *stage.Stage, node, parameter string, sdks ...string) {
	t.Helper()
	d := &drive{stage: s, journeys: map[string]journey{}}
	for _, sdk := range sdks {
		for _, way := range d.ways(t, sdk) {
			way.SDK = sdk
			d.journeys[way.Device] = way
			d.order = append(d.order, way)
		}
	}
	d.run(t, node, parameter)
}

// nodeWithSDK returns the path of Node, and fails when it or the SDK is not
// there: a test that passed without them would show nothing.
func nodeWithSDK(t *testing.T) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("Node is needed (20 or later); scripts/test installs it on Debian")
	}
	for _, module := range []string{"jellyfin-sdk-0", "jellyfin-sdk-1", "axios", "ws"} {
		if _, err := os.Stat(filepath.Join(sdkFolder, "node_modules", module, "package.json")); err != nil {
			t.Fatalf("the module %s is needed: run npm ci --ignore-scripts in internal/app/%s, as scripts/test does", module, sdkFolder)
		}
	}
	return node
}

// drive is one run of the script.
type drive struct {
	stage    *stage.Stage
	order    []journey
	journeys map[string]journey // by device
	heard    map[string][]string
	tokens   map[string]string
}

// ways are all ways in which a user with that SDK can come to a token. What the
// user does in a browser happens through the tunnel as well.
func (d *drive) ways(t *testing.T, sdk string) []journey {
	t.Helper()
	server := d.stage.Jellyfin
	user := server.AddUser("user of "+sdk, "wonderland")
	browser := visiting(t, user.Name, through(d.stage.Edge, netip.MustParseAddr("192.0.2.78")))
	browser.device = "browser, " + sdk // of its own: Jellyfin keeps one token for a user and a device
	browser.enrol(t)
	token := server.Issue(user.ID, jellyfintest.Device{ID: "token, " + sdk, Name: "Node", Client: "SDK client", Version: sdk}).Value
	return []journey{
		{Device: "token, " + sdk, Way: "token", Token: token, user: user},
		{Device: "allowed in an app, " + sdk, Way: "quickconnect", user: user},
		{Device: "allowed in a browser, " + sdk, Way: "quickconnect", user: user, phone: browser},
		{Device: "code behind the password, " + sdk, Way: "password", Name: user.Name, Password: "wonderland" + browser.code(t), user: user},
		{Device: "app password, " + sdk, Way: "password", Name: user.Name, Password: browser.appPassword(t, "Node"), user: user},
	}
}

// appPassword makes a password for one app.
func (p *person) appPassword(t *testing.T, name string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.base+"/sso/2fa/passwords", strings.NewReader(`{"Name":"`+name+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var made struct{ Password string }
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || made.Password == "" {
		t.Fatalf("make an app password: %d, %v", resp.StatusCode, err)
	}
	return made.Password
}

// run starts the script, does what others have to do meanwhile, and looks at
// what it told.
func (d *drive) run(t *testing.T, node, parameter string) {
	t.Helper()
	d.heard, d.tokens = map[string][]string{}, map[string]string{}
	input, err := json.Marshal(map[string]any{"base": d.stage.Edge.SecureURL(), "socket": parameter, "journeys": d.order})
	if err != nil {
		t.Fatal(err)
	}
	authority := filepath.Join(t.TempDir(), "edge.pem")
	if err := os.WriteFile(authority, d.stage.Edge.CACert(), 0o600); err != nil {
		t.Fatal(err)
	}
	script := exec.CommandContext(t.Context(), node, "drive.mjs")
	script.Dir, script.Stdin = sdkFolder, bytes.NewReader(input)
	script.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+authority)
	var complaints strings.Builder
	script.Stderr = &complaints
	told, err := script.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := script.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(told)
	for lines.Scan() {
		d.hear(t, lines.Bytes())
	}
	if err := script.Wait(); err != nil {
		t.Errorf("the script: %v: %s", err, complaints.String())
	}
	d.judge(t)
}

// hear takes one step and does what it asks others to do.
func (d *drive) hear(t *testing.T, line []byte) {
	t.Helper()
	var got stepTold
	if err := json.Unmarshal(line, &got); err != nil {
		t.Errorf("the script wrote %q", line)
		return
	}
	j := d.journeys[got.Journey]
	d.heard[got.Journey] = append(d.heard[got.Journey], got.Step)
	want := stepTold{Journey: got.Journey, Step: got.Step}
	switch got.Step {
	case "public info":
		want.Server, want.Product = d.stage.Jellyfin.ServerID(), "Jellyfin Server"
	case "code":
		want.Enabled, want.Code = true, got.Code
		d.allow(t, j, got.Code)
	case "signed in":
		want.User, want.Server, want.Token = j.user.Name, d.stage.Jellyfin.ServerID(), got.Token
		d.tokens[got.Journey] = got.Token
	case "me":
		want.User = j.user.Name
	case "socket":
		d.stage.Jellyfin.Push("LibraryChanged", `{}`)
	case "played":
		want.Films, want.Film, want.Statuses = 2, "Alpha Test (2001)", []int{http.StatusNoContent, http.StatusNoContent, http.StatusNoContent}
	case "logged out":
		want.Status = http.StatusNoContent
	case "ended":
		want.Status = http.StatusUnauthorized
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s (-want +got):\n%s", got.Journey, got.Step, diff)
	}
}

// allow says yes to a code: on our page, or in an app that the user has at hand.
func (d *drive) allow(t *testing.T, j journey, code string) {
	t.Helper()
	if j.phone != nil {
		if status, a, _ := j.phone.post(t, "connect/allow", map[string]string{"Code": code}); status != http.StatusOK || !a.Ok {
			t.Errorf("allow the code in a browser: %d %s", status, a.ErrorMessage)
		}
		return
	}
	server := d.stage.Jellyfin
	phone := newSite(server, j.user, through(d.stage.Edge, netip.MustParseAddr("192.0.2.77")))
	phone.rename(server.Issue(j.user.ID, jellyfintest.Device{ID: "phone", Name: "Phone", Client: "An app", Version: "1.0"}).Value)
	got := phone.ask(t, asked{method: http.MethodPost, target: "/QuickConnect/Authorize?code=" + code, headers: [][2]string{{"Authorization", `MediaBrowser Token="{{token}}"`}}})
	if got.status != http.StatusOK {
		t.Errorf("allow the code in an app: %d %s", got.status, got.body)
	}
}

// judge looks whether all steps were taken, and whether tokens and sockets are
// gone from Jellyfin.
func (d *drive) judge(t *testing.T) {
	t.Helper()
	for _, j := range d.order {
		want := []string{"public info"}
		switch j.Way {
		case "quickconnect":
			want = append(want, "code", "signed in")
		case "password":
			want = append(want, "signed in")
		}
		want = append(want, "me", "socket", "heard", "played", "logged out", "ended")
		if diff := cmp.Diff(want, d.heard[j.Device]); diff != "" {
			t.Errorf("%s: steps (-want +got):\n%s", j.Device, diff)
		}
	}
	for _, token := range d.stage.Jellyfin.LiveTokens() {
		if _, ours := d.journeys[token.ID]; ours {
			t.Errorf("a token is left behind on the device %q", token.ID)
		}
	}
	if n := d.stage.Jellyfin.Sockets(); n != 0 {
		t.Errorf("%d sockets are left open", n)
	}
}
