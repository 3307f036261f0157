package tunnel

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/google/uuid"
)

// Token names a tunnel and holds the secret that proves it ours. It prints as
// the tunnel's ID, never the secret. The zero Token is none.
type Token struct {
	account  string
	secret   []byte
	id       uuid.UUID
	endpoint string
}

// ParseToken reads the long string that Cloudflare's dashboard shows after
// "--token": base64 of a JSON object. The error never repeats the string.
func ParseToken(s string) (Token, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return Token{}, errors.New("tunnel token is empty")
	}
	raw, err := decodeBase64(s)
	if err != nil {
		return Token{}, errors.New("tunnel token is not base64 (cut off, or not a tunnel token?)")
	}
	var fields struct {
		Account  string `json:"a"`
		Secret   []byte `json:"s"`
		ID       string `json:"t"`
		Endpoint string `json:"e"`
	}
	if err := json.Unmarshal(raw, &fields); err != nil {
		return Token{}, errors.New("tunnel token is base64, but not of a tunnel token")
	}
	token, err := newToken(fields.Account, fields.Secret, fields.ID, fields.Endpoint)
	if err != nil {
		return Token{}, fmt.Errorf("tunnel token: %w", err)
	}
	return token, nil
}

// maxCredentials is far more than a credentials file holds.
const maxCredentials = 64 << 10

// ReadCredentials reads the credentials file that `cloudflared tunnel create`
// writes, or a file that holds nothing but a token.
func ReadCredentials(path string) (Token, error) {
	f, err := os.Open(path)
	if err != nil {
		return Token{}, fmt.Errorf("read tunnel credentials: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxCredentials))
	if err != nil {
		return Token{}, fmt.Errorf("read tunnel credentials %s: %w", path, err)
	}
	if !strings.HasPrefix(strings.TrimSpace(string(text)), "{") {
		token, err := ParseToken(string(text))
		if err != nil {
			return Token{}, fmt.Errorf("read tunnel credentials %s: %w", path, err)
		}
		return token, nil
	}
	var fields struct {
		AccountTag   string
		TunnelSecret []byte
		TunnelID     string
		Endpoint     string
	}
	if err := json.Unmarshal(text, &fields); err != nil {
		return Token{}, fmt.Errorf("read tunnel credentials %s: not the JSON of a credentials file", path)
	}
	token, err := newToken(fields.AccountTag, fields.TunnelSecret, fields.TunnelID, fields.Endpoint)
	if err != nil {
		return Token{}, fmt.Errorf("read tunnel credentials %s: %w", path, err)
	}
	return token, nil
}

func newToken(account string, secret []byte, id, endpoint string) (Token, error) {
	if account == "" {
		return Token{}, errors.New("the account is missing")
	}
	if len(secret) == 0 {
		return Token{}, errors.New("the secret is missing")
	}
	parsed, err := uuid.Parse(id)
	if err != nil || parsed == uuid.Nil {
		return Token{}, errors.New("the tunnel's ID is missing or not a UUID")
	}
	return Token{account: account, secret: secret, id: parsed, endpoint: endpoint}, nil
}

// decodeBase64 is lenient about padding and alphabet, as people paste tokens
// from anywhere.
func decodeBase64(s string) ([]byte, error) {
	s = strings.TrimRight(s, "=")
	if strings.ContainsAny(s, "-_") {
		return base64.RawURLEncoding.DecodeString(s)
	}
	return base64.RawStdEncoding.DecodeString(s)
}

// IsZero tells whether there is no token.
func (t Token) IsZero() bool { return t.id == uuid.Nil }

// ID is the tunnel's ID, a UUID; it is no secret.
func (t Token) ID() string { return t.id.String() }

// Reveal is the token as [ParseToken] reads it, secret included.
func (t Token) Reveal() string {
	fields := map[string]any{"a": t.account, "s": t.secret, "t": t.id.String()}
	if t.endpoint != "" {
		fields["e"] = t.endpoint
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		panic(err) // strings and bytes always marshal
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// String is "tunnel ID", or "no tunnel"; never the secret.
func (t Token) String() string {
	if t.IsZero() {
		return "no tunnel"
	}
	return "tunnel " + t.ID()
}

// GoString is [Token.String], so that %#v shows no secret either.
func (t Token) GoString() string { return t.String() }

// Format writes [Token.String] for every verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// LogValue is [Token.String] for slog.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText is [Token.String] for JSON and other encodings.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
