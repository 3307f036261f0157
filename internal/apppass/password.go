package apppass

import (
	"crypto/rand"
	"strings"
	"unicode"

	"github.com/jellyward/jellyward/internal/secret"
)

// alphabet is Crockford's base 32: no letter in it looks like a digit that is in
// it too, and whoever types O, I or L means 0 or 1.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

const (
	// symbols of five bits each make 100 random bits.
	symbols = 20
	// group is how many are shown together.
	group = 5
	// maxTyped bounds what is looked at.
	maxTyped = 4 * symbols
)

// newPassword makes a password in the form that is hashed: without groups.
func newPassword() secret.Text {
	var random [symbols]byte
	_, _ = rand.Read(random[:]) // never fails: it ends the program instead
	for i, b := range random {
		random[i] = alphabet[b%byte(len(alphabet))]
	}
	return secret.Text(random[:])
}

// Format puts a password into the groups in which it is shown.
func Format(password secret.Text) secret.Text {
	var b strings.Builder
	for i := range len(password) {
		if i > 0 && i%group == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(password[i])
	}
	return secret.Text(b.String())
}

// Parse reads a password as it was typed, in any case, with or without its
// dashes, or spaces instead. It tells whether typed has the form of one.
func Parse(typed secret.Text) (secret.Text, bool) {
	if len(typed) > maxTyped {
		return "", false
	}
	password := make([]byte, 0, symbols)
	for _, r := range string(typed) {
		if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) {
			continue
		}
		s, ok := symbol(r)
		if !ok || len(password) == symbols {
			return "", false
		}
		password = append(password, s)
	}
	return secret.Text(password), len(password) == symbols
}

func symbol(r rune) (byte, bool) {
	if 'A' <= r && r <= 'Z' {
		r += 'a' - 'A'
	}
	switch r {
	case 'o':
		r = '0'
	case 'i', 'l':
		r = '1'
	}
	if r > unicode.MaxASCII || strings.IndexByte(alphabet, byte(r)) < 0 {
		return 0, false
	}
	return byte(r), true
}

// endsInCode tells whether typed could also be a password with a six-digit code
// behind it.
func endsInCode(typed secret.Text) bool {
	const digits = 6
	if len(typed) < digits {
		return false
	}
	return strings.Trim(string(typed[len(typed)-digits:]), "0123456789") == ""
}
