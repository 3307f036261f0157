package totp

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// secretSize is 160 bits, what RFC 4226 recommends.
const secretSize = 20

// ErrSecret means that a text is not a secret of 160 bits in base32.
var ErrSecret = errors.New("not a secret of 32 base32 characters")

// Secret is what an authenticator app and Jellyward share: 160 random bits. It
// prints REDACTED; [Secret.Base32] and [Secret.Bytes] reveal it. The zero Secret
// is none: it matches no code.
type Secret struct {
	key [secretSize]byte
}

// NewSecret returns a new random secret.
func NewSecret() Secret {
	var s Secret
	_, _ = rand.Read(s.key[:]) // never fails: it ends the program instead
	return s
}

// ParseSecret reads a secret as apps show it: base32 in any letter case, spaces
// and dashes between groups, with or without padding. Only 160 bits are a
// secret; everything else is [ErrSecret].
func ParseSecret(s string) (Secret, error) {
	compact := strings.NewReplacer(" ", "", "-", "").Replace(s)
	compact = strings.ToUpper(strings.TrimRight(compact, "="))
	if len(compact) != base32.StdEncoding.WithPadding(base32.NoPadding).EncodedLen(secretSize) {
		return Secret{}, ErrSecret
	}
	raw, err := base32.StdEncoding.DecodeString(compact)
	if err != nil {
		return Secret{}, ErrSecret
	}
	var parsed Secret
	copy(parsed.key[:], raw)
	if parsed.IsZero() {
		return Secret{}, ErrSecret
	}
	return parsed, nil
}

// Base32 reveals the secret as 32 characters that people can type.
func (s Secret) Base32() string { return base32.StdEncoding.EncodeToString(s.key[:]) }

// Bytes reveals the secret's 20 bytes, as a copy.
func (s Secret) Bytes() []byte { return append([]byte(nil), s.key[:]...) }

// IsZero tells that s is the zero Secret, which is none.
func (s Secret) IsZero() bool { return s.Equal(Secret{}) }

// Equal compares two secrets in constant time.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare(s.key[:], other.key[:]) == 1
}

const redacted = "REDACTED"

// String gives "REDACTED".
func (Secret) String() string { return redacted }

// Format gives "REDACTED" for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue gives "REDACTED" to log/slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText gives "REDACTED", to JSON and every other encoder.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
