package policy

import (
	"strings"
	"testing"
)

func TestTableRefusesMistakes(t *testing.T) {
	for _, tt := range []struct{ table, want string }{
		{"GET /a token default", "no reason"},
		{"GET /a open default why not", `unknown action "open"`},
		{"FETCH /a token default a reason", `unknown method "FETCH"`},
		{"get /a token default a reason", `unknown method "get"`},
		{"GET a token default a reason", "does not begin with a slash"},
		{"GET /a//b token default a reason", "empty segment"},
		{"GET /{a token default a reason", "closing brace"},
		{"GET /{a}{b} token default a reason", "not understood"},
		{"GET /{**a}/b token default a reason", "goes on after"},
		{"GET /a/{x} token default a reason\nGET,POST /A/{y} deny default a reason", "the same path"},
		{"GET /a/{x}.{z} token default a reason\nGET /a/{y}.{w} deny default a reason", "the same path"},
		{"GET /{**x} token default a reason\n* /{**y} deny default a reason", "the same path"},
	} {
		rules, err := parseRules(tt.table)
		if err == nil {
			_, err = compile(rules, Options{})
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("table %q: %v, want an error with %q", tt.table, err, tt.want)
		}
	}
}

func TestTheMostLiteralRowWithTheMethodCounts(t *testing.T) {
	rules, err := parseRules(`
		# a comment
		POST     /a/b              signin  - literal
		GET      /a/{x}            token   - parameter
		GET      /a/b.{x}          media   - parts
		GET      /a/{x}.{y}        image   - separator
		GET      /a/{x}/c          public  - behind a parameter
		GET,POST /a/{**x}          page    - catch-all
		*        /d/{**x}          deny    - catch-all with its root
	`)
	if err != nil {
		t.Fatal(err)
	}
	p, err := compile(rules, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		method, path string
		want         string
	}{
		{"POST", "/a/b", "literal"},
		{"GET", "/a/b", "parameter"},
		{"GET", "/A/B", "parameter"},
		{"GET", "/a/b.c", "parts"},
		{"GET", "/a/b.", "parameter"},
		{"GET", "/a/x.c", "separator"},
		{"GET", "/a/.c.", "parameter"},
		{"GET", "/a/.c.d", "separator"},
		{"GET", "/a/c.", "parameter"},
		{"GET", "/a/b/c", "behind a parameter"},
		{"POST", "/a/b/c", "catch-all"},
		{"GET", "/a", "catch-all"},
		{"GET", "/a/b/c/d", "catch-all"},
		{"GET", "/d", "catch-all with its root"},
		{"GET", "/d/e/f/", "catch-all with its root"},
		{"PUT", "/a/b", "a method that Jellyfin has no use for"},
		{"GET", "/e", "a method that Jellyfin has no use for"},
	} {
		path, err := ParsePath(tt.path, Base{})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Decide(tt.method, path, ""); got.Rule.Why != tt.want {
			t.Errorf("%s %s goes to %q, want %q", tt.method, tt.path, got.Rule.Why, tt.want)
		}
	}
}

func TestActionsHaveNames(t *testing.T) {
	for a := Deny; a <= Image; a++ {
		if got, err := ParseAction(a.String()); err != nil || got != a {
			t.Errorf("ParseAction(%q) = %v, %v", a.String(), got, err)
		}
	}
	if a, err := ParseAction("action(9)"); err == nil {
		t.Errorf("parseAction of no action = %v", a)
	}
}
