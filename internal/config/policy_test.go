package config

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/policy"
)

// everyRule is a file in which no setting of the policy and of apps has its
// default.
const everyRule = `
jellyfin:
  url: http://192.168.1.5:8096
  api_key: 0123456789abcdef
  legacy_authorization: off
policy:
  unknown: deny
  allow:
    - GET,POST /Streamyfin/{**rest} token for Streamyfin
    - "GET /Plugin/{file}.js public"
  deny:
    - /Items/{id}/Download
    - POST /SyncPlay/{**rest} for Kodi
  media: token
  media_for: 90m
  images: network
  admin: recent
  home: [192.168.7.0/24, "fd00:7::/32"]
  public_users: show
  local_address: show
  web_csp: strict
  legacy: off
  tokens: here
  api_keys:
    - one
    - two
native:
  password_login: off
  max_age: 2160h
  bind_app_passwords: on
  hint: Code behind the password, please.
`

func TestLoadFillsEveryRuleFromTheFile(t *testing.T) {
	got, err := Load(Options{File: write(t, "jellyward.yaml", everyRule)})
	if err != nil {
		t.Fatal(render(err))
	}
	want := Policy{
		Unknown: "deny",
		Allow:   []string{"GET,POST /Streamyfin/{**rest} token for Streamyfin", "GET /Plugin/{file}.js public"},
		Deny:    []string{"/Items/{id}/Download", "POST /SyncPlay/{**rest} for Kodi"},
		Media:   "token", MediaFor: 90 * time.Minute, Images: "network", Admin: "recent",
		Home:        []string{"192.168.7.0/24", "fd00:7::/32"},
		PublicUsers: "show", LocalAddress: "show", WebCSP: "strict", Legacy: false, Tokens: "here", APIKeys: []string{"one", "two"},
	}
	if diff := cmp.Diff(want, got.Policy); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Native{PasswordLogin: "off", MaxAge: 2160 * time.Hour, BindAppPasswords: true, Hint: "Code behind the password, please."}, got.Native); diff != "" {
		t.Error(diff)
	}
	if got.Jellyfin.APIKey != "0123456789abcdef" || got.Jellyfin.LegacyAuthorization != "off" {
		t.Errorf("jellyfin is %+v", got.Jellyfin)
	}
	// The file is to name every setting, later ones too.
	fallback := Default()
	for _, pair := range []struct{ got, fallback any }{{got.Policy, fallback.Policy}, {got.Native, fallback.Native}} {
		v, d := reflect.ValueOf(pair.got), reflect.ValueOf(pair.fallback)
		for i := range v.NumField() {
			if reflect.DeepEqual(v.Field(i).Interface(), d.Field(i).Interface()) {
				t.Errorf("%s has its default still", v.Type().Field(i).Name)
			}
		}
	}
}

func TestRulesBecomeThePolicys(t *testing.T) {
	got, err := Load(Options{File: write(t, "jellyward.yaml", everyRule)})
	if err != nil {
		t.Fatal(render(err))
	}
	if o := got.Policy.Options(); !o.DenyUnknown || len(o.Allow) != 2 || len(o.Deny) != 2 {
		t.Errorf("options are %+v", o)
	}
	s, err := got.Policy.Switches()
	if want := (policy.Switches{Media: policy.WithToken, Images: policy.WithNetwork, Admin: policy.AdminRecent, ShowUsers: true, ShowAddress: true}); err != nil || s != want {
		t.Errorf("switches are %+v (%v), want %+v", s, err, want)
	}
	if s, err := Default().Policy.Switches(); err != nil || s != policy.DefaultSwitches() {
		t.Errorf("the default switches are %+v (%v)", s, err)
	}
}

