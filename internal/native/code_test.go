package native

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jellyward/jellyward/internal/secret"
)

func TestSplit(t *testing.T) {
	for _, tt := range []struct{ typed, password, code string }{
		{"secret123456", "secret", "123456"},
		{"secret,123456", "secret", "123456"},
		{"secret 123456", "secret", "123456"},
		{"secret-123456", "secret-", "123456"},
		{"secret1234567", "secret1", "234567"},
		{"pw 1123456", "pw 1", "123456"},
		{"pw 1,123456", "pw 1", "123456"},
		{"pw, 123456", "pw,", "123456"},
		{"pw,,123456", "pw,", "123456"},
		{"pw  123456", "pw ", "123456"},
		{" pw123456", " pw", "123456"},
		{"pä🙂123456", "pä🙂", "123456"},
		{"123456", "", "123456"},
		{",123456", "", "123456"},
		{"", "", ""},
		{"secret", "secret", ""},
		{"secret12345", "secret12345", ""},
		{"123456secret", "123456secret", ""},
		{"secret123 456", "secret123 456", ""},
		{"secret123456 ", "secret123456 ", ""},
		{"secret１２３４５６", "secret１２３４５６", ""},
		{"secret\t123456", "secret\t", "123456"},
	} {
		password, code := split(secret.Text(tt.typed))
		if string(password) != tt.password || code != tt.code {
			t.Errorf("split(%q) = %q, %q, want %q, %q", tt.typed, string(password), code, tt.password, tt.code)
		}
	}
}

// Whatever the password: with a separator before the code it comes back whole,
// and without one it does if it does not end in one.
func TestThePasswordComesBackWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		password := rapid.OneOf(
			rapid.String(),
			rapid.StringMatching(`[a-z0-9 ,]{0,12}`),
		).Draw(t, "password")
		code := rapid.StringMatching(`[0-9]{6}`).Draw(t, "code")
		separator := rapid.SampledFrom([]string{"", ",", " "}).Draw(t, "separator")
		if separator == "" && strings.TrimRight(password, ", ") != password {
			separator = ","
		}
		gotPassword, gotCode := split(secret.Text(password + separator + code))
		if string(gotPassword) != password || gotCode != code {
			t.Errorf("split(%q) = %q, %q", password+separator+code, string(gotPassword), gotCode)
		}
	})
}

func TestIsAppPassword(t *testing.T) {
	for typed, want := range map[string]bool{
		"abcde-fghjk-mnpqr-stuvw":     true,
		"ABCDE FGHJK MNPQR STUVW":     true,
		"abcdefghjkmnpqrstuvw":        true,
		"abcde-fghjk-mnpqr-2345w":     true,
		"abcde-fghjk-mnpqr-23456":     true,
		"abcde-fghjk-mnpq2-23456":     false, // a password of fourteen with a code
		"fourteenletter123456":        false,
		"fourteenletter 123456":       false,
		"abcde-fghjk-mnpqr-stuv":      false,
		"abcde-fghjk-mnpqr-stuvwx":    false,
		"abcde-fghjk-mnpqr-stuvä":     false,
		"abcde_fghjk_mnpqr_stuvw":     false,
		"":                            false,
		"abcde-fghjk-mnpqr-stuvw1234": false,
	} {
		if got := isAppPassword(secret.Text(typed)); got != want {
			t.Errorf("isAppPassword(%q) = %v, want %v", typed, got, want)
		}
	}
}

// Nothing is both: what ends in a code is never taken for an app password,
// whatever stands before it.
func TestACodeIsNeverTakenForAnAppPassword(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typed := secret.Text(rapid.StringMatching(`[a-zA-Z0-9 ,-]{12,22}[0-9]{6}`).Draw(t, "typed"))
		if _, code := split(typed); code == "" || isAppPassword(typed) {
			t.Errorf("%q is taken for an app password", string(typed))
		}
	})
}
