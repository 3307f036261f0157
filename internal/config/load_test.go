package config

import (
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jellyward/jellyward/internal/secret"
)

// write puts a file into a fresh directory and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// reveal compares secrets by their text, which no report may show.
var reveal = cmp.Transformer("reveal", func(s secret.Text) []byte { return []byte(s) })

func TestLoadFillsEverySettingFromTheFile(t *testing.T) {
	ca := write(t, "ca.pem", testCertificate)
	file := write(t, "jellyward.yaml", `
# home
jellyfin:
  url: http://192.168.1.5:8096/
base_path: /media/jellyfin
public_url: https://jellyfin.example.org
tunnel:
  token: t0ken
  protocol: http2
  connections: 2
  edge: [127.0.0.1:7844, "[::1]:7844"]
  ca_file: `+ca+`
listen: ""
ops:
  listen: 0.0.0.0:9000
redis:
  url: rediss://user:pw@redis.example:6380/2
data_dir: /srv/jellyward
key_file: /etc/jellyward/key
totp:
  issuer: Home
session:
  max_age: 48h
signin:
  branding: off
log:
  level: debug
  format: json
`)
	got, err := Load(Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Jellyfin:  Jellyfin{URL: &url.URL{Scheme: "http", Host: "192.168.1.5:8096"}, LegacyAuthorization: "auto"},
		BasePath:  "/media/jellyfin",
		PublicURL: "https://jellyfin.example.org",
		Tunnel: Tunnel{
			Token: "t0ken", Protocol: "http2", Connections: 2,
			Edge: []string{"127.0.0.1:7844", "[::1]:7844"}, CAFile: ca,
		},
		Ops:     Ops{Listen: "0.0.0.0:9000"},
		Redis:   Redis{URL: "rediss://user:pw@redis.example:6380/2"},
		DataDir: "/srv/jellyward",
		KeyFile: "/etc/jellyward/key",
		TOTP:    TOTP{Issuer: "Home"},
		Session: Session{MaxAge: 48 * time.Hour},
		Log:     Log{Level: slog.LevelDebug, Format: "json"},
		Policy:  Default().Policy,
		Native:  Default().Native,
	}
	if diff := cmp.Diff(want, got, reveal); diff != "" {
		t.Errorf("Load (-want +got):\n%s", diff)
	}
}

func TestLoadDefaults(t *testing.T) {
	got, err := Load(Options{Environ: []string{
		"JELLYWARD_CONFIG=" + write(t, "empty.yaml", "# nothing\n"),
		"JELLYWARD_JELLYFIN_URL=http://jellyfin:8096",
		"JELLYWARD_DATA_DIR=/data",
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Jellyfin: Jellyfin{URL: &url.URL{Scheme: "http", Host: "jellyfin:8096"}, LegacyAuthorization: "auto"},
		Tunnel:   Tunnel{Protocol: "auto", Connections: 4},
		Listen:   "127.0.0.1:8097",
		Ops:      Ops{Listen: "127.0.0.1:9097"},
		DataDir:  "/data",
		KeyFile:  "/data/key",
		TOTP:     TOTP{Issuer: "Jellyfin"},
		Session:  Session{MaxAge: 720 * time.Hour},
		SignIn:   SignIn{Branding: true},
		Policy: Policy{
			Unknown:      "token",
			Media:        "network",
			MediaFor:     12 * time.Hour,
			Images:       "open",
			Admin:        "token",
			Home:         []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"},
			PublicUsers:  "hide",
			LocalAddress: "hide",
			WebCSP:       "auto",
			Legacy:       true,
			Tokens:       "any",
		},
		Native: Native{PasswordLogin: "code", Hint: "Type your six-digit code right behind your password."},
		Log:    Log{Level: slog.LevelInfo, Format: "auto"},
	}
	if diff := cmp.Diff(want, got, reveal); diff != "" {
		t.Errorf("Load (-want +got):\n%s", diff)
	}
}

func TestLaterLayersWin(t *testing.T) {
	const inFile = "listen: 127.0.0.1:1\n"
	for _, tt := range []struct {
		name string
		file string
		env  []string
		flag map[string]string
		want string
	}{
		{"default", "", nil, nil, "127.0.0.1:8097"},
		{"file over default", inFile, nil, nil, "127.0.0.1:1"},
		{"environment over file", inFile, []string{"JELLYWARD_LISTEN=127.0.0.1:2"}, nil, "127.0.0.1:2"},
		{"flag over environment", inFile, []string{"JELLYWARD_LISTEN=127.0.0.1:2"}, map[string]string{"listen": "127.0.0.1:3"}, "127.0.0.1:3"},
		{"empty in the file", "listen: ''\n", nil, nil, ""},
		{"nothing behind the colon", "listen:\n", nil, nil, ""},
		{"empty in the environment", inFile, []string{"JELLYWARD_LISTEN="}, nil, ""},
		{"empty flag", inFile, nil, map[string]string{"listen": ""}, ""},
		{"of a variable given twice the last holds", "", []string{"JELLYWARD_LISTEN=127.0.0.1:2", "JELLYWARD_LISTEN=127.0.0.1:4"}, nil, "127.0.0.1:4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Load(Options{
				File:    write(t, "jellyward.yaml", "jellyfin: {url: 'http://jellyfin:8096'}\ntunnel: {token: t}\n"+tt.file),
				Environ: tt.env,
				Flags:   tt.flag,
			})
			if err != nil {
				t.Fatal(err)
			}
			if got.Listen != tt.want {
				t.Errorf("Listen = %q, want %q", got.Listen, tt.want)
			}
		})
	}
}

