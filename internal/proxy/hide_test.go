package proxy

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTheAddressAtHomeIsHidden(t *testing.T) {
	for _, tt := range []struct{ name, said, want string }{
		{
			"10.11", `{"LocalAddress":"http://10.0.0.5:8096","ServerName":"vm","Version":"10.11.11","ProductName":"Jellyfin Server","OperatingSystem":"","Id":"01a8","StartupWizardCompleted":true}`,
			`{"ServerName":"vm","Version":"10.11.11","ProductName":"Jellyfin Server","OperatingSystem":"","Id":"01a8","StartupWizardCompleted":true}`,
		},
		{"camel case", `{"localAddress":"http://10.0.0.5:8096","serverName":"vm"}`, `{"serverName":"vm"}`},
		{"in the middle", `{"A":1,"LocalAddress":"x","B":2}`, `{"A":1,"B":2}`},
		{"last", `{"A":1,"LocalAddress":"x"}`, `{"A":1}`},
		{"alone", `{"LocalAddress":"x"}`, `{}`},
		{"twice at first", `{"LocalAddress":"x","localaddress":["y"],"B":2}`, `{"B":2}`},
		{"around another", `{"LocalAddress":{"a":1},"B":2,"LOCALADDRESS":null}`, `{"B":2}`},
		{"escaped", `{"Local\u0041ddress":"x","B":2}`, `{"B":2}`},
		{"deeper", `{"A":[{"LocalAddress":"x","C":[]},3],"B":{"LocalAddress":"x"}}`, `{"A":[{"C":[]},3],"B":{}}`},
		{"not there", `{"ServerName":"LocalAddress"}`, `{"ServerName":"LocalAddress"}`},
		{"spaced", "{ \"LocalAddress\" : \"x\" ,\n \"B\" : 1.0e+2 , \"C\":12345678901234567890 }\n", "{\n \"B\" : 1.0e+2 , \"C\":12345678901234567890 }\n"},
		{"kept as written", `{"A":"\u00e4<&>é","LocalAddress":"x","N":-0.10}`, `{"A":"\u00e4<&>é","N":-0.10}`},
	} {
		front := serve(t, func(w http.ResponseWriter, r *http.Request) {
			for name, want := range map[string]string{"Accept-Encoding": "identity", "Accept-Charset": "", "Range": "", "If-None-Match": ""} {
				if got := r.Header.Get(name); got != want {
					t.Errorf("%s: %s at Jellyfin = %q, want %q", tt.name, name, got, want)
				}
			}
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.Header().Set("ETag", `"1"`)
			_, _ = io.WriteString(w, tt.said)
		}, nil, Treatment{HideAddress: true})
		resp, body := get(t, front, http.Header{
			"Accept-Encoding": {"gzip"}, "Accept-Charset": {"utf-16"}, "Range": {"bytes=0-9"}, "If-None-Match": {`"1"`},
		})
		if resp.StatusCode != http.StatusOK || body != tt.want {
			t.Errorf("%s: %d %s\nwant 200 %s", tt.name, resp.StatusCode, body, tt.want)
		}
		if resp.Header.Get("ETag") != "" || resp.Header.Get("Cache-Control") != "private" {
			t.Errorf("%s: ETag %q, Cache-Control %q", tt.name, resp.Header.Get("ETag"), resp.Header.Get("Cache-Control"))
		}
	}
}

func TestAnAnswerThatMightTellTheAddressDoesNotPass(t *testing.T) {
	const told = `{"LocalAddress":"http://10.0.0.5:8096"}`
	utf16 := strings.Join(strings.Split(told, ""), "\x00") + "\x00"
	for _, tt := range []struct {
		name, encoding, said string
		status, want         int
	}{
		{"compressed", "br", told, 200, 502},
		{"called compressed among others", "identity, gzip", told, 200, 502},
		{"UTF-16", "", utf16, 200, 502},
		{"byte order mark", "", "\xef\xbb\xbf" + told, 200, 502},
		{"cut short", "", told[:len(told)-1], 200, 502},
		{"two values", "", told + told, 200, 502},
		{"a list", "", "[" + told + "]", 200, 502},
		{"a text", "", `"http://10.0.0.5:8096"`, 200, 502},
		{"not JSON", "", "LocalAddress: http://10.0.0.5:8096", 200, 502},
		{"nothing", "", "", 200, 502},
		{"too long", "", strings.Repeat(" ", maxRewritten) + told, 200, 502},
		{"too deep", "", strings.Repeat(`{"a":`, 20_000) + told + strings.Repeat("}", 20_000), 200, 502},
		{"a part", "", told[3:], 206, 502},
		{"an error", "", "at http://10.0.0.5:8096", 400, 400},
		{"a compressed error", "gzip", told, 404, 404},
		{"a long error", "", strings.Repeat(" ", maxRewritten) + told, 500, 500},
		{"an error that is understood", "", told, 500, 500},
	} {
		front := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if tt.encoding != "" {
				w.Header().Set("Content-Encoding", tt.encoding)
			}
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, tt.said)
		}, nil, Treatment{HideAddress: true})
		resp, body := get(t, front, http.Header{"Accept-Encoding": {"identity"}})
		if resp.StatusCode != tt.want {
			t.Errorf("%s: status %d, want %d", tt.name, resp.StatusCode, tt.want)
		}
		if strings.ContainsAny(strings.ReplaceAll(body, "\x00", ""), "1:") || resp.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %.80q with encoding %q", tt.name, body, resp.Header.Get("Content-Encoding"))
		}
	}
}

