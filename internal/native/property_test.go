package native_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"pgregory.net/rapid"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/totp"
)

// person is somebody who may be named in a sign-in.
type person struct {
	name, password string
	factor         totp.Secret // zero if there is none
}

// Whatever body and headers a client sends, Jellyfin is asked to check a password
// only after a valid code was presented for that user: behind that very password,
// in that very body. And whoever is let in is let in by password and code.
func TestJellyfinIsAskedOnlyAfterACode(t *testing.T) {
	h := newHouse(t, nil)
	round, reached, let := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		h.advance(2 * time.Hour) // what was counted is forgotten
		h.server.Reset()
		people := h.people(t, round)
		body, contentType := drawBody(t, h, people)
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		drawHeaders(t, r, people)
		r = from(r, fmt.Sprintf("198.18.%d.%d", round/250%250, round%250))
		asked := 0
		h.asked.check = func(as jellyfin.Credentials) {
			asked++
			if !h.shown(people, body, as) {
				t.Errorf("Jellyfin is asked for %q, %q by %q", as.Name, string(as.Password), body)
			}
		}
		w := h.serve(r)
		if h.checks() != asked || asked > 1 {
			t.Errorf("Jellyfin checked %d passwords, was asked %d times", h.checks(), asked)
		}
		reached += asked
		tokens := h.server.LiveTokens()
		switch {
		case w.Code != http.StatusOK && len(tokens) > 0:
			t.Errorf("answered %d with a token left", w.Code)
		case w.Code == http.StatusOK && (asked != 1 || len(tokens) != 1):
			t.Errorf("let in with %d questions and %d tokens", asked, len(tokens))
		case w.Code == http.StatusOK:
			let++
			h.server.Revoke(tokens[0].Value)
		}
	})
	if reached == 0 || let == 0 || let == round {
		t.Errorf("of %d requests %d reached Jellyfin and %d were let in: nothing is tried", round, reached, let)
	}
	t.Logf("%d requests, %d reached Jellyfin, %d were let in", round, reached, let)
}

// people are new to the house each time, so that nothing hangs on what was tried
// before. The last has no second factor, and is known by name.
func (h *house) people(t *rapid.T, round int) []person {
	var all []person
	for i, password := range []string{"wonderland", "pw, 123456", ""} {
		p := person{name: fmt.Sprintf("user%d-%d", round, i), password: password}
		if i < 2 {
			_, p.factor = h.enrol(t, p.name, p.password)
		} else {
			p.password = "builder"
			u := h.server.AddUser(p.name, p.password)
			if err := h.store.PutName(t.Context(), p.name, u.ID); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, p)
	}
	return all
}

// shown tells whether a valid code of the user stands behind the password in
// body, in UTF-8 or UTF-16.
func (h *house) shown(people []person, body string, as jellyfin.Credentials) bool {
	for _, p := range people {
		if !strings.EqualFold(p.name, as.Name) || p.factor.IsZero() {
			continue
		}
		for _, step := range []int{-1, 0, 1} {
			code := p.factor.At(h.clock().Add(time.Duration(step) * totp.Period)).Digits()
			for _, separator := range []string{"", ",", " "} {
				typed := string(as.Password) + separator + code
				if strings.Contains(body, typed) || strings.Contains(body, inUTF16(typed)) {
					return true
				}
			}
		}
	}
	return false
}