// Each bad rule beside what is said about it.
func TestLoadNamesEachBadRule(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"several lines", "policy:\n  allow:\n    - GET /a open\n    - /fine\n    - POST /Users/AuthenticateByName\n  deny: /fine/\n", `policy.allow has the line "GET /a open", which has the unknown action "open" (jellyward.yaml:4)
  hint: write token (a signed-in visitor), media or image (as policy.media and policy.images say) or public (anybody)
policy.allow has the line "POST /Users/AuthenticateByName", which would open POST /Users/AuthenticateByName: that stays closed to everybody (signs in by a password alone; here it takes a second factor too: the sign-in page, a code behind the password, or an app password) (jellyward.yaml:4)
  hint: write a pattern, or methods, that leave this out
policy.deny has the line "/fine/", which is for the same paths as "/fine" in policy.allow, and contradicts it (jellyward.yaml:7)
  hint: take one of the two out
`},
		{"semicolon", "policy: {deny: ['/a;/b']}\n", `policy.deny has an item with a semicolon, which would make two of it (jellyward.yaml:2)
  hint: write two items, or {name} for what the semicolon stands in
`},
		{"base path", "base_path: /jellyfin\npolicy: {deny: [/Jellyfin/Items]}\n", `policy.deny has the pattern "/Jellyfin/Items", which begins with base_path (jellyward.yaml:3)
  hint: write it without /jellyfin: that is taken off a path before it is decided on
`},
		{"media", "policy: {media: closed, images: all, admin: home, unknown: open}\n", `policy.unknown is "open", which it cannot be (jellyward.yaml:2)
  hint: write token or deny
policy.media is "closed", which it cannot be (jellyward.yaml:2)
  hint: write token, network or open
policy.images is "all", which it cannot be (jellyward.yaml:2)
  hint: write token, network or open
policy.admin is "home", which it cannot be (jellyward.yaml:2)
  hint: write token, recent or lan
`},
		{"media_for", "policy: {media_for: 59s}\n", `policy.media_for is 59s (jellyward.yaml:2)
  hint: write from 1m to 720h (30 days); 12h outlasts any film
`},
		{"media_for", "policy: {media_for: 721h}\n", `policy.media_for is 721h0m0s (jellyward.yaml:2)
  hint: write from 1m to 720h (30 days); 12h outlasts any film
`},
		{"home", "policy: {home: [192.168.1.5, 10.0.0.0/33, home, 10.1.2.3/8, 0.0.0.0/0, '::ffff:10.0.0.0/104', 'fe80::1%eth0']}\n", `policy.home has "192.168.1.5", which is no network (jellyward.yaml:2)
  hint: write 192.168.1.5/32 for this address alone
policy.home has "10.0.0.0/33", which is no network (jellyward.yaml:2)
  hint: write an address and the length of its network, for example 192.168.0.0/16 or fd00::/8
policy.home has "home", which is no network (jellyward.yaml:2)
  hint: write an address and the length of its network, for example 192.168.0.0/16 or fd00::/8
policy.home has "10.1.2.3/8", of which the address is longer than the network (jellyward.yaml:2)
  hint: write 10.0.0.0/8, or a longer network
policy.home has "0.0.0.0/0", which is the whole internet (jellyward.yaml:2)
  hint: name the networks at home, for example 192.168.0.0/16
policy.home has "::ffff:10.0.0.0/104", an IPv4 network in the clothes of IPv6 (jellyward.yaml:2)
  hint: write it as an IPv4 network, for example 192.168.0.0/16
policy.home has "fe80::1%eth0", which is no network (jellyward.yaml:2)
  hint: write an address and the length of its network, for example 192.168.0.0/16 or fd00::/8
`},
		{"max_age", "native: {max_age: 59m}\n", `native.max_age is 59m0s (jellyward.yaml:2)
  hint: write 1h or more, for example 2160h (90 days), or 0 for as long as Jellyfin says
`},
		{"max_age below nothing", "native: {max_age: -1h}\n", `native.max_age is -1h0m0s (jellyward.yaml:2)
  hint: write 1h or more, for example 2160h (90 days), or 0 for as long as Jellyfin says
`},
		{"hint of two lines", "native: {hint: \"one\\ntwo\"}\n", `native.hint has a line break or a control character (jellyward.yaml:2)
  hint: write one line of plain text
`},
		{"hint with a tag", "native: {hint: '<b>code</b>'}\n", `native.hint has < or >, which some apps take for HTML (jellyward.yaml:2)
  hint: write one line of plain text
`},
		{"long hint", "native: {hint: " + strings.Repeat("é", 201) + "}\n", `native.hint has 201 characters (jellyward.yaml:2)
  hint: write at most 200, so that a television shows all of it
`},
	} {
		_, err := Load(Options{File: write(t, "jellyward.yaml", "jellyfin: {url: 'http://jellyfin:8096'}\n"+tt.file)})
		got := render(err)
		for _, word := range strings.Fields(got) {
			if strings.Contains(word, "/jellyward.yaml:") { // the directory is made for the test
				got = strings.ReplaceAll(got, word, "("+word[strings.LastIndex(word, "/")+1:])
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestFineRulesAreFine(t *testing.T) {
	for _, file := range []string{
		"policy: {media_for: 1m}", "policy: {media_for: 720h}", "policy: {home: [10.1.2.3/32, 'fd00::/8']}", "policy: {home: '10.0.0.0/8,::1/128'}",
		"native: {max_age: 0}", "native: {max_age: 1h}", "native: {hint: ''}", "native: {hint: " + strings.Repeat("é", 200) + "}",
		"policy: {allow: GET /a public; /b}", "base_path: /a\npolicy: {allow: /ab}", "policy: {deny: '/a;'}",
	} {
		if _, err := Load(Options{File: write(t, "jellyward.yaml", "jellyfin: {url: 'http://jellyfin:8096'}\n"+file+"\n")}); err != nil {
			t.Errorf("%s: %s", file, render(err))
		}
	}
}

// TestListsMayStandInTheEnvironment is for lines, which have commas of their
// own.
func TestListsMayStandInTheEnvironment(t *testing.T) {
	got, err := Load(Options{Environ: []string{
		"JELLYWARD_JELLYFIN_URL=http://jellyfin:8096", "JELLYWARD_POLICY_ALLOW=GET,POST /a for A, B; /b public", "JELLYWARD_POLICY_DENY=/c//d",
	}})
	if want := []string{"GET,POST /a for A, B", "/b public"}; !slices.Equal(got.Policy.Allow, want) {
		t.Errorf("policy.allow is %q, want %q", got.Policy.Allow, want)
	}
	problems := Problems(nil)
	if !errors.As(err, &problems) || len(problems) != 1 || problems[0].Setting != "policy.deny" {
		t.Errorf("the problems are %v", err)
	}
}
