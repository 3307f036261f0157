package native_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"strconv"
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
	app            string      // an app password, as it was shown; "" if there is none
	spent          totp.Step   // that of the last code that let them in
}

// tally counts what the property test came to.
type tally struct{ requests, replays, reached, let, byApp int }

// Whatever target, body and headers a client sends, Jellyfin is asked to check a
// password only after a valid code was presented for that user, which has let nobody
// in before: behind that very password, in that very body. And whoever is let in is
// let in by password and code, or by an app password of their own. A round is some
// requests within the life of one code, among them the same again.
func TestJellyfinIsAskedOnlyAfterACode(t *testing.T) {
	checkOften(t, 600)
	g := newGate(t)
	people := g.people(t)
	var n tally
	rapid.Check(t, func(t *rapid.T) {
		g.advance(2 * time.Hour) // what was counted is forgotten
		var sent []attempt
		for range rapid.IntRange(1, 3).Draw(t, "requests") {
			a := g.draw(t, people)
			if len(sent) > 0 && rapid.IntRange(0, 2).Draw(t, "replay") == 0 {
				a = rapid.SampledFrom(sent).Draw(t, "which")
				n.replays++
			}
			sent = append(sent, a)
			g.try(t, people, a, &n)
		}
	})
	if n.reached*8 < n.requests || n.let*5 < n.requests || n.let > n.requests*9/10 || n.byApp*20 < n.requests || n.replays*10 < n.requests {
		t.Errorf("so few or many get in that little is tried: %+v", n)
	}
	t.Logf("%+v", n)
}

// checkOften makes rapid draw more than its hundred, unless the command line says
// how many.
func checkOften(t *testing.T, checks int) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	if f.Value.String() != f.DefValue {
		return
	}
	if err := flag.Set(f.Name, strconv.Itoa(checks)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set(f.Name, f.DefValue) })
}

// try sends a and looks at what came of it.
func (g *gate) try(t *rapid.T, people []*person, a attempt, n *tally) {
	g.server.Reset()
	before := len(g.server.LiveTokens())
	asked := 0
	var who *person
	var step totp.Step
	g.asked.check = func(as jellyfin.Credentials) {
		asked++
		who, step = g.shown(people, a.body, as)
		if who == nil {
			t.Errorf("Jellyfin is asked for %q, %q by %q", as.Name, string(as.Password), a.body)
		}
	}
	w := g.send(a)
	n.requests++
	n.reached += asked
	if g.checks() != asked || asked > 1 {
		t.Errorf("Jellyfin checked %d passwords, was asked %d times by %s %s", g.checks(), asked, a.method, a.target)
	}
	fresh := g.server.LiveTokens()[min(before, len(g.server.LiveTokens())):]
	letIn := w.Code == http.StatusOK
	byApp := asked == 0 && ofApp(people, a.body)
	switch {
	case !letIn && len(fresh) > 0:
		t.Errorf("answered %d with a token left", w.Code)
	case letIn && (len(fresh) != 1 || asked == 0 && !byApp):
		t.Errorf("let in with %d questions and %d tokens by %q", asked, len(fresh), a.body)
	case letIn:
		n.let++
		switch {
		case byApp:
			n.byApp++
		case who != nil:
			who.spent = step
		}
	}
	for _, token := range fresh {
		g.server.Revoke(token.Value)
	}
}

// ofApp tells whether one of the people and their app password stand in body.
func ofApp(people []*person, body string) bool {
	contains := func(text string) bool {
		return strings.Contains(strings.ToLower(body), text) || strings.Contains(strings.ToLower(body), inUTF16(text))
	}
	for _, p := range people {
		if p.app != "" && contains(p.name) && contains(p.app) {
			return true
		}
	}
	return false
}

// people are known by name. The last has no second factor.
func (g *gate) people(t *testing.T) []*person {
	t.Helper()
	var all []*person
	for i, password := range []string{"wonderland", "pw, 123456", "builder"} {
		p := &person{name: fmt.Sprintf("user%d", i), password: password}
		if i == 2 {
			u := g.server.AddUser(p.name, p.password)
			if err := g.store.PutName(t.Context(), p.name, u.ID); err != nil {
				t.Fatal(err)
			}
			return append(all, p)
		}
		u, factor := g.enrol(t, p.name, p.password)
		app, _, err := g.passwords.Make(t.Context(), u.ID, p.name, "television")
		if err != nil {
			t.Fatal(err)
		}
		p.factor, p.app = factor, string(app)
		all = append(all, p)
	}
	return all
}

// shown tells of whom a valid code that is not spent stands behind the password in
// body, in UTF-8 or UTF-16, and its step.
func (g *gate) shown(people []*person, body string, as jellyfin.Credentials) (*person, totp.Step) {
	for _, p := range people {
		if !strings.EqualFold(p.name, as.Name) || p.factor.IsZero() {
			continue
		}
		for _, later := range []totp.Step{-1, 0, 1} {
			step := totp.StepAt(g.clock()) + later
			if step <= p.spent {
				continue
			}
			for _, separator := range []string{"", ",", " "} {
				typed := string(as.Password) + separator + p.factor.At(g.clock().Add(time.Duration(later)*totp.Period)).Digits()
				if strings.Contains(body, typed) || strings.Contains(body, inUTF16(typed)) {
					return p, step
				}
			}
		}
	}
	return nil, 0
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
func drawBody(t *rapid.T, h *gate, people []*person) (body, contentType string) {
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
		typed = append(typed, p.app, p.app+","+codes[0])
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
		pw := p.password + "," + code
		if rapid.IntRange(0, 7).Draw(t, "app password") == 0 {
			pw = people[rapid.IntRange(0, 1).Draw(t, "whose")].app
		}
		usual := fmt.Sprintf(`"Username":%q,"Pw":%q`, p.name, pw)
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

// drawHeaders are those of a usual app, and others.
func drawHeaders(t *rapid.T) http.Header {
	h := http.Header{}
	h.Set("Authorization", rapid.SampledFrom([]string{
		television, television, television, television, television, television, television, "", "Bearer x", `MediaBrowser Token="x"`,
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
			h.Set(values[0], value)
		}
	}
	return h
}

// drawTarget spells the endpoint that apps use, mostly as they do, or is another
// that takes a password.
func drawTarget(t *rapid.T, p *person) string {
	const usual = "/Users/AuthenticateByName"
	target := rapid.SampledFrom([]string{
		usual, usual, usual, usual, usual, usual, usual, usual, usual, "/users/authenticatebyname/", "/emby" + usual, "/mediabrowser/Users/%2541uthenticateByName",
		"/Users/%41uthenticateByName", "/x/.." + usual, "/Users//AuthenticateByName", "/U%C5%BFers/AuthenticateByName", "/Users/" + p.name + "/Authenticate",
	}).Draw(t, "target")
	return target + rapid.SampledFrom([]string{"", "?format=json", "?Username=" + p.name + "&Pw=" + p.password, "?pw=wonderland", "?ApiKey=x"}).Draw(t, "query")
}
