package jellyfintest

import (
	"io/fs"
	"net/http"
	"strings"
)

// ClientRequest is one request of a real client, in the order in which it came.
// Names in double braces stand for ids and secrets: {{token}}, {{alice.id}}.
type ClientRequest struct {
	Method  string      `json:"method"`
	Target  string      `json:"target"`
	Headers [][2]string `json:"headers"`
	Body    string      `json:"body"`
	Status  int         `json:"status"`  // what the real server answered
	Type    string      `json:"type"`    // its Content-Type
	Size    int64       `json:"size"`    // of its body as sent, perhaps packed
	Upgrade bool        `json:"upgrade"` // a WebSocket handshake
}

// Path returns the target without its query.
func (r ClientRequest) Path() string {
	path, _, _ := strings.Cut(r.Target, "?")
	return path
}

// Header returns the headers in the form that net/http has them.
func (r ClientRequest) Header() http.Header { return headerOf(r.Headers) }

// Transcript is everything that a real client asked a real server, from its
// start to its end.
type Transcript struct {
	Client   string // "jellyfin-web", "jellyfin-sdk-typescript", "jellyfin-apiclient-python"
	Requests []ClientRequest
}

// Transcripts returns the recorded sessions of real clients with a generation.
func Transcripts(r Release) []Transcript {
	names, _ := fs.Glob(data, "recorded/clients/*-on-"+strings.TrimPrefix(strings.Trim(r.folder(), "/"), "recorded/")+".jsonl") // the pattern is well formed
	var transcripts []Transcript
	for _, name := range names {
		client, _, _ := strings.Cut(strings.TrimPrefix(name, "recorded/clients/"), "-on-")
		transcripts = append(transcripts, Transcript{Client: client, Requests: readLines[ClientRequest](name)})
	}
	return transcripts
}

// WebClientRequests returns what jellyfin-web asked in its recorded session.
func WebClientRequests(r Release) []ClientRequest {
	for _, t := range Transcripts(r) {
		if t.Client == "jellyfin-web" {
			return t.Requests
		}
	}
	return nil
}

// AppRequest is a request that an app makes which hosts or bundles jellyfin-web,
// read from its source.
type AppRequest struct {
	App        string      `json:"app"`
	Step       string      `json:"step"`
	Method     string      `json:"method"`
	Target     string      `json:"target"`
	Headers    [][2]string `json:"headers"`
	OriginNote string      `json:"origin_note"`
	Expects    string      `json:"expects"` // what the app needs, in words
}

// Header returns the headers in the form that net/http has them.
func (r AppRequest) Header() http.Header { return headerOf(r.Headers) }

// AppRequests returns the start-up requests of apps that host jellyfin-web.
func AppRequests() []AppRequest {
	return readLines[AppRequest]("recorded/clients/web-apps.jsonl")
}

// NativeRequest is a request of a native client, read from its source.
type NativeRequest struct {
	Client  string      `json:"client"`
	Version string      `json:"version_or_commit"`
	Step    string      `json:"step"`
	Method  string      `json:"method"`
	Target  string      `json:"target"`
	Headers [][2]string `json:"headers"`
	Body    string      `json:"body"`
	Token   string      `json:"token"` // where the token is: "none", "header", …
	Source  string      `json:"source"`
}

// Header returns the headers in the form that net/http has them.
func (r NativeRequest) Header() http.Header { return headerOf(r.Headers) }

// NativeRequests returns the requests that native clients make from their start
// to playing something.
func NativeRequests() []NativeRequest {
	return readLines[NativeRequest]("recorded/clients/native.jsonl")
}

// Web10_10Requests returns what jellyfin-web of 10.10 asks of its own server,
// read from its source: in a fresh browser, then with the token of somebody who
// signed in elsewhere, up to the log-out. Requests that come with the browser's
// cookies have the header Cookie.
func Web10_10Requests() []NativeRequest {
	return readLines[NativeRequest]("recorded/clients/web-10.10.jsonl")
}

// Names returns what the names in double braces stand for when u plays with a
// token against the fake: a map from "{{token}}" and so on. The secrets of Quick
// Connect and the gateway's cookie are left to the caller.
func Names(u User, token string) map[string]string {
	names := map[string]string{
		"{{token}}": token, "{{alice.id}}": u.ID, "{{user.id}}": u.ID, "{{user.name}}": u.Name,
		"{{device}}": "device-0", "{{device1}}": "device-1", "{{device2}}": "device-2", "{{device.name}}": "A device",
		"{{song.id}}": SongID, "{{play.session}}": "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "{{tag}}": "903a65bed8b39e20fb7ef01271e077a2",
		"5ddab896-189b-3924-54d5-1f2d55d9acf1": MovieID,
	}
	for _, name := range []string{"{{movie.id}}", "{{movie1.id}}", "{{movie2.id}}", "{{movie3.id}}", "{{item.id}}", "{{source.id}}", "{{hash}}"} {
		names[name] = MovieID
	}
	return names
}

// BypassRow is one row of the table of spellings that do or do not reach
// Jellyfin's password operations.
type BypassRow struct {
	Method string
	Target string
	// Actions by generation, "" where none runs.
	Actions map[Release]string
}

// BypassTable returns the table.
func BypassTable() []BypassRow {
	var rows []BypassRow
	for line := range strings.Lines(mustRead("recorded/bypass-table.md")) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(cells) != 4 || !strings.Contains(cells[1], "`") {
			continue // the head of the table
		}
		rows = append(rows, BypassRow{
			Method:  strings.TrimSpace(cells[0]),
			Target:  strings.Trim(strings.TrimSpace(cells[1]), "`"),
			Actions: map[Release]string{V10_11: boldAction(cells[2]), V12: boldAction(cells[3])},
		})
	}
	return rows
}

// boldAction takes "UserController.X" out of "… **UserController.X [anonymous]**".
func boldAction(cell string) string {
	_, after, found := strings.Cut(cell, "**")
	if !found {
		return ""
	}
	action, _, _ := strings.Cut(after, " [")
	return action
}

func headerOf(pairs [][2]string) http.Header {
	h := http.Header{}
	for _, p := range pairs {
		h.Add(p[0], p[1])
	}
	return h
}
