package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/jellyward/jellyward/internal/secret"
)

// render shows problems as the command line does, in short.
func render(err error) string {
	var problems Problems
	if err != nil && !errors.As(err, &problems) {
		return "not Problems: " + err.Error()
	}
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintln(&b, p.Error())
		if p.Excerpt != "" {
			fmt.Fprintln(&b, p.Excerpt)
		}
		fmt.Fprintln(&b, "  hint:", p.Hint)
	}
	return b.String()
}

// Each bad input beside what is said about it.
func TestLoadNamesEachMistake(t *testing.T) {
	const fine = "jellyfin: {url: 'http://jellyfin:8096'}\n"
	empty := write(t, "empty", "\n")
	for _, tt := range []struct {
		name string
		file string
		env  []string
		want string
	}{
		{"nothing set", "", nil, `jellyfin.url is not set
  hint: set it or JELLYWARD_JELLYFIN_URL to where Jellyfin answers at home, for example http://192.168.1.5:8096
`},
		{"no scheme", "jellyfin:\n  url: 192.168.1.5:8096\n", nil, `jellyfin.url has no scheme (jellyward.yaml:2)
  hint: write http://192.168.1.5:8096 or https://192.168.1.5:8096
`},
		{"password without scheme", "jellyfin: {url: 'ann:hunter2@jellyfin:8096'}\n", nil, `jellyfin.url has no scheme (jellyward.yaml:1)
  hint: write it like http://192.168.1.5:8096
`},
		{"password", "jellyfin: {url: 'http://ann:hunter2@jellyfin'}\n", nil, `jellyfin.url contains a user name or password (jellyward.yaml:1)
  hint: take everything up to the @ out: jellyward asks Jellyfin as the visitor, not as a user
`},
		{"unparsable with password", "jellyfin: {url: 'http://ann:hunter2@jelly fin%zz'}\n", nil, `jellyfin.url is not a URL (jellyward.yaml:1)
  hint: write it like http://192.168.1.5:8096
`},
		{"other scheme", "jellyfin: {url: 'ftp://jellyfin'}\n", nil, `jellyfin.url has the scheme "ftp" (jellyward.yaml:1)
  hint: use http:// or https://
`},
		{"no host", "jellyfin: {url: 'http://:8096'}\n", nil, `jellyfin.url names no host (jellyward.yaml:1)
  hint: write it like http://192.168.1.5:8096
`},
		{"port out of range", "jellyfin: {url: 'http://jellyfin:80961'}\n", nil, `jellyfin.url has a port that is no number from 0 to 65535 (jellyward.yaml:1)
  hint: write it like http://192.168.1.5:8096
`},
		{"path", "jellyfin: {url: 'http://jellyfin:8096/jellyfin'}\n", nil, `jellyfin.url has the path "/jellyfin" (jellyward.yaml:1)
  hint: end it behind the host and port, and set base_path to the path
`},
		{"query", "jellyfin: {url: 'http://jellyfin:8096/?api_key=1'}\n", nil, `jellyfin.url has a query or a fragment (jellyward.yaml:1)
  hint: end it behind the host and port
`},
		{"public_url with path", fine + "public_url: https://example.org/jellyfin\n", nil, `public_url has the path "/jellyfin" (jellyward.yaml:2)
  hint: end it behind the host and port, and set base_path to the path
`},
		{"base_path without slash", fine + "base_path: jellyfin\n", nil, `base_path is "jellyfin", which is no base path (jellyward.yaml:2)
  hint: write it as Jellyfin's networking page has it, with a slash in front and none behind: /jellyfin
`},
		{"base_path with dots", fine + "base_path: /a/../b\n", nil, `base_path is "/a/../b", which is no base path (jellyward.yaml:2)
  hint: write it as Jellyfin's networking page has it, with a slash in front and none behind: /jellyfin
`},
		{"unknown key", "jellyfin:\n  url: http://jellyfin:8096\n  base: /x\ntunnel:\n  tokne: eyJhIjoic2VjcmV0\n", nil, `jellyfin.base is not a setting (jellyward.yaml:3)
3 |   base: …
  |   ^
  hint: take it out of the file
tunnel.tokne is not a setting (jellyward.yaml:5)
5 |   tokne: …
  |   ^
  hint: did you mean tunnel.token?
`},
		{"unknown section", fine + "tunel:\n  token: x\n", nil, `tunel is not a setting (jellyward.yaml:2)
2 | tunel: …
  | ^
  hint: did you mean tunnel?
`},
		{"key twice", fine + "listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n", nil, `listen is set twice (jellyward.yaml:3)
3 | listen: …
  | ^
  hint: keep one of them
`},
		{"section as value", fine + "tunnel: eyJhIjoic2VjcmV0\n", nil, `tunnel is no section (jellyward.yaml:2)
  hint: write keys and values below it, as in "url: http://192.168.1.5:8096"
`},
		{"value as section", fine + "listen:\n  address: 127.0.0.1:1\n", nil, `listen is not a plain value (jellyward.yaml:3)
  hint: write the value itself behind the colon
`},
		{"list where there is none", fine + "listen: [a, b]\n", nil, `listen is not a plain value (jellyward.yaml:2)
  hint: write the value itself behind the colon
`},
		{"alias", fine + "listen: &a 127.0.0.1:1\nops: {listen: *a}\n", nil, `ops.listen is not a plain value (jellyward.yaml:3)
  hint: write the value itself behind the colon
`},
		{"two documents", fine + "---\nlisten: 127.0.0.1:1\n", nil, `settings file jellyward.yaml holds more than one document (jellyward.yaml:3)
  hint: keep all settings in the first
`},
		{"a number too much", fine + "tunnel: {connections: 9}\n", nil, `tunnel.connections is 9 (jellyward.yaml:2)
  hint: write a number from 1 to 8; 4 is usual
`},
		{"no connections", fine, []string{"JELLYWARD_TUNNEL_CONNECTIONS=0"}, `tunnel.connections is 0
  hint: write a number from 1 to 8; 4 is usual
`},
		{"a word as number", fine, []string{"JELLYWARD_TUNNEL_CONNECTIONS=four"}, `tunnel.connections is "four", which is no whole number
  hint: write a number, for example 4
`},
		{"protocol", fine, []string{"JELLYWARD_TUNNEL_PROTOCOL=udp"}, `tunnel.protocol is "udp", which it cannot be
  hint: write auto, quic or http2
`},
		{"edge without port", fine, []string{"JELLYWARD_TUNNEL_EDGE=127.0.0.1:7844, edge.example"}, `tunnel.edge is "edge.example", which is not host:port
  hint: write host:port for each, for example "198.41.192.7:7844"
`},
		{"two bad edges", fine, []string{"JELLYWARD_TUNNEL_EDGE=a,b"}, `tunnel.edge is "a", which is not host:port
  hint: write host:port for each, for example "198.41.192.7:7844"
tunnel.edge is "b", which is not host:port
  hint: write host:port for each, for example "198.41.192.7:7844"
`},
		{"authorities missing", fine, []string{"JELLYWARD_TUNNEL_CA_FILE=/nowhere/ca.pem"}, `tunnel.ca_file /nowhere/ca.pem cannot be read: no such file or directory
  hint: name a PEM file that the user who runs jellyward may read
`},
		{"authorities empty", fine, []string{"JELLYWARD_TUNNEL_CA_FILE=" + empty}, `tunnel.ca_file ` + empty + ` holds no certificate
  hint: name a PEM file: its first line is "-----BEGIN CERTIFICATE-----"
`},
		{"listen without port", fine, []string{"JELLYWARD_LISTEN=127.0.0.1"}, `listen is "127.0.0.1", which is not host:port
  hint: write an address and a port, for example 127.0.0.1:8097, or "" for none
`},
		{"listen on a named port", fine, []string{"JELLYWARD_OPS_LISTEN=:http"}, `ops.listen is ":http", whose port is no number from 0 to 65535
  hint: write an address and a port, for example 127.0.0.1:9097, or "" for none
`},
		{"one address for both", fine, []string{"JELLYWARD_OPS_LISTEN=127.0.0.1:8097"}, `ops.listen is the same address as listen
  hint: give it a port of its own, for example 127.0.0.1:9097
`},
		{"no way in", fine + "listen: ''\n", nil, `listen is empty and tunnel.token is not set, so that nobody could reach Jellyfin (jellyward.yaml:2)
  hint: set tunnel.token to publish through Cloudflare, or listen to an address, or both
`},
		{"redis of a wrong kind", fine, []string{"JELLYWARD_REDIS_URL=http://:hunter2@redis:6379"}, `redis.url has the scheme "http", which is none of Redis's
  hint: ` + redisForms + `
`},
		{"redis without scheme", fine, []string{"JELLYWARD_REDIS_URL=redis:6379"}, `redis.url has no scheme
  hint: ` + redisForms + `
`},
		{"redis without host", fine, []string{"JELLYWARD_REDIS_URL=redis://:hunter2@:6379"}, `redis.url names no host
  hint: ` + redisForms + `
`},
		{"redis without socket", fine, []string{"JELLYWARD_REDIS_URL=unix://"}, `redis.url names no socket
  hint: ` + redisForms + `
`},
		{"redis nonsense", fine, []string{"JELLYWARD_REDIS_URL=redis://:hunter2@red is:%"}, `redis.url is not a URL
  hint: ` + redisForms + `
`},
		{"issuer with colon", fine, []string{"JELLYWARD_TOTP_ISSUER=a:b"}, `totp.issuer is "a:b", which authenticator apps cannot show
  hint: write a name without a colon, for example Jellyfin
`},
		{"age in days", fine + "session: {max_age: 30d}\n", nil, `session.max_age is "30d", which is no duration (jellyward.yaml:2)
  hint: write hours and minutes as in 90m, 36h or 720h (30 days)
`},
		{"age too short", fine + "session: {max_age: 1s}\n", nil, `session.max_age is 1s (jellyward.yaml:2)
  hint: write from 5m to 9600h (400 days, the most that browsers keep); 720h is 30 days
`},
		{"branding", fine + "signin: {branding: maybe}\n", nil, `signin.branding is "maybe", which it cannot be (jellyward.yaml:2)
  hint: write on or off
`},
		{"level", fine + "log: {level: loud}\n", nil, `log.level is "loud", which it cannot be (jellyward.yaml:2)
  hint: write debug, info, warn or error
`},
		{"format", fine + "log: {format: xml}\n", nil, `log.format is "xml", which it cannot be (jellyward.yaml:2)
  hint: write auto, text or json
`},
		{"unknown variables", fine, []string{"JELLYWARD_TUNEL_TOKEN=x", "JELLYWARD_BANANA=1", "JELLYWARD_LISTEN_FILE=x"}, `JELLYWARD_BANANA is not a setting
  hint: take it out of the environment
JELLYWARD_LISTEN_FILE is not a setting
  hint: take it out of the environment
JELLYWARD_TUNEL_TOKEN is not a setting
  hint: did you mean JELLYWARD_TUNNEL_TOKEN?
`},
		{"secret twice", fine, []string{"TUNNEL_TOKEN=a", "TUNNEL_TOKEN_FILE=/run/secrets/token"}, `tunnel.token is given twice, as TUNNEL_TOKEN and TUNNEL_TOKEN_FILE
  hint: keep one of them
`},
		{"two tokens", fine, []string{"TUNNEL_TOKEN=a", "JELLYWARD_TUNNEL_TOKEN=b"}, `tunnel.token is given twice and differs, in JELLYWARD_TUNNEL_TOKEN and TUNNEL_TOKEN
  hint: keep one of them
`},
		{"secret file missing", fine, []string{"TUNNEL_TOKEN_FILE=/nowhere/token"}, `tunnel.token cannot be read from /nowhere/token: no such file or directory (TUNNEL_TOKEN_FILE)
  hint: put the value alone into that file, readable for the user that runs jellyward
`},
		{"secret file empty", fine, []string{"JELLYWARD_TUNNEL_TOKEN_FILE=" + empty}, `tunnel.token cannot be read from ` + empty + `: empty (JELLYWARD_TUNNEL_TOKEN_FILE)
  hint: put the value alone into that file, readable for the user that runs jellyward
`},
		{"several at once", "jellyfin: {ur: 'http://jellyfin'}\nlog: {level: loud}\nsession: {max_age: 1s}\n", []string{"JELLYWARD_LISTEN=here", "JELLYWARD_LOG=1"}, `jellyfin.ur is not a setting (jellyward.yaml:1)
1 |            ur: …
  |            ^
  hint: did you mean jellyfin.url?
JELLYWARD_LOG is not a setting
  hint: take it out of the environment
log.level is "loud", which it cannot be (jellyward.yaml:2)
  hint: write debug, info, warn or error
jellyfin.url is not set
  hint: set it or JELLYWARD_JELLYFIN_URL to where Jellyfin answers at home, for example http://192.168.1.5:8096
listen is "here", which is not host:port
  hint: write an address and a port, for example 127.0.0.1:8097, or "" for none
session.max_age is 1s (jellyward.yaml:3)
  hint: write from 5m to 9600h (400 days, the most that browsers keep); 720h is 30 days
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := write(t, "jellyward.yaml", tt.file)
			_, err := Load(Options{File: file, Environ: tt.env})
			got := strings.ReplaceAll(render(err), file, "jellyward.yaml")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if strings.Contains(got, "hunter2") || strings.Contains(got, "eyJ") {
				t.Error("a secret is in the message")
			}
		})
	}
}

// The parser's own words are its own; ours are around them, and no secret from
// a neighbouring line is.
func TestBrokenFilesAreReportedWithoutTheirText(t *testing.T) {
	for _, text := range []string{
		"tunnel:\n\ttoken: hunter2\n",
		"tunnel:\n  token: \"hunter2\n",
		"tunnel:\n  token: hunter2: more\n",
		"tunnel:\n  token: hunter2\n hunter2: x\n",
		"tunnel:\n  token:hunter2\n  protocol: auto\n",
		"tunnel: {token: hunter2\n",
		"token hunter2\n",
		"- hunter2\n",
		"? hunter2\n: hunter2\n",
		"tunnel:\n  <<: {token: hunter2}\n",
		"tunnel: !!hunter2 hunter2\n",
		"%YAML hunter2\n",
		"\x00hunter2\xff",
	} {
		_, err := Load(Options{File: write(t, "jellyward.yaml", text)})
		got := render(err)
		if !strings.Contains(got, "jellyward.yaml") {
			t.Errorf("%q: the file is not named in:\n%s", text, got)
		}
		if strings.Contains(got, "hunter2") {
			t.Errorf("%q: a secret is in the message:\n%s", text, got)
		}
	}
}

func TestMissingFileIsAProblemOnlyWhenNamed(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.yaml")
	for _, o := range []Options{{File: missing}, {Environ: []string{FileVariable + "=" + missing}}} {
		_, err := Load(o)
		if got := render(err); !strings.HasPrefix(got, "settings file "+missing+" cannot be read: no such file or directory\n") {
			t.Errorf("Load(%+v):\n%s", o, got)
		}
	}
	if _, err := os.Stat(DefaultFile); err != nil {
		if _, err := Load(Options{Environ: []string{"JELLYWARD_JELLYFIN_URL=http://jellyfin"}}); err != nil {
			t.Errorf("without %s: %v", DefaultFile, err)
		}
	}
}

func TestUnknownFlagIsAProblem(t *testing.T) {
	_, err := Load(Options{Environ: []string{"JELLYWARD_JELLYFIN_URL=http://jellyfin"}, Flags: map[string]string{"log.levle": "info"}})
	if got := render(err); !strings.HasPrefix(got, "log.levle is not a setting (flag)\n") {
		t.Errorf("problems:\n%s", got)
	}
}

// Whatever way a Config is printed, no secret is in it.
func TestNoSecretIsPrinted(t *testing.T) {
	const marker = "hunter2"
	c := Default()
	marked := 0
	for _, s := range settings() {
		field := reflect.ValueOf(&c).Elem().FieldByIndex(s.index)
		if s.Secret {
			field.SetString(marker)
			marked++
		}
		if named := strings.ToLower(s.Key); strings.Contains(named, "token") && s.Key != "policy.tokens" && field.Type() != reflect.TypeFor[secret.Text]() {
			t.Errorf("%s is a %s", s.Key, field.Type())
		}
	}
	if marked == 0 {
		t.Fatal("no setting is a secret")
	}
	var b strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&b, verb+"\n"+verb+"\n", c, &c)
		fmt.Fprintf(&b, verb+"\n", []any{c.Tunnel, c.Redis})
	}
	slog.New(slog.NewTextHandler(&b, nil)).Info("settings", "config", c, "tunnel", c.Tunnel)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("settings", "config", c, "tunnel", c.Tunnel)
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	text := b.String() + string(asJSON) + string(asYAML)
	for _, form := range []string{marker, fmt.Sprintf("%x", marker), fmt.Sprintf("%X", marker)} {
		if strings.Contains(text, form) {
			t.Errorf("%q is printed:\n%s", form, text)
		}
	}
	if !strings.Contains(text, "REDACTED") {
		t.Error("nothing shows that secrets are set")
	}
}

func TestNearestNameIsSuggested(t *testing.T) {
	names := []string{"listen", "ops.listen", "log.level"}
	for wrong, want := range map[string]string{
		"lisen":     "did you mean listen?",
		"log.lvl":   "did you mean log.level?",
		"opslisten": "did you mean ops.listen?",
		"banana":    "none",
		"":          "none",
	} {
		if got := suggest(wrong, names, "none"); got != want {
			t.Errorf("suggest(%q) = %q, want %q", wrong, got, want)
		}
	}
}

func TestAboutKeepsWhatACommandNeeds(t *testing.T) {
	file := write(t, "jellyward.yaml", "log: {level: loud}\nredis: {url: 'http://redis'}\n")
	_, err := Load(Options{File: file})
	for _, tt := range []struct {
		keys []string
		want []string
	}{
		{[]string{"redis.url"}, []string{"redis.url"}},
		{[]string{"redis.url", "log.level"}, []string{"log.level", "redis.url"}},
		{[]string{"base_path"}, nil},
	} {
		if diff := cmp.Diff(tt.want, about(err, tt.keys)); diff != "" {
			t.Errorf("About(%q) (-want +got):\n%s", tt.keys, diff)
		}
	}
	_, err = Load(Options{File: write(t, "jellyward.yaml", "reddis: {url: 'redis://redis'}\n"), Environ: []string{"JELLYWARD_X=1"}})
	if diff := cmp.Diff([]string{"reddis", "JELLYWARD_X"}, about(err, nil)); diff != "" {
		t.Errorf("names that are no settings may be meant as any (-want +got):\n%s", diff)
	}
}

// about lists the settings that the problems with keys concern.
func about(err error, keys []string) []string {
	var problems Problems
	if !errors.As(err, &problems) || !errors.As(problems.About(keys...), &problems) {
		return nil
	}
	var list []string
	for _, p := range problems {
		list = append(list, p.Setting)
	}
	return list
}
