package tunnel

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	testID     = "d5d86644-48ba-4c01-a460-b53c763de3a4"
	testSecret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ="
)

func encode(json string) string { return base64.StdEncoding.EncodeToString([]byte(json)) }

var testToken = encode(`{"a":"account","s":"` + testSecret + `","t":"` + testID + `"}`)

func TestParseToken(t *testing.T) {
	for name, text := range map[string]string{
		"as shown":         testToken,
		"with space":       " " + testToken + "\n",
		"without padding":  strings.TrimRight(testToken, "="),
		"url-safe base64":  base64.RawURLEncoding.EncodeToString([]byte(`{"a":"account","s":"` + testSecret + `","t":"` + testID + `"}`)),
		"with an endpoint": encode(`{"a":"account","s":"` + testSecret + `","t":"` + testID + `","e":"us"}`),
	} {
		token, err := ParseToken(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if token.ID() != testID || token.IsZero() {
			t.Errorf("%s: ID %s", name, token.ID())
		}
		again, err := ParseToken(token.Reveal())
		if err != nil || again.Reveal() != token.Reveal() {
			t.Errorf("%s: Reveal does not parse back: %v", name, err)
		}
	}
}

func TestParseTokenSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "empty",
		"  ":                           "empty",
		"not a token!":                 "not base64",
		testToken[:len(testToken)-8]:   "not of a tunnel token",
		encode(`"text"`):               "not of a tunnel token",
		encode(`{}`):                   "account is missing",
		encode(`{"a":"a"}`):            "secret is missing",
		encode(`{"a":"a","s":"AAAA"}`): "ID is missing",
		encode(`{"a":"a","s":"AAAA","t":"00000000-0000-0000-0000-000000000000"}`): "ID is missing",
		encode(`{"a":"a","s":"%%","t":"` + testID + `"}`):                         "not of a tunnel token",
	} {
		_, err := ParseToken(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseToken(%q) = %v, want %q", text, err, want)
		}
		if err != nil && len(text) > 4 && strings.Contains(err.Error(), text) {
			t.Errorf("the error repeats the token: %v", err)
		}
	}
}

func TestTokenNeverPrintsItsSecret(t *testing.T) {
	token, err := ParseToken(testToken)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", token, "config", Config{Token: token})
	asJSON, err := json.Marshal(Config{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf("%v %s %d %x %#v %+v %v %s %s", token, token, token, token, token,
		Config{Token: token}, []any{token, &token}, log.String(), asJSON)
	for _, secret := range []string{testSecret, "secret-secret", fmt.Sprintf("%x", "secret-secret"), testToken, "115 101 99"} {
		if strings.Contains(shown, secret) {
			t.Errorf("%q is shown in %s", secret, shown)
		}
	}
	if !strings.Contains(shown, "tunnel "+testID) {
		t.Errorf("the tunnel's ID is not shown in %s", shown)
	}
}

func TestReadCredentials(t *testing.T) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "credentials.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, text := range map[string]string{
		"credentials file": `{"AccountTag":"account","TunnelSecret":"` + testSecret + `","TunnelID":"` + testID + `"}`,
		"token file":       testToken + "\n",
	} {
		token, err := ReadCredentials(write(text))
		if err != nil || token.ID() != testID {
			t.Errorf("%s: %v, %v", name, token, err)
		}
	}
	for text, want := range map[string]string{
		`{"AccountTag":`:         "not the JSON of a credentials file",
		`{"AccountTag":"a"}`:     "secret is missing",
		"nonsense, but no token": "not base64",
	} {
		if _, err := ReadCredentials(write(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ReadCredentials(%q) = %v, want %q", text, err, want)
		}
	}
	if _, err := ReadCredentials(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(unwrap(err)) {
		t.Errorf("a missing file: %v", err)
	}
}

func unwrap(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return unwrap(u.Unwrap())
	}
	return err
}

func FuzzParseToken(f *testing.F) {
	f.Add(testToken)
	f.Add("e30=")
	f.Fuzz(func(t *testing.T, s string) {
		token, err := ParseToken(s)
		if err != nil {
			return
		}
		again, err := ParseToken(token.Reveal())
		if err != nil || again.ID() != token.ID() {
			t.Errorf("ParseToken(Reveal) = %v, %v", again, err)
		}
	})
}
