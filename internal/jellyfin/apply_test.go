package jellyfin

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRequestsInOrderStayAsTheyAre(t *testing.T) {
	for _, tt := range []struct {
		name, query string
		header      []string
	}{
		{"nothing", "", nil},
		{"parameters", "a=b&&Tag=c%2fd&x;y&=&z+=%zz", nil},
		{"jellyfin-web", "", []string{"Authorization", `MediaBrowser Client="Jellyfin Web", Device="Chrome", DeviceId="x", Version="10.11.11", Token="abc"`}},
		{"signed out", "", []string{"Authorization", `MediaBrowser Client="Jellyfin Web", Device="Chrome", DeviceId="x", Version="10.11.11"`}},
		{"empty token", "", []string{"Authorization", `MediaBrowser Token="", Client=x, UserId="7"`}},
		{"unquoted, odd spacing", "", []string{"Authorization", `mEdIaBrOwSeR   Token=abc,Client="a, Token=b" `}},
		{"encoded", "", []string{"Authorization", `MediaBrowser Token="%61bc"`}},
		{"query", "Static=true&ApiKey=abc&mediaSourceId=x%20y", nil},
		{"query in lower case", "apikey=abc", []string{"Authorization", `MediaBrowser Client="x"`}},
		{"empty query token", "ApiKey=&api_key", nil},
		{"basic", "ApiKey=abc", []string{"Authorization", `Basic eDp5`}},
		{"other headers", "", []string{"Cookie", "Token=x; ApiKey=y", "X-Emby-Device-Id", "7"}},
		{"encoded as a whole, without a token", "pw%3Dx%26code%3D1", nil},
	} {
		for _, d := range []Dialect{strict, translated, legacy, oldest} {
			h := headerOf(tt.header...)
			_, out, query := apply(h, tt.query, d)
			if diff := cmp.Diff(h, out); diff != "" || query != tt.query {
				t.Errorf("%s in %+v: query %q, header (-was +is):\n%s", tt.name, d, query, diff)
			}
		}
	}
}

func TestOtherTokensAreDropped(t *testing.T) {
	const auth, embyAuth = "Authorization", "X-Emby-Authorization"
	for _, tt := range []struct {
		name          string
		dialect       Dialect
		query         string
		header        []string
		authorization string // "" is none
		forwarded     string
	}{
		{"legacy header", translated, "", []string{embyAuth, `MediaBrowser Client="My%20TV", DeviceId="7", Token="abc"`}, `MediaBrowser Client="My+TV", DeviceId="7", Token="abc"`, ""},
		{"legacy header without a token", translated, "", []string{embyAuth, `MediaBrowser Client="TV", DeviceId="7"`}, `MediaBrowser Client="TV", DeviceId="7"`, ""},
		{"legacy header and query", translated, "ApiKey=abc", []string{embyAuth, `MediaBrowser Client="TV", Token="x"`}, `MediaBrowser Client="TV"`, "ApiKey=abc"},
		{"legacy header, not translated", strict, "", []string{embyAuth, `MediaBrowser Client="TV", Token="abc"`}, "", ""},
		{"legacy scheme", legacy, "", []string{auth, `Emby Client="TV", Token="abc"`}, `MediaBrowser Client="TV", Token="abc"`, ""},
		{"legacy scheme, not translated", strict, "", []string{auth, `Emby Client="TV", Token="abc"`}, "", ""},
		{"before 10.11", oldest, "", []string{embyAuth, `Emby Token="old"`, auth, `MediaBrowser Client="x", Token="new"`}, `MediaBrowser Token="old"`, ""},
		{"legacy token", translated, "a=b", []string{"X-Emby-Token", "abc"}, `MediaBrowser Token="abc"`, "a=b"},
		{"legacy token with a device", translated, "", []string{"X-Emby-Token", "abc", auth, `MediaBrowser Client="TV"`}, `MediaBrowser Client="TV", Token="abc"`, ""},
		{"legacy token and basic", translated, "", []string{"X-Emby-Token", "abc", auth, "Basic eDp5"}, `MediaBrowser Token="abc"`, ""},
		{"legacy token, not translated", strict, "", []string{"X-Emby-Token", "abc", auth, "Basic eDp5"}, "Basic eDp5", ""},
		{"legacy query", translated, "Static=true&api_key=abc&Tag=%2f", nil, "", "Static=true&ApiKey=abc&Tag=%2f"},
		{"legacy query, not translated", strict, "Static=true&api_key=abc&Tag=%2f", nil, "", "Static=true&Tag=%2f"},
		{"legacy query that must be encoded", translated, "api_key=a%26b+c", nil, "", "ApiKey=a%26b+c"},
		{"header and query", strict, "x&ApiKey=q&api_key=r", []string{auth, `MediaBrowser Token="abc"`}, `MediaBrowser Token="abc"`, "x"},
		{"query and legacy query", legacy, "api_key=r&x&ApiKey=q", nil, "", "ApiKey=q&x"},
		{"empty ones", strict, "ApiKey=&ApiKey=q&api_key=", nil, "", "ApiKey=q"},
		{"repeated", strict, "ApiKey=q&ApiKey=q", nil, "", "ApiKey=q%2Cq"},
		{"twice in one header", strict, "", []string{auth, `MediaBrowser Client="Kodi", Token="abc", Token="abc"`}, `MediaBrowser Client="Kodi", Token="abc"`, ""},
		{"two headers", strict, "", []string{auth, `MediaBrowser Token="abc"`, auth, `MediaBrowser Token="def"`}, `MediaBrowser Token="abc"`, ""},
		{"key in lower case", strict, "", []string{auth, `MediaBrowser Client="x", token="abc"`}, `MediaBrowser Client="x"`, ""},
		{"encoded as a whole, socket", strict, "ApiKey%3Dabc%26deviceId%3Dx%2520y", []string{"Connection", "upgrade", "Upgrade", "WebSocket"}, "", "ApiKey=abc&deviceId=x%2520y"},
		{"encoded as a whole", strict, "ApiKey%3Dabc%26deviceId%3Dx", nil, "", "deviceId%3Dx"},
		{"hidden", strict, "a=b&ApiKey%3Dabc", nil, "", "a=b"},
		{"hidden until others are dropped", legacy, "api_key=x&ApiKey%3Dabc", []string{auth, `MediaBrowser Client="x"`}, `MediaBrowser Client="x"`, "ApiKey=x"},
		{"not ASCII", strict, "", []string{auth, `MediaBrowser Token="%ff%00é"`}, `MediaBrowser Token="%EF%BF%BD%00%C3%A9"`, ""},
	} {
		_, out, query := apply(headerOf(tt.header...), tt.query, tt.dialect)
		if got := out.Get(auth); got != tt.authorization || len(out[auth]) > 1 {
			t.Errorf("%s: Authorization %q, want %q", tt.name, out[auth], tt.authorization)
		}
		if query != tt.forwarded {
			t.Errorf("%s: query %q, want %q", tt.name, query, tt.forwarded)
		}
	}
}

