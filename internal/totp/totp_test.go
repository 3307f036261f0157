package totp_test

import (
	"bytes"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/jellyward/jellyward/internal/totp"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"pgregory.net/rapid"
)

// rfcSecret is the one of RFC 6238, appendix B, for SHA-1.
func rfcSecret(t testing.TB) totp.Secret {
	t.Helper()
	s, err := totp.ParseSecret(base32.StdEncoding.EncodeToString([]byte("12345678901234567890")))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func code(t testing.TB, text string) totp.Code {
	t.Helper()
	c, err := totp.ParseCode(text)
	if err != nil {
		t.Fatalf("ParseCode(%q): %v", text, err)
	}
	return c
}

func TestVectorsOfRFC6238(t *testing.T) {
	s := rfcSecret(t)
	tests := []struct {
		seconds int64
		code    string // the last six of the RFC's eight digits
	}{
		{59, "287082"},
		{1111111109, "081804"},
		{1111111111, "050471"},
		{1234567890, "005924"},
		{2000000000, "279037"},
		{20000000000, "353130"},
	}
	for _, tt := range tests {
		at := time.Unix(tt.seconds, 0)
		if got := s.At(at).Digits(); got != tt.code {
			t.Errorf("code at %d = %s, want %s", tt.seconds, got, tt.code)
		}
		step, ok := s.Match(code(t, tt.code), at)
		if !ok || step != totp.Step(tt.seconds/30) {
			t.Errorf("Match at %d = %d, %v", tt.seconds, step, ok)
		}
	}
}

func TestMatchAcceptsOneStepEitherSideAndSaysWhich(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := totp.NewSecret()
		now := time.Unix(rapid.Int64Range(1_700_000_000, 4_000_000_000).Draw(t, "now"), 0)
		offset := rapid.IntRange(-4, 4).Draw(t, "offset")
		shown := now.Add(time.Duration(offset) * totp.Period)
		step, ok := s.Match(s.At(shown), now)
		near := offset >= -1 && offset <= 1
		if near && (!ok || s.At(time.Unix(int64(step)*30, 0)) != s.At(shown)) {
			t.Fatalf("the code of %d steps away = %d, %v", offset, step, ok)
		}
		if !near && ok && step == totp.StepAt(shown) {
			t.Fatalf("the code of %d steps away was accepted", offset)
		}
	})
}

func TestNothingMatchesNothing(t *testing.T) {
	if _, ok := totp.NewSecret().Match(totp.Code{}, time.Now()); ok {
		t.Error("no code matches")
	}
	none := totp.Secret{}
	if _, ok := none.Match(none.At(time.Now()), time.Now()); ok {
		t.Error("no secret matches")
	}
}

func TestStepAtRoundsDown(t *testing.T) {
	for seconds, want := range map[int64]totp.Step{0: 0, 29: 0, 30: 1, 59: 1, -1: -1, -30: -1, -31: -2} {
		if got := totp.StepAt(time.Unix(seconds, 999)); got != want {
			t.Errorf("StepAt(%d) = %d, want %d", seconds, got, want)
		}
	}
}

func TestParseCode(t *testing.T) {
	for _, text := range []string{
		"123456", " 123456\n", "123 456", "1 2 3 4 5 6", "123-456", "123\u2013456", "123.456", "123\u00a0456",
		"\u200e123456\u200f", "\ufeff123456", "123\t456",
		"١٢٣٤٥٦", "۱۲۳۴۵۶", "१२३४५६", "１２３４５６", "๑๒๓๔๕๖", "𝟏𝟐𝟑𝟒𝟓𝟔", "𝟙𝟚𝟛𝟜𝟝𝟞", "12३٤５6",
	} {
		if got := code(t, text).Digits(); got != "123456" {
			t.Errorf("ParseCode(%q) = %s", text, got)
		}
	}
	for _, text := range []string{
		"", " ", "12345", "1234567", "12345a", "abcdef", "123456x", "½23456", "Ⅻ3456", "12345²", "①23456",
		"一二三四五六", "0x1234", "+12345", "-1-2-3-4-5", "1e5000", "12345\x00", "123456\x00", "\xff123456", "12345\ufffd",
		strings.Repeat("1", 10_000),
	} {
		if _, err := totp.ParseCode(text); !errors.Is(err, totp.ErrCode) {
			t.Errorf("ParseCode(%.20q) = %v, want ErrCode", text, err)
		}
	}
}

func TestDigitsOfEveryScriptHaveTheirValue(t *testing.T) {
	// The standard says of each script that its ten digits stand together from
	// zero to nine; this fails if a later Unicode breaks with it.
	scripts := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !unicode.Is(unicode.Nd, r) {
			continue
		}
		for value := range rune(10) {
			if !unicode.Is(unicode.Nd, r+value) {
				t.Fatalf("%U begins no ten digits", r)
			}
			text := strings.Repeat(string(r+value), 6)
			if got, want := code(t, text).Digits(), strings.Repeat(fmt.Sprint(value), 6); got != want {
				t.Errorf("%U is read as %c, want %c", r+value, got[0], want[0])
			}
		}
		r += 9
		scripts++
	}
	if scripts < 60 {
		t.Errorf("only %d scripts were tried", scripts)
	}
}

