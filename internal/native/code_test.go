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