func inUTF16(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

// drawBody makes a sign-in of good and bad parts, which are each so likely that
// all of them are good at times.
func drawBody(t *rapid.T, h *house, people []person) (body, contentType string) {
	names, typed := []string{"nobody", "", "user"}, []string{"", "123456", "x"}
	var codes []string
	for _, p := range people {
		names = append(names, p.name, strings.ToUpper(p.name))
		codes = append(codes, "000000", "")
		if !p.factor.IsZero() {
			codes = append(codes, h.code(p.factor), p.factor.At(h.clock().Add(-time.Hour)).Digits())
		}
	}
	for _, p := range people {
		for _, code := range codes {
			separator := rapid.SampledFrom([]string{"", ",", " ", ", ", "\t"}).Draw(t, "separator")
			typed = append(typed, p.password+separator+code, code+p.password)
		}
	}
	fields := rapid.IntRange(0, 3).Draw(t, "fields")
	var parts []string
	for range fields {
		key := rapid.SampledFrom([]string{"Username", "username", "USERNAME", "Pw", "pw", "PW", "Password", "Name", "x"}).Draw(t, "key")
		from := names
		if strings.EqualFold(key, "pw") {
			from = typed
		}
		parts = append(parts, fmt.Sprintf("%q:%s", key, drawValue(t, from)))
	}
	// The usual body, in front or behind, makes good ones likely.
	if rapid.IntRange(0, 7).Draw(t, "usual") > 0 {
		p := people[rapid.SampledFrom([]int{0, 0, 1, 1, 2}).Draw(t, "who")]
		code := rapid.SampledFrom(codes).Draw(t, "code")
		if !p.factor.IsZero() && rapid.IntRange(0, 3).Draw(t, "own code") > 0 {
			code = h.code(p.factor)
		}
		usual := fmt.Sprintf(`"Username":%q,"Pw":%q`, p.name, p.password+","+code)
		if rapid.IntRange(0, 3).Draw(t, "last") > 0 {
			parts = append(parts, usual)
		} else {
			parts = append([]string{usual}, parts...)
		}
	}
	body = "{" + strings.Join(parts, ",") + "}"
	contentType = rapid.SampledFrom([]string{
		"application/json", "application/json", "application/json", "application/json; charset=utf-8", "text/json", "application/x+json",
		"application/json; charset=utf-16", "application/x-www-form-urlencoded", "",
	}).Draw(t, "content type")
	if strings.Contains(contentType, "utf-16") && rapid.Bool().Draw(t, "really") {
		body = inUTF16(body)
	}
	return drawDamage(t, body), contentType
}

func drawValue(t *rapid.T, from []string) string {
	text := rapid.SampledFrom(from).Draw(t, "value")
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return rapid.SampledFrom([]string{string(quoted), string(quoted), string(quoted), "null", "123456", "[" + string(quoted) + "]"}).Draw(t, "form")
}

// drawDamage leaves most bodies alone.
func drawDamage(t *rapid.T, body string) string {
	switch rapid.IntRange(0, 15).Draw(t, "damage") {
	case 0:
		return "\ufeff" + body
	case 1:
		return body[:rapid.IntRange(0, len(body)).Draw(t, "cut")]
	case 2:
		at := rapid.IntRange(0, len(body)).Draw(t, "at")
		return body[:at] + string(rapid.SliceOfN(rapid.Byte(), 1, 3).Draw(t, "bytes")) + body[at:]
	case 3:
		return body + body
	}
	return body
}

func drawHeaders(t *rapid.T, r *http.Request, people []person) {
	r.Header.Set("Authorization", rapid.SampledFrom([]string{
		television, television, television, television, television, television, "", "Bearer x", `MediaBrowser Token="x"`,
		`MediaBrowser Client="Jellyfin Web", Device="x", DeviceId="x", Version="1"`,
		`Emby Client="a", Device="b", DeviceId="c", Version="d", Token="e"`,
	}).Draw(t, "authorization"))
	for _, values := range [][]string{
		{"X-Emby-Authorization", "", television},
		{"X-Emby-Token", "", "x"},
		{"X-Forwarded-For", "", "127.0.0.1", "192.168.1.2"},
		{"User-Agent", "", "Web0S"},
		{"Accept", "", "text/xml", `application/json; profile="CamelCase"`},
		{"Accept-Encoding", "", "gzip"},
		{"X-Http-Method-Override", "", "GET"},
		{"Content-Encoding", "", "gzip"},
		{"Origin", "", "null"},
		{"Cookie", "", "device=tv"},
	} {
		if value := rapid.SampledFrom(values[1:]).Draw(t, values[0]); value != "" {
			r.Header.Set(values[0], value)
		}
	}
	r.URL.RawQuery = rapid.SampledFrom([]string{"", "format=json", "Username=" + people[0].name + "&Pw=wonderland", "ApiKey=x"}).Draw(t, "query")
}