func FuzzParseCode(f *testing.F) {
	for _, seed := range []string{"123456", "١٢٣-٤٥٦", "12 34 56", "", "x", "\xff\xfe"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := totp.ParseCode(text)
		if err != nil {
			if !errors.Is(err, totp.ErrCode) || c != (totp.Code{}) {
				t.Fatalf("ParseCode(%q) = %v, %v", text, c.Digits(), err)
			}
			return
		}
		if again, err := totp.ParseCode(c.Digits()); err != nil || again != c {
			t.Fatalf("ParseCode(%q) = %s, which is no code itself", text, c.Digits())
		}
	})
}

func TestParseSecret(t *testing.T) {
	s := totp.NewSecret()
	text := s.Base32()
	if len(text) != 32 || len(s.Bytes()) != 20 {
		t.Fatalf("a secret has %d characters, %d bytes", len(text), len(s.Bytes()))
	}
	for _, spelling := range []string{text, strings.ToLower(text), text[:4] + " " + text[4:], text[:16] + "-" + text[16:]} {
		if got, err := totp.ParseSecret(spelling); err != nil || !got.Equal(s) {
			t.Errorf("ParseSecret: %v", err)
		}
	}
	for _, bad := range []string{"", "MFRA", text[:31], text + "A", "1" + text[1:], "ü" + text[2:], strings.Repeat("A", 32)} {
		if _, err := totp.ParseSecret(bad); !errors.Is(err, totp.ErrSecret) {
			t.Errorf("ParseSecret(%q) = %v, want ErrSecret", bad, err)
		}
	}
	if totp.NewSecret().Equal(totp.NewSecret()) {
		t.Error("two new secrets are equal")
	}
}

func TestURISurvivesEveryName(t *testing.T) {
	s := rfcSecret(t)
	for _, tt := range []struct{ issuer, account, wantIssuer string }{
		{"Jellyfin", "alice", "Jellyfin"},
		{"Jelly: Fin", "a:b", "Jelly  Fin"},
		{"Jörg & Söhne?", "al/ice+x@example.org", "Jörg & Söhne?"},
		{`"quoted" 'n' <b>`, "名前 50%#1", `"quoted" 'n' <b>`},
		{"", "alice:bob", ""},
		{"Jellyfin", "", "Jellyfin"},
	} {
		uri := s.URI(tt.issuer, tt.account)
		u, err := url.Parse(uri)
		if err != nil {
			t.Errorf("URI(%q, %q) = %s: %v", tt.issuer, tt.account, uri, err)
			continue
		}
		q := u.Query()
		label := strings.TrimPrefix(u.Path, "/")
		want := tt.account
		if tt.wantIssuer != "" {
			want = tt.wantIssuer + ":" + tt.account
		}
		if u.Scheme != "otpauth" || u.Host != "totp" || label != want || q.Get("issuer") != tt.wantIssuer ||
			q.Get("secret") != s.Base32() || q.Get("algorithm") != "SHA1" || q.Get("digits") != "6" || q.Get("period") != "30" {
			t.Errorf("URI(%q, %q) = %s", tt.issuer, tt.account, uri)
		}
		for _, r := range uri {
			if r <= ' ' || r > '~' || strings.ContainsRune(`"<>+'`, r) {
				t.Errorf("URI(%q, %q) contains %q: %s", tt.issuer, tt.account, r, uri)
			}
		}
	}
}

func TestQRIsReadAsWhatWasDrawn(t *testing.T) {
	for _, account := range []string{"a", "名前 with a rather long name " + strings.Repeat("x", 100)} {
		uri := totp.NewSecret().URI("Jellyfin", account)
		drawn, err := totp.QR(uri)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(drawn))
		if err != nil {
			t.Fatal(err)
		}
		bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
		if err != nil {
			t.Fatal(err)
		}
		// The picture is the code and nothing else; the search that finds codes in
		// photographs misses one in a hundred of these.
		pure := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true}
		read, err := qrcode.NewQRCodeReader().Decode(bitmap, pure)
		if err != nil || read.GetText() != uri {
			t.Errorf("the image of %s is read as %v, %v", uri, read, err)
		}
		if len(drawn) > 10_000 || img.Bounds().Dx() < 300 {
			t.Errorf("the image has %d bytes and is %v", len(drawn), img.Bounds())
		}
	}
	if _, err := totp.QR("otpauth://totp/" + strings.Repeat("x", 5000)); err == nil || strings.Contains(err.Error(), "xxx") {
		t.Errorf("a text that does not fit: %.100v", err)
	}
}

func TestNothingPrintsASecretOrACode(t *testing.T) {
	s := rfcSecret(t)
	c := s.At(time.Unix(59, 0))
	e := totp.Enrolment{UserID: "1", Secret: s}
	p := totp.Pending{UserID: "1", Secret: s}
	var out bytes.Buffer
	for _, v := range []any{s, &s, c, &c, e, &e, p, []any{s, c}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(encoded)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
	}
	for _, leak := range []string{s.Base32(), "12345678901234567890", "3132333435", "[49 50 51", "0x31, 0x32", "287082", "323837"} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q was printed:\n%s", leak, out.String())
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	s := totp.NewSecret()
	now := time.Unix(1_800_000_000, 0)
	c := s.At(now)
	for b.Loop() {
		if _, ok := s.Match(c, now); !ok {
			b.Fatal("no match")
		}
	}
}
