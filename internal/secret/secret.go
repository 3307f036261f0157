// Package secret holds the type of texts that must never be printed: passwords,
// Jellyfin's access tokens, the values of cookies.
package secret

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
)

// redacted stands wherever a secret would have been printed.
const redacted = "REDACTED"

// Text is a secret text. Every way of printing or encoding it gives "REDACTED",
// so that a log line, an error or a JSON answer cannot give it away by
// accident; the conversion string(t) reveals it, and is easy to search for.
// Decoding JSON into a Text works as with a string. One hole remains, since
// encoding/json does not ask: a Text must not be the key of a map.
type Text string

// Hash is what a secret of many random bits, such as one of Jellyfin's tokens, is
// kept and found by: its SHA-256 in base64url without padding. "" is its own hash.
func (t Text) Hash() string {
	if t == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(t))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// String gives "REDACTED".
func (Text) String() string { return redacted }

// GoString gives "REDACTED", for %#v.
func (Text) GoString() string { return redacted }

// Format gives "REDACTED" for every verb and flag, %x and %q among them.
func (Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue gives "REDACTED" to log/slog.
func (Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText gives "REDACTED" to every encoder that writes texts.
func (Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON gives "REDACTED" as a JSON string.
func (Text) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
