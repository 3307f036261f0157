package jellyfintest

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Who the visitor is taken for: the header counts only from a known proxy, and
// anything but an address in it leaves the proxy, which is at home.
func TestWhoTheVisitorIsTakenFor(t *testing.T) {
	tests := []struct {
		name       string
		proxies    []Option
		forwarded  []string
		local, lan bool
	}{
		{"nothing", nil, nil, true, true},
		{"a visitor", nil, []string{"203.0.113.9"}, false, false},
		{"a port", nil, []string{"203.0.113.9:4711"}, false, false},
		{"IPv6", nil, []string{"2001:db8::1"}, false, false},
		{"IPv6 with a port", nil, []string{"[2001:db8::1]:80"}, false, false},
		{"garbage", nil, []string{"garbage"}, true, true},
		{"garbage before a visitor", nil, []string{"garbage, 203.0.113.9"}, false, false},
		{"garbage after a visitor", nil, []string{"203.0.113.9, garbage"}, true, true},
		{"a claim before the visitor", nil, []string{"10.0.0.5, 203.0.113.9"}, false, false},
		{"two headers", nil, []string{"10.0.0.5", "203.0.113.9"}, false, false},
		{"a private address", nil, []string{"10.0.0.5"}, false, true},
		{"a loopback address", nil, []string{"127.0.0.1"}, true, true},
		{"an unknown proxy", []Option{KnownProxies()}, []string{"203.0.113.9"}, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, tt.proxies...)
			token := s.Issue(s.AddUser("alice", "x").ID, Device{ID: "d"}).Value
			headers := [][2]string{{"Authorization", "MediaBrowser Token=" + token}}
			for _, f := range tt.forwarded {
				headers = append(headers, [2]string{"X-Forwarded-For", f})
			}
			var got struct{ IsLocal, IsInNetwork bool }
			a := send(t, s, "GET", "/System/Endpoint", headers, "")
			if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.IsLocal != tt.local || got.IsInNetwork != tt.lan {
				t.Errorf("%s (%v), want local %v, in network %v", a.body, err, tt.local, tt.lan)
			}
		})
	}
}

func TestRestartIsForThoseAtHome(t *testing.T) {
	known, unknown := Start(t), Start(t, KnownProxies())
	if got := send(t, known, "POST", "/System/Restart", visitor, ""); got.status != http.StatusUnauthorized || known.Restarts() != 0 {
		t.Errorf("a stranger: %d, %d restarts", got.status, known.Restarts())
	}
	if got := send(t, unknown, "POST", "/System/Restart", visitor, ""); got.status != http.StatusNoContent || unknown.Restarts() != 1 {
		t.Errorf("a stranger behind an unknown proxy: %d, %d restarts", got.status, unknown.Restarts())
	}
}

func TestBaseURL(t *testing.T) {
	tests := []struct {
		release  Release
		target   string
		action   string
		location string
	}{
		{V10_11, "/jellyfin/Users/AuthenticateByName", "UserController.AuthenticateUserByName", ""},
		{V10_11, "/JELLYFIN/users/authenticatebyname/", "UserController.AuthenticateUserByName", ""},
		{V10_11, "/jellyfin/emby/Users/%2541uthenticateByName", "UserController.AuthenticateUserByName", ""},
		{V12, "/jellyfin/emby/Users/AuthenticateByName", none, ""},
		{V10_11, "/jellyfin/x/../../jellyfin/Users/AuthenticateByName", "UserController.AuthenticateUserByName", ""},
		{V10_11, "/emby/jellyfin/Users/AuthenticateByName", none, "../../../jellyfin/web/"},
		{V10_11, "/Users/AuthenticateByName", none, "../jellyfin/web/"},
		{V10_11, "/jellyfinUsers/AuthenticateByName", none, ""},
		{V12, "/", none, "jellyfin/web/"},
		{V12, "/jellyfin", none, "jellyfin/web/"},
		{V12, "/jellyfin/", none, "web/"},
		{V12, "/web/", none, "../jellyfin/web/"},
		{V12, "/health", none, "/jellyfin/health"},
		{V12, "/jellyfin/web", none, "https://127.0.0.1/jellyfin/web/"},
	}
	for _, tt := range tests {
		s := Start(t, Version(tt.release), BaseURL("/jellyfin"))
		method := "POST"
		if strings.HasSuffix(tt.target, "/web") {
			method = "GET"
		}
		got := send(t, s, method, tt.target, visitor, "")
		if s.Count(tt.action) != 1 || got.header.Get("Location") != tt.location {
			t.Errorf("%s: reached %v, Location %q, want %s and %q", tt.target, s.Calls(), got.header.Get("Location"), tt.action, tt.location)
		}
	}
}