func TestDialectIsTheVersionsUnlessSet(t *testing.T) {
	for _, tt := range []struct {
		version, setting string
		want             bool
	}{
		{"10.10.7", "auto", true},
		{"10.10.7", "off", true}, // there is no switch
		{"10.8.13", "off", true},
		{"10.11.11", "auto", true},
		{"10.11.11", "off", false},
		{"10.11.11", "on", true},
		{"12.0.0", "auto", false},
		{"12.0.0", "on", true},
		{"13.1", "auto", false},
		{"", "auto", false},
		{"", "on", true},
		{"nonsense", "auto", false},
	} {
		got := DialectFor(tt.version, tt.setting, true)
		if want := (Dialect{Version: tt.version, Legacy: tt.want, Translate: true}); got != want {
			t.Errorf("DialectFor(%q, %q) = %+v, want %+v", tt.version, tt.setting, got, want)
		}
	}
}

// recordedForm is one way to present a token, and what a real server made of it.
type recordedForm struct {
	Name, Query string
	Headers     [][2]string
	Status      int
	User        string
}

// What stands for Bob's token and the API key, whose names the recordings hold.
const (
	recordedBob = "b0b006c069414b74afa5898d3cbbf35f"
	recordedKey = "a919e1506bb74e6b8dd5b0b7f0f3f0b1"
)

// recordedForms reads a file, and finds out Alice's token, which is there in
// other spellings as well.
func recordedForms(t *testing.T, file string) (forms []recordedForm, alice string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("jellyfintest", "recorded", file))
	if err != nil {
		t.Fatal(err)
	}
	_, escaped, _ := strings.Cut(string(b), "?ApiKey=%")
	escaped, _, found := strings.Cut(escaped, `"`)
	alice = urlDecode("%" + escaped)
	if !found || len(alice) != 32 {
		t.Fatalf("%s holds no encoded token", file)
	}
	text := strings.NewReplacer("{{alice.token}}", alice, "{{bob.token}}", recordedBob, "{{api.key}}", recordedKey).Replace(string(b))
	if err := json.Unmarshal([]byte(text), &forms); err != nil {
		t.Fatal(err)
	}
	if len(forms) < 50 {
		t.Fatalf("%s has only %d forms", file, len(forms))
	}
	return forms, alice
}

// query is what a request sends of f: no fragment.
func (f recordedForm) query() string {
	query, _, _ := strings.Cut(f.Query, "#")
	return strings.TrimPrefix(query, "?")
}

func (f recordedForm) header() http.Header {
	h := http.Header{}
	for _, line := range f.Headers {
		h.Add(line[0], strings.Trim(line[1], " \t"))
	}
	return h
}

