package totp

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
	"unicode"

	"github.com/pquerna/otp/hotp"
)

// digits is the length of a code.
const digits = 6

// ErrCode means that a text cannot be a code.
var ErrCode = errors.New("not a code of six digits")

// Step counts the periods of 30 seconds since 1970: the moving part of a code.
type Step int64

// StepAt returns the step that t lies in.
func StepAt(t time.Time) Step {
	const seconds = int64(Period / time.Second)
	step := t.Unix() / seconds
	if t.Unix()%seconds < 0 {
		step--
	}
	return Step(step)
}

// Code is six digits that someone typed. It prints REDACTED: it may still be
// good for a minute. The zero Code is none, and matches nothing.
type Code struct {
	ascii [digits]byte
}

// ParseCode reads a code as people type or paste it: digits of any script
// (١٢٣, १२३, １２３), with spaces, dashes or dots anywhere, also the invisible
// marks that come with pasted text. Anything else, and any other number of
// digits, is [ErrCode].
func ParseCode(s string) (Code, error) {
	var c Code
	n := 0
	for _, r := range s {
		if ignorable(r) {
			continue
		}
		d, ok := digitValue(r)
		if !ok {
			return Code{}, fmt.Errorf("%w: it contains something that is no digit", ErrCode)
		}
		if n < digits {
			c.ascii[n] = '0' + d
		}
		n++
	}
	if n != digits {
		return Code{}, fmt.Errorf("%w: it has %d", ErrCode, n)
	}
	return c, nil
}

// ignorable tells that r may stand between a code's digits.
func ignorable(r rune) bool {
	return r == '.' || unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || unicode.Is(unicode.Cf, r)
}

// digitValue returns the value of a decimal digit of any script. Unicode keeps
// each script's ten digits together, in order, starting at a zero; their ranges
// in the table of decimal digits are multiples of ten long.
func digitValue(r rune) (byte, bool) {
	if r >= '0' && r <= '9' {
		return byte(r - '0'), true
	}
	for _, rg := range unicode.Nd.R16 {
		if r >= rune(rg.Lo) && r <= rune(rg.Hi) {
			return byte((r - rune(rg.Lo)) % 10), true
		}
	}
	for _, rg := range unicode.Nd.R32 {
		if r >= rune(rg.Lo) && r <= rune(rg.Hi) {
			return byte((r - rune(rg.Lo)) % 10), true
		}
	}
	return 0, false
}

// Match tells whether c is the code of s at a moment, and for which step: the
// current one, the one before or the one after, since clocks differ and typing
// takes time (RFC 6238, 5.2). All three are computed and compared in constant
// time. A match is not yet a sign-in: the step must be spent in the [Store].
func (s Secret) Match(c Code, at time.Time) (Step, bool) {
	if s.IsZero() || c == (Code{}) {
		return 0, false
	}
	now := StepAt(at)
	var matched, found int
	for _, offset := range []int{-1, 0, 1} {
		code := s.at(now + Step(offset))
		equal := subtle.ConstantTimeCompare(code.ascii[:], c.ascii[:])
		matched = subtle.ConstantTimeSelect(equal, offset+1, matched)
		found |= equal
	}
	if found == 0 {
		return 0, false
	}
	return now + Step(matched-1), true
}

// At returns the code that an app shows at a moment.
func (s Secret) At(t time.Time) Code { return s.at(StepAt(t)) }

func (s Secret) at(step Step) Code {
	text, err := hotp.GenerateCode(s.Base32(), uint64(step))
	if err != nil || len(text) != digits {
		return Code{} // cannot happen: our base32 is always valid
	}
	var c Code
	copy(c.ascii[:], text)
	return c
}

// Digits reveals the code's six digits, in ASCII.
func (c Code) Digits() string { return string(c.ascii[:]) }

// String gives "REDACTED".
func (Code) String() string { return redacted }

// Format gives "REDACTED" for every verb.
func (Code) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue gives "REDACTED" to log/slog.
func (Code) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText gives "REDACTED", to JSON and every other encoder.
func (Code) MarshalText() ([]byte, error) { return []byte(redacted), nil }