func TestTokensAreOnePerUserAndDevice(t *testing.T) {
	s := New()
	alice, bob := s.AddUser("alice", "a"), s.AddUser("bob", "b")
	works := func(token Token) bool {
		status, _ := serveOnce(t, s, "GET", "/Users/Me", http.Header{"Authorization": {"MediaBrowser Token=" + token.Value}})
		return status == http.StatusOK
	}
	first := s.Issue(alice.ID, Device{ID: "Same"})
	otherCase := s.Issue(alice.ID, Device{ID: "same"})
	other := s.Issue(bob.ID, Device{ID: "Same"})
	if !works(first) || !works(otherCase) || !works(other) {
		t.Error("a device id in another case, or another user's, ended a token")
	}
	second := s.Issue(alice.ID, Device{ID: "Same"})
	if works(first) || !works(second) || !works(otherCase) || !works(other) {
		t.Error("a second sign-in on a device did not end exactly the first")
	}
	if got := len(s.Devices()); got != 3 {
		t.Errorf("%d devices, want 3", got)
	}
	s.SetUser(alice.ID, func(u *User) { u.Disabled = true })
	if works(second) || works(otherCase) || !works(other) {
		t.Error("disabling a user did not end exactly that user's tokens")
	}
	s.SetUser(alice.ID, func(u *User) { u.Disabled = false })
	if works(second) {
		t.Error("a token that was ended came back")
	}
}

func TestManySignInsAtOnceLeaveOneToken(t *testing.T) {
	s := Start(t)
	s.AddUser("alice", "wonderland")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			send(t, s, "POST", "/Users/AuthenticateByName", [][2]string{
				{"Content-Type", "application/json"}, {"Authorization", `MediaBrowser Client="c", Device="d", DeviceId="i", Version="1"`},
			}, `{"Username":"alice","Pw":"wonderland"}`)
		})
	}
	wg.Wait()
	if got := len(s.LiveTokens()); got != 1 {
		t.Errorf("%d tokens live, want 1", got)
	}
	if got := s.Count("UserController.AuthenticateUserByName"); got != 20 {
		t.Errorf("counted %d sign-ins, want 20", got)
	}
}

func TestPasswordsTakeTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(PasswordDelays(3*time.Millisecond, 130*time.Millisecond))
		s.AddUser("alice", "wonderland")
		for body, want := range map[string]time.Duration{
			`{"Username":"nobody","Pw":"x"}`:         3 * time.Millisecond,
			`{"Username":"alice","Pw":"x"}`:          130 * time.Millisecond,
			`{"Username":"alice","Pw":"wonderland"}`: 130 * time.Millisecond,
			`{"Username":""}`:                        0,
		} {
			r := httptest.NewRequest("POST", "/Users/AuthenticateByName", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", `MediaBrowser Client="c", Device="d", DeviceId="i", Version="1"`)
			start := time.Now()
			s.ServeHTTP(httptest.NewRecorder(), r)
			if got := time.Since(start); got != want {
				t.Errorf("%s took %v, want %v", body, got, want)
			}
		}
	})
}

// sink throws a body away.
type sink struct{ header http.Header }

func (w *sink) Header() http.Header         { return w.header }
func (w *sink) WriteHeader(int)             {}
func (w *sink) Write(b []byte) (int, error) { return len(b), nil }