func TestHidingLeavesAnswersWithoutBodyAlone(t *testing.T) {
	for _, tt := range []struct {
		method string
		status int
	}{{http.MethodHead, 200}, {http.MethodGet, 204}, {http.MethodGet, 304}, {http.MethodHead, 405}} {
		front := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if tt.method == http.MethodHead {
				w.Header().Set("Content-Length", "200")
			}
			w.WriteHeader(tt.status)
		}, nil, Treatment{HideAddress: true})
		r, err := http.NewRequestWithContext(t.Context(), tt.method, front, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != tt.status || resp.Header.Get("Content-Length") == "200" {
			t.Errorf("%s %d: %d, Content-Length %q", tt.method, tt.status, resp.StatusCode, resp.Header.Get("Content-Length"))
		}
	}
}

// FuzzTheAddressNeverSurvives cuts in arbitrary bytes.
func FuzzTheAddressNeverSurvives(f *testing.F) {
	for _, seed := range []string{
		`{"LocalAddress":"http://10.0.0.5:8096","A":1}`, `{"a":[{"localAddress":{}},1e400,"\ud800"],"LocalAddress":0,"b":null}`,
		`{"LocalAddre\u017f\u017f":1,"x":{"LocalAddress":[[]]}}`, ` { "A" : { } , "LocalAddress" : 1 } `, `{`, `[]`, `null`, "{\"\xff\":1,\"LocalAddress\":2}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, said []byte) { checkCut(t, said) })
}

// TestTheAddressNeverSurvives cuts in generated objects.
func TestTheAddressNeverSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if said := "{" + members(t, 3) + "}"; !checkCut(t, []byte(said)) {
			t.Errorf("%s is an object and was not taken for one", said)
		}
	})
}

// members draws the members of an object, depth levels of them.
func members(t *rapid.T, depth int) string {
	space := rapid.SampledFrom([]string{"", " ", "\n\t"})
	key := rapid.SampledFrom([]string{`"LocalAddress"`, `"localAddress"`, `"loc\u0061laddress"`, `"A"`, `"B"`, `""`})
	var all []string
	for range rapid.IntRange(0, 4).Draw(t, "members") {
		all = append(all, space.Draw(t, "space")+key.Draw(t, "key")+space.Draw(t, "space")+":"+space.Draw(t, "space")+value(t, depth))
	}
	return strings.Join(all, ",") + space.Draw(t, "space")
}

func value(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 3).Draw(t, "kind")
	switch {
	case depth > 0 && kind == 0:
		return "{" + members(t, depth-1) + "}"
	case depth > 0 && kind == 1:
		return "[" + value(t, depth-1) + ", {" + members(t, depth-1) + "}]"
	}
	return rapid.SampledFrom([]string{`"a,}\"{"`, "-0.10", "1e400", "12345678901234567890", "null", "true", "[]", `"\ud800"`}).Draw(t, "value")
}

// checkCut compares [cutMembers] with a reading that does not care for bytes.
func checkCut(t rapid.TB, said []byte) bool {
	t.Helper()
	before := bytes.Clone(said)
	got, ok := cutMembers(said, "LocalAddress")
	if !bytes.Equal(said, before) {
		t.Fatalf("the body itself was changed: %q", said)
	}
	if !ok {
		return false
	}
	want := without(t, said, "LocalAddress")
	if all := without(t, got, ""); !reflect.DeepEqual(all, want) {
		t.Fatalf("%q became %q", said, got)
	}
	if again, _ := cutMembers(got, "LocalAddress"); !bytes.Equal(again, got) {
		t.Fatalf("%q became %q, and then %q", said, got, again)
	}
	return true
}

// without reads JSON and deletes the members called name at every depth.
func without(t rapid.TB, said []byte, name string) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(said))
	dec.UseNumber()
	var read any
	if err := dec.Decode(&read); err != nil {
		t.Fatalf("%q: %v", said, err)
	}
	var clean func(any)
	clean = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, inner := range v {
				if name != "" && strings.EqualFold(key, name) {
					delete(v, key)
					continue
				}
				clean(inner)
			}
		case []any:
			for _, inner := range v {
				clean(inner)
			}
		}
	}
	clean(read)
	return read
}