// An orchestrator that fills a template hands over empty variables for what
// nobody set.
func TestEmptyIsNotSetWhereEmptyMeansNothing(t *testing.T) {
	got, err := Load(Options{
		File:    write(t, "jellyward.yaml", "jellyfin: {url: 'http://jellyfin:8096'}\nlog: {level: debug}\n"),
		Environ: []string{"JELLYWARD_LOG_LEVEL=", "JELLYWARD_TUNNEL_CONNECTIONS=", "JELLYWARD_TUNNEL_TOKEN_FILE=", "JELLYWARD_TOTP_ISSUER="},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Log.Level != slog.LevelDebug || got.Tunnel.Connections != 4 || got.TOTP.Issuer != "Jellyfin" {
		t.Errorf("Load = %+v", got)
	}
}

func TestSecretsComeFromFilesToo(t *testing.T) {
	token := write(t, "token", "  t0ken\n")
	address := write(t, "redis", "redis://:pw@redis:6379\n")
	for _, tt := range []struct {
		name string
		env  []string
		want string
	}{
		{"own name", []string{"JELLYWARD_TUNNEL_TOKEN=own"}, "own"},
		{"cloudflared's name", []string{"TUNNEL_TOKEN=theirs"}, "theirs"},
		{"both the same", []string{"TUNNEL_TOKEN=same", "JELLYWARD_TUNNEL_TOKEN=same"}, "same"},
		{"own empty", []string{"TUNNEL_TOKEN=theirs", "JELLYWARD_TUNNEL_TOKEN="}, "theirs"},
		{"own file", []string{"JELLYWARD_TUNNEL_TOKEN_FILE=" + token}, "t0ken"},
		{"cloudflared's file", []string{"TUNNEL_TOKEN_FILE=" + token}, "t0ken"},
		{"file, and an empty variable", []string{"TUNNEL_TOKEN=", "TUNNEL_TOKEN_FILE=" + token}, "t0ken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Load(Options{
				File:    write(t, "jellyward.yaml", "jellyfin: {url: 'http://jellyfin:8096'}\n"),
				Environ: append(tt.env, "JELLYWARD_REDIS_URL_FILE="+address),
			})
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Tunnel.Token) != tt.want {
				t.Errorf("Tunnel.Token = %q, want %q", string(got.Tunnel.Token), tt.want)
			}
			if string(got.Redis.URL) != "redis://:pw@redis:6379" {
				t.Errorf("Redis.URL = %q", string(got.Redis.URL))
			}
		})
	}
}

// What Kubernetes adds to every container beside a service of our name is no
// setting of ours, and nobody can take it out.
func TestServiceLinksAreNoSettings(t *testing.T) {
	_, err := Load(Options{
		File: write(t, "jellyward.yaml", "jellyfin: {url: 'http://jellyfin:8096'}\n"),
		Environ: []string{
			"JELLYWARD_SERVICE_HOST=10.0.0.1", "JELLYWARD_SERVICE_PORT=80", "JELLYWARD_SERVICE_PORT_HTTP=80",
			"JELLYWARD_PORT=tcp://10.0.0.1:80", "JELLYWARD_PORT_80_TCP_ADDR=10.0.0.1", "PATH=/bin", "NOT_A_PAIR",
		},
	})
	if err != nil {
		t.Error(err)
	}
}

func TestDataDirFollowsWhoRuns(t *testing.T) {
	service, missing := t.TempDir(), filepath.Join(t.TempDir(), "none")
	for _, tt := range []struct {
		name   string
		env    map[string]string
		system string
		root   bool
		want   string
	}{
		{"root", map[string]string{"HOME": "/root"}, missing, true, missing},
		{"installed as a service", map[string]string{"HOME": "/home/ann"}, service, false, service},
		{"state home", map[string]string{"HOME": "/home/ann", "XDG_STATE_HOME": "/state"}, missing, false, "/state/jellyward"},
		{"relative state home is none", map[string]string{"HOME": "/home/ann", "XDG_STATE_HOME": "state"}, missing, false, "/home/ann/.local/state/jellyward"},
		{"home", map[string]string{"HOME": "/home/ann"}, missing, false, "/home/ann/.local/state/jellyward"},
		{"no home", nil, missing, false, missing},
	} {
		if got := dataDir(tt.env, tt.system, tt.root); got != tt.want {
			t.Errorf("%s: dataDir = %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestFurtherChecksAreReportedWithTheOthers(t *testing.T) {
	_, err := Load(Options{
		File:    write(t, "jellyward.yaml", "jellyfin: {url: 'http://jellyfin:8096'}\nredis: {url: 'http://redis'}\n"),
		Environ: []string{"TUNNEL_TOKEN=nonsense"},
		Further: func(c Config) Problems {
			if string(c.Tunnel.Token) != "nonsense" {
				t.Errorf("Further got %+v", c)
			}
			return Problems{TokenProblem(), {Setting: "redis.url", Cause: "is wrong already"}}
		},
	})
	want := `redis.url has the scheme "http", which is none of Redis's (jellyward.yaml:2)
  hint: ` + redisForms + `
tunnel.token is not a tunnel token (TUNNEL_TOKEN)
  hint: copy the long string after "--token" from the Cloudflare dashboard
`
	if diff := cmp.Diff(want, render(err)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}
