package app_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
)

const (
	clientsBegin = "<!-- clients: begin -->\n"
	clientsEnd   = "<!-- clients: end -->"
)

// sourcesOfApps are the versions of the apps whose requests do not name theirs.
var sourcesOfApps = map[string]string{
	"webos":      "LG, jellyfin-webos 1.2.2 (ab47940)",
	"tizen":      "Samsung, jellyfin-tizen (c02eb04)",
	"titanos":    "jellyfin-titanos (332f6b6, single files)",
	"xbox":       "jellyfin-xbox 0.9.6 (35eb22f)",
	"desktop-qt": "Jellyfin Desktop 2.0 (146c065)",
	"jmp-1.12":   "Jellyfin Media Player 1.12.0 (41ba434)",
	"jellium":    "Jellium Desktop (f3ba9cd)",
	"android":    "jellyfin-android 2.7.1 (f51d9a7)",
	"ios":        "jellyfin-expo 1.7.0 (5bf24ae)",
	"chromecast": "jellyfin-chromecast 3.0.0 (85a4f5a), from the sender's side",
	"vue":        "jellyfin-vue 0.3.1 (a40a41d)",
	"browser":    "any browser, for comparison",
}

// tested is a row of the table of clients.
type tested struct {
	client, source string
	jellyfin       string // the versions that it was played against
	requests       []asked
}

// testedClients are all clients that the tests play, in the order of the table.
func testedClients(t *testing.T) []tested {
	t.Helper()
	const both = "10.11, 12"
	rows := recordedClients()
	for _, sdk := range []string{"jellyfin-sdk-0", "jellyfin-sdk-1"} {
		rows = append(rows, tested{client: "@jellyfin/sdk " + packageVersion(t, sdk), source: "npm, run in Node", jellyfin: both})
	}
	old := tested{client: "jellyfin-web 10.10", source: "read: v10.10.7", jellyfin: "10.10"}
	for _, r := range jellyfintest.Web10_10Requests() {
		old.requests = append(old.requests, asked{client: r.Client, method: r.Method, target: r.Target, headers: r.Headers})
	}
	rows = append(rows, old)
	var apps []tested
	for _, r := range jellyfintest.AppRequests() {
		if len(apps) == 0 || apps[len(apps)-1].client != r.App {
			apps = append(apps, tested{client: r.App, source: "read: " + sourcesOfApps[r.App], jellyfin: both})
		}
		app := &apps[len(apps)-1]
		app.requests = append(app.requests, asked{client: r.App, step: r.Step, method: r.Method, target: r.Target, headers: r.Headers})
	}
	rows = append(rows, apps...)
	version := map[string]string{}
	for _, r := range slices.Backward(jellyfintest.NativeRequests()) {
		version[r.Client] = r.Version
	}
	version["streamyfin-2026"] = "single files of 2026"
	for _, s := range nativeScripts() {
		rows = append(rows, tested{client: s.client, source: "read: " + version[s.client], jellyfin: both, requests: s.rows})
	}
	return rows
}

// recordedClients are the clients that were recorded, with the sessions of both
// generations together.
func recordedClients() []tested {
	var rows []tested
	for _, release := range []jellyfintest.Release{jellyfintest.V10_11, jellyfintest.V12} {
		for _, transcript := range jellyfintest.Transcripts(release) {
			i := slices.IndexFunc(rows, func(r tested) bool { return r.client == transcript.Client })
			if i < 0 {
				i = len(rows)
				rows = append(rows, tested{client: transcript.Client, source: "recorded", jellyfin: "10.11, 12"})
			}
			for _, r := range transcript.Requests {
				rows[i].requests = append(rows[i].requests, asked{client: transcript.Client, method: r.Method, target: r.Target, headers: r.Headers})
			}
		}
	}
	return rows
}

// packageVersion is the version of an installed module.
func packageVersion(t *testing.T, module string) string {
	t.Helper()
	nodeWithSDK(t)
	b, err := os.ReadFile(filepath.Join(sdkFolder, "node_modules", module, "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	var p struct{ Version string }
	if err := json.Unmarshal(b, &p); err != nil {
		t.Fatal(err)
	}
	return p.Version
}

// signsInBy names the ways to sign in that were played.
func (r tested) signsInBy() string {
	if len(r.requests) == 0 {
		return "token, Quick Connect, code, app password"
	}
	ways := []struct {
		name string
		is   func(asked) bool
	}{
		{"sign-in page", func(a asked) bool {
			return a.header("Cookie") != "" || isSignIn(a) && isOwnWebClient(a) || slices.Contains(ledToSignIn, a.client+"/"+a.step)
		}},
		{"Quick Connect", func(a asked) bool { return a.path() == "/users/authenticatewithquickconnect" }},
		{"code, app password", func(a asked) bool { return isSignIn(a) && !isOwnWebClient(a) }},
	}
	var names []string
	for _, way := range ways {
		if slices.ContainsFunc(r.requests, way.is) {
			names = append(names, way.name)
		}
	}
	if len(names) == 0 {
		return "token"
	}
	return strings.Join(names, ", ")
}

// clientsTable is the table in Markdown. The last column counts what is in the
// list of [TestWhoNeedsTheNetworkGrant].
func clientsTable(t *testing.T) string {
	t.Helper()
	bare, err := os.ReadFile(grantGolden)
	if err != nil {
		t.Fatal(err)
	}
	count := func(n int) string {
		if n == 0 {
			return "–"
		}
		return fmt.Sprint(n)
	}
	var b strings.Builder
	b.WriteString("| client | source | requests | Jellyfin | signs in with | old tokens | bare streams |\n|---|---|---|---|---|---|---|\n")
	for _, r := range testedClients(t) {
		old := len(slices.DeleteFunc(slices.Clone(r.requests), func(a asked) bool { return !onlyOldForms(a) }))
		streams := strings.Count("\n"+string(bare), "\n"+r.client+": ")
		requests := count(len(r.requests))
		if len(r.requests) == 0 {
			requests = "live"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", r.client, r.source, requests, r.jellyfin, r.signsInBy(), count(old), count(streams))
	}
	return b.String()
}

// TestReadmeHoldsTheClients keeps the table in step with what the tests play.
func TestReadmeHoldsTheClients(t *testing.T) {
	table := clientsTable(t)
	for app, source := range sourcesOfApps {
		if !strings.Contains(table, "| "+app+" | read: "+source+" |") {
			t.Errorf("no row for %s", app)
		}
	}
	holdToGolden(t, clientsGolden, table)
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(text), clientsBegin)
	old, after, ended := strings.Cut(rest, clientsEnd)
	if !begun || !ended {
		t.Fatalf("README.md has no lines %q and %q around its table of clients", strings.TrimSpace(clientsBegin), clientsEnd)
	}
	if *update {
		if err := os.WriteFile(readme, []byte(before+clientsBegin+table+clientsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(table, old); diff != "" {
		t.Errorf("README.md's table of clients is old; run the test with -update (-now +readme):\n%s", diff)
	}
}