func TestAFilmOfAnySizeCostsNoMemory(t *testing.T) {
	const size = 8 << 30
	s := Start(t, VideoSize(size))
	const target = "/Videos/" + MovieID + "/stream?static=true"
	for _, from := range []string{"0-15", "4294967291-4294967310", "8589934580-", "-7"} {
		got := send(t, s, "GET", target, [][2]string{{"Range", "bytes=" + from}}, "")
		start, _, _ := byteRange("bytes="+from, size)
		if got.status != http.StatusPartialContent || got.body == "" {
			t.Fatalf("%s: %d, %d bytes", from, got.status, len(got.body))
		}
		for i := range len(got.body) {
			if got.body[i] != FilmByte(start+int64(i)) {
				t.Fatalf("%s: byte %d is %x, want %x", from, start+int64(i), got.body[i], FilmByte(start+int64(i)))
			}
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := &http.Request{Method: "GET", RequestURI: target, URL: &url.URL{}, Header: http.Header{"Range": {"bytes=0-268435455"}}, Body: http.NoBody}
	s.ServeHTTP(&sink{http.Header{}}, r)
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("256 MB took %d bytes of memory", used)
	}
}

func TestPluginsAreOpenToAnybody(t *testing.T) {
	s := New()
	for _, on := range []bool{false, true} {
		s.SetPlugins(on)
		for target, action := range map[string]string{"/opds": "Plugin.Opds", "/OPDS/books/": "Plugin.Opds", "/sso/OID/Auth/x": "Plugin.Sso", "/%73so/2fa/authenticate": "Plugin.Sso", "/opdsx": none, "//opds": none} {
			want, status := action, http.StatusOK
			if !on || action == none {
				want, status = none, http.StatusNotFound
			}
			if got, reached := serveOnce(t, s, "POST", target, nil); reached != want || got != status {
				t.Errorf("plugins %v: %s reached %s (%d), want %s (%d)", on, target, reached, got, want, status)
			}
		}
	}
}

func TestAnswersArePackedOnDemand(t *testing.T) {
	s := Start(t)
	s.SetBranding(Branding{LoginDisclaimer: "Hello"})
	for _, target := range []string{"/Branding/Configuration", "/web/", "/Branding/Css"} {
		plain := send(t, s, "GET", target, [][2]string{{"Accept-Encoding", "gzip;q=0, br"}}, "")
		packed := send(t, s, "GET", target, [][2]string{{"Accept-Encoding", "br, gzip"}}, "")
		if plain.header.Get("Content-Encoding") != "" || packed.header.Get("Content-Encoding") != "gzip" {
			t.Fatalf("%s: encodings %q and %q", target, plain.header.Get("Content-Encoding"), packed.header.Get("Content-Encoding"))
		}
		z, err := gzip.NewReader(strings.NewReader(packed.body))
		if err != nil {
			t.Fatal(err)
		}
		if unpacked, err := io.ReadAll(z); err != nil || string(unpacked) != plain.body {
			t.Errorf("%s: unpacked %q, want %q (%v)", target, unpacked, plain.body, err)
		}
	}
}

func TestDocumentsAreConditional(t *testing.T) {
	s := Start(t)
	first := send(t, s, "GET", "/web/", nil, "")
	etag := first.header.Get("ETag")
	for _, target := range []string{"/web/", "/WEB/index.html", "/emby/web/"} {
		again := send(t, s, "GET", target, [][2]string{{"If-None-Match", etag}}, "")
		if again.status != http.StatusNotModified || again.header.Get("ETag") != etag || again.body != "" {
			t.Errorf("%s: %d, ETag %q, %d bytes", target, again.status, again.header.Get("ETag"), len(again.body))
		}
	}
	if head := send(t, s, "HEAD", "/web/", nil, ""); head.status != http.StatusOK || head.header.Get("Content-Length") == "" {
		t.Errorf("HEAD: %d %v", head.status, head.header)
	}
	if post := send(t, s, "POST", "/web/", nil, ""); post.status != http.StatusNotFound {
		t.Errorf("POST: %d, want 404", post.status)
	}
}

func TestRefusalsCarryCORS(t *testing.T) {
	s := Start(t)
	origin := [][2]string{{"Origin", "https://elsewhere.example"}}
	for target, status := range map[string]int{"/Users/Me": 401, "/nowhere": 404, "/embyUsers/Me": 400, "/": 302} {
		got := send(t, s, "GET", target, origin, "")
		want := "*"
		if target == "/" {
			want = "" // redirected before that step
		}
		if allow := got.header.Get("Access-Control-Allow-Origin"); got.status != status || allow != want {
			t.Errorf("%s: %d, Access-Control-Allow-Origin %q", target, got.status, allow)
		}
	}
}

func TestRequestsAreKeptOnDemand(t *testing.T) {
	s := Start(t)
	send(t, s, "GET", "/System/Ping", nil, "")
	if got := s.Requests(); len(got) != 0 {
		t.Errorf("kept %v without being asked to", got)
	}
	s.Record()
	send(t, s, "pOsT", "/emby/%53ystem/Ping?a=%2f", [][2]string{{"X-Test", "1"}}, "")
	got := s.Requests()
	if len(got) != 1 || got[0].Method != "pOsT" || got[0].Target != "/emby/%53ystem/Ping?a=%2f" || got[0].Header.Get("X-Test") != "1" || got[0].Action != "SystemController.PingSystem" || got[0].Host != "127.0.0.1" {
		t.Errorf("kept %+v", got)
	}
	s.Reset()
	if len(s.Requests()) != 0 || len(s.Calls()) != 0 {
		t.Error("Reset left something")
	}
}
