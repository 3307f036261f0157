package apppass

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/jellyward/jellyward/internal/secret"
)

func TestAPasswordHasAHundredRandomBits(t *testing.T) {
	if n := len(alphabet); n != 32 || symbols*5 < 100 {
		t.Fatalf("%d symbols of %d", symbols, n)
	}
	counts := map[byte]int{}
	seen := map[secret.Text]bool{}
	const made = 2000
	for range made {
		p := newPassword()
		if len(p) != symbols || seen[p] {
			t.Fatalf("a password of %d symbols, or twice the same", len(p))
		}
		seen[p] = true
		for i := range len(p) {
			counts[p[i]]++
		}
	}
	for i := range len(alphabet) {
		// 1250 are expected, with a deviation of 35.
		if n := counts[alphabet[i]]; n < 1000 || n > 1500 {
			t.Errorf("%q comes up %d times", alphabet[i], n)
		}
	}
	if strings.ContainsAny(alphabet, "ilou") {
		t.Error("the alphabet has look-alikes")
	}
}

func TestWhatIsShownIsReadHoweverItIsTyped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPassword()
		shown := string(Format(p))
		if groups := strings.Split(shown, "-"); len(groups) != 4 || len(shown) != symbols+3 {
			t.Fatalf("shown in %d groups", len(groups))
		}
		typed := typist(t, shown)
		got, ok := Parse(secret.Text(typed))
		if !ok || got != p {
			t.Fatalf("%q is read as something else than %q", typed, shown)
		}
	})
}

// typist types what is shown in some way.
func typist(t *rapid.T, shown string) string {
	var b strings.Builder
	b.WriteString(rapid.SampledFrom([]string{"", " ", "\t"}).Draw(t, "before"))
	for _, r := range shown {
		switch {
		case r == '-':
			b.WriteString(rapid.SampledFrom([]string{"-", "", " ", " - ", "–", "\u00a0"}).Draw(t, "dash"))
			continue
		case r == '0':
			r = rapid.SampledFrom([]rune("0oO")).Draw(t, "zero")
		case r == '1':
			r = rapid.SampledFrom([]rune("1iIlL")).Draw(t, "one")
		case rapid.Bool().Draw(t, "upper"):
			r = unicode.ToUpper(r)
		}
		b.WriteRune(r)
	}
	b.WriteString(rapid.SampledFrom([]string{"", " ", "\n"}).Draw(t, "behind"))
	return b.String()
}

func TestWhatIsNoAppPassword(t *testing.T) {
	for _, typed := range []secret.Text{
		"", "secret", "0123456789012345678", "012345678901234567890", "aaaaa-aaaaa-aaaaa-aaaau", "aaaaa-aaaaa-aaaaa-aaaaä",
		"aaaaa,aaaaa,aaaaa,aaaaa", "aaaaa-aaaaa-aaaaa-aaaaa\x00", secret.Text(strings.Repeat("ſ", 20)), secret.Text(strings.Repeat("\u212a", 20)), "--- ---",
		secret.Text(strings.Repeat(" ", 1000) + "aaaaaaaaaaaaaaaaaaaa"), "\xff\xfe",
	} {
		if p, ok := Parse(typed); ok {
			t.Errorf("%q is read as %q", string(typed), string(p))
		}
	}
}

func TestEndsInCode(t *testing.T) {
	for typed, want := range map[secret.Text]bool{
		"": false, "12345": false, "123456": true, "secret123456": true, "secret,123456": true, "secret 123456": true,
		"aaaaa-aaaaa-aaaaa-aaaaa": false, "aaaaaaaaaaaaaa123456": true, "aaaaa-aaaaa-aaaaa-12345": false, "12345 6": false,
	} {
		if got := endsInCode(typed); got != want {
			t.Errorf("endsInCode(%q) = %v", string(typed), got)
		}
	}
}
