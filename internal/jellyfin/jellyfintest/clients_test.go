package jellyfintest

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Real clients, replayed from their first request to their last: each answer has
// the status that the real server gave.
func TestRealClientsGetWhatTheyGot(t *testing.T) {
	perRelease(t, func(t *testing.T, r Release) {
		transcripts := Transcripts(r)
		if len(transcripts) != 3 {
			t.Errorf("%d transcripts, want 3", len(transcripts))
		}
		for _, transcript := range transcripts {
			t.Run(transcript.Client, func(t *testing.T) {
				c := newCast(t, r)
				c.replayClient(t, transcript.Requests)
			})
		}
	})
}

func (c *cast) replayClient(t *testing.T, requests []ClientRequest) {
	t.Helper()
	etag := ""
	for i, req := range requests {
		names := Names(c.alice, c.names["{{token}}"])
		for name, value := range c.names {
			names[name] = value
		}
		fill := func(text string) string {
			for name, value := range names {
				text = strings.ReplaceAll(text, name, value)
			}
			return text
		}
		headers := slices.Clone(visitor)
		for _, h := range req.Headers {
			switch {
			case strings.EqualFold(h[0], "If-None-Match"):
				h[1] = etag
			case strings.EqualFold(h[0], "Content-Length"), strings.EqualFold(h[0], "Accept-Encoding"):
				continue
			}
			headers = append(headers, [2]string{h[0], fill(h[1])})
		}
		if req.Upgrade {
			headers = append(headers, handshake...)
		}
		got := send(t, c.s, req.Method, fill(req.Target), headers, fill(req.Body))
		if got.status != req.Status {
			t.Errorf("%d: %s %s: %d, recorded %d", i, req.Method, req.Target, got.status, req.Status)
		}
		if req.Path() == "/web/" {
			etag = got.header.Get("ETag")
		}
		var result struct{ AccessToken, Secret, Code string }
		if json.Unmarshal([]byte(got.body), &result) != nil {
			continue
		}
		if strings.HasSuffix(strings.ToLower(req.Target), "authenticatebyname") {
			c.names["{{token}}"] = result.AccessToken
		}
		if req.Path() == "/QuickConnect/Initiate" {
			c.names[next(requests[i:], "secret=")] = result.Secret
			c.names[next(requests[i:], "code=")] = result.Code
		}
	}
}

// next returns what follows a mark in the first target that has it.
func next(requests []ClientRequest, mark string) string {
	for _, req := range requests {
		if _, after, ok := strings.Cut(req.Target, mark); ok {
			return after
		}
	}
	return mark
}

// Whatever an app that hosts jellyfin-web, or a native client, asks with a token
// that works is answered. The exceptions are what a real server refuses, too:
// pages that it does not have, double slashes, what 12 removed, and a playlist
// without the media source that a server's own address for it would carry.
func TestAppsAreAnswered(t *testing.T) {
	refused := map[string]int{
		"/sso/2fa": http.StatusNotFound, "/sso/2fa/System/Info/Public": http.StatusNotFound, "//System/Info/Public": http.StatusNotFound,
		"//audio/{{song.id}}/stream.mp3": http.StatusNotFound, "/Streamyfin/config": http.StatusNotFound,
		"/videos/{{movie.id}}/master.m3u8?DeviceId={{device}}&ApiKey={{token}}": http.StatusBadRequest,
	}
	perRelease(t, func(t *testing.T, r Release) {
		refused := maps.Clone(refused)
		if r == V12 {
			refused["/emby/System/Info/Public"] = http.StatusNotFound
			refused["GET /QuickConnect/Initiate"] = http.StatusMethodNotAllowed
		}
		s := Start(t, Version(r), LegacyAuthorization(true))
		s.SetBranding(Branding{SplashscreenEnabled: true})
		u := s.AddUser("alice", "wonderland", Admin)
		var all []NativeRequest
		for _, a := range AppRequests() {
			all = append(all, NativeRequest{Client: a.App, Step: a.Step, Method: a.Method, Target: a.Target, Headers: a.Headers})
		}
		for _, req := range append(all, NativeRequests()...) {
			names := Names(u, s.Issue(u.ID, Device{ID: "device-0", Name: "n", Client: "c", Version: "1"}).Value)
			names["{{quick.secret}}"] = authorised(t, s, names["{{token}}"])
			names["{{password}}"] = "wonderland"
			fill := func(text string) string {
				for name, value := range names {
					text = strings.ReplaceAll(text, name, value)
				}
				return text
			}
			headers := slices.Clone(visitor)
			for _, h := range req.Headers {
				if !slices.Contains([]string{"connection", "upgrade", "content-length"}, strings.ToLower(h[0])) && !strings.HasPrefix(strings.ToLower(h[0]), "sec-websocket") {
					headers = append(headers, [2]string{h[0], fill(h[1])})
				}
			}
			path, _, _ := strings.Cut(req.Target, "?")
			if strings.EqualFold(path, "/socket") {
				headers = append(headers, handshake...)
			}
			body := req.Body
			if req.Method == http.MethodPost && body == "" {
				body = `{"Username":"{{user.name}}","Pw":"{{password}}"}`
				if !slices.ContainsFunc(headers, func(h [2]string) bool { return strings.EqualFold(h[0], "Content-Type") }) {
					headers = append(headers, [2]string{"Content-Type", "application/json"})
				}
			}
			got := send(t, s, req.Method, fill(req.Target), headers, fill(body))
			want := cmp.Or(refused[path], refused[req.Target], refused[req.Method+" "+path])
			if strings.HasPrefix(req.Step, "AUTOMATIC sign-in with an EMPTY password") {
				want = http.StatusUnauthorized
			}
			if got.status == want || want == 0 && got.status < 400 {
				continue
			}
			t.Errorf("%s: %s: %s %s: %d %.200s", req.Client, req.Step, req.Method, req.Target, got.status, got.body)
		}
	})
}

// authorised makes a Quick Connect secret that can be redeemed.
func authorised(t *testing.T, s *Server, token string) string {
	t.Helper()
	var q quickDTO
	got := send(t, s, "POST", "/QuickConnect/Initiate", [][2]string{{"Authorization", `MediaBrowser Client="c", Device="d", DeviceId="quick", Version="1"`}}, "")
	if err := json.Unmarshal([]byte(got.body), &q); err != nil {
		t.Fatal(err)
	}
	if got := send(t, s, "POST", "/QuickConnect/Authorize?code="+q.Code+"&ApiKey="+token, nil, ""); got.status != http.StatusOK {
		t.Fatalf("authorise: %d %s", got.status, got.body)
	}
	return q.Secret
}

func TestTablesOfAppsAreRead(t *testing.T) {
	apps, native := AppRequests(), NativeRequests()
	if len(apps) != 65 || len(native) != 231 {
		t.Errorf("%d and %d requests, want 65 and 231", len(apps), len(native))
	}
	if !slices.ContainsFunc(apps, func(r AppRequest) bool { return r.Method == http.MethodHead && r.Target == "/" }) {
		t.Error("no app asks HEAD /")
	}
	if !slices.ContainsFunc(native, func(r NativeRequest) bool {
		return strings.HasPrefix(r.Target, "/quickconnect") || r.Client == "jellyfin-androidtv"
	}) {
		t.Error("no native client is Android TV")
	}
}