func TestRecordedFormsAreReadAsTheServersDid(t *testing.T) {
	for _, tt := range []struct {
		file, version, setting, withLegacy string
	}{
		{"10.11.11/token-forms.json", "10.11.11", "auto", "10.11.11/token-forms.json"},
		{"10.11.11/token-forms-legacy-off.json", "10.11.11", "off", "10.11.11/token-forms.json"},
		{"12.0-rc5/token-forms.json", "12.0.0", "auto", "12.0-rc5/token-forms-legacy-on.json"},
		{"12.0-rc5/token-forms-legacy-on.json", "12.0.0", "on", "12.0-rc5/token-forms-legacy-on.json"},
	} {
		legacyOn, _ := recordedForms(t, tt.withLegacy)
		forms, alice := recordedForms(t, tt.file)
		owners := map[string]string{alice: "alice", recordedBob: "bob"}
		for i, f := range forms {
			p, out, query := apply(f.header(), f.query(), DialectFor(tt.version, tt.setting, false))
			if got := owners[string(p.Token)]; got != f.User {
				t.Errorf("%s, %s: makes the caller %q, was recorded to make him %q", tt.file, f.Name, got, f.User)
			}
			if f.Status == http.StatusBadRequest && p.Token != recordedKey {
				t.Errorf("%s, %s: the API key is not found", tt.file, f.Name)
			}
			if got := servers[2].token(out, query, false); got != string(p.Token) {
				t.Errorf("%s, %s: %q is judged and %q forwarded", tt.file, f.Name, string(p.Token), got)
			}

			// Translated, it is what the server itself makes of it, or else what
			// it would with legacy authorisation on.
			want := f.User
			if p.Token == "" {
				want = legacyOn[i].User
			}
			p, out, query = apply(f.header(), f.query(), DialectFor(tt.version, tt.setting, true))
			if got := owners[string(p.Token)]; got != want {
				t.Errorf("%s, %s: translated, it makes the caller %q, want %q", tt.file, f.Name, got, want)
			}
			if got := servers[2].token(out, query, false); got != string(p.Token) {
				t.Errorf("%s, %s: translated, %q is judged and %q forwarded", tt.file, f.Name, string(p.Token), got)
			}
		}
	}
}

// TestHugeRequestsCostNoMoreThanTheyAreLong measures memory, which shows what is
// quadratic as time would, and is the same on every machine.
func TestHugeRequestsCostNoMoreThanTheyAreLong(t *testing.T) {
	const size = 1 << 20
	for name, r := range map[string]struct {
		header http.Header
		query  string
	}{
		"long token":         {headerOf("Authorization", `MediaBrowser Token="`+strings.Repeat("a", 10<<10)+`"`), ""},
		"long odd token":     {headerOf("Authorization", `MediaBrowser Token="`+strings.Repeat("%00\"", 10<<10)+`"`), ""},
		"many parameters":    {nil, strings.Repeat("&a=b", size/4)},
		"many tokens":        {nil, strings.Repeat("&ApiKey=b", size/9)},
		"many hidden tokens": {nil, strings.Repeat("&ApiKey%3Db", size/11)},
		"a hidden token":     {nil, strings.Repeat("ApiKey%3Db%26", size/13)},
		"many keys":          {headerOf("Authorization", "MediaBrowser "+strings.Repeat("Token=a,", size/8)), ""},
		"many equals signs":  {headerOf("Authorization", "MediaBrowser "+strings.Repeat("=", size)), ""},
		"many headers":       {http.Header{"X-Emby-Token": strings.Split(strings.Repeat("a,", size/17), ",")}, ""},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, out, query := apply(r.header, r.query, translated)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 64*size {
			t.Errorf("%s: takes %d bytes of memory", name, used)
		}
		length := len(query)
		for _, v := range out["Authorization"] {
			length += len(v)
		}
		if length > 4*size {
			t.Errorf("%s: %d bytes are forwarded", name, length)
		}
	}
}

func BenchmarkPresented(b *testing.B) {
	for name, r := range map[string]struct {
		header http.Header
		query  string
	}{
		"header":    {headerOf("Authorization", `MediaBrowser Client="Jellyfin Web", Device="Chrome", DeviceId="TW96aWxsYS81LjA", Version="10.11.11", Token="aee006c069414b74afa5898d3cbbf35f"`), "fields=PrimaryImageAspectRatio&limit=20"},
		"query":     {http.Header{}, "Static=true&mediaSourceId=0123456789abcdef0123456789abcdef&ApiKey=aee006c069414b74afa5898d3cbbf35f"},
		"none":      {http.Header{}, "tag=0123456789abcdef0123456789abcdef&quality=90"},
		"translate": {headerOf("X-Emby-Token", "aee006c069414b74afa5898d3cbbf35f"), "limit=20"},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p := ReadPresented(r.header, r.query, translated)
				if name != "translate" {
					_ = p.Apply(r.header)
				}
			}
		})
	}
}
