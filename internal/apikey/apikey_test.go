package apikey

import (
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jellyward/jellyward/internal/secret"
)

const (
	key  secret.Text = "0123456789abcdef0123456789abcdef"
	hash string      = "PrG9Q5lH63YpmOVmzMLgmceREYsvQFecxPfaK1Bht_k"
)

func TestLinesAreReadAsTheyAreWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-zA-Z0-9._-]{1,31}`).Draw(t, "name")
		secrets := secret.Text(rapid.StringN(1, 64, -1).Draw(t, "key"))
		var from []netip.Prefix
		for range rapid.IntRange(0, 3).Draw(t, "networks") {
			bytes := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address")
			from = append(from, netip.PrefixFrom(netip.AddrFrom4([4]byte(bytes)), rapid.IntRange(0, 32).Draw(t, "bits")).Masked())
		}
		made, err := New(name, secrets, from)
		if err != nil {
			t.Fatal(err)
		}
		read, err := Parse(made.String())
		if err != nil || read.String() != made.String() || strings.Contains(made.String(), string(secrets)) && len(secrets) > 8 {
			t.Fatalf("%s is read as %s, %v", made, read, err)
		}
	})
}

func TestWhoMayPass(t *testing.T) {
	keys, err := ParseKeys([]string{
		"seerr sha256:" + hash + " from 203.0.113.7 2001:db8::/48",
		"anywhere sha256:" + secret.Text("other").Hash(),
	})
	if err != nil || keys.Len() != 2 {
		t.Fatal(err)
	}
	tests := []struct {
		token secret.Text
		from  string
		want  string
	}{
		{key, "203.0.113.7", "seerr"},
		{key, "::ffff:203.0.113.7", "seerr"},
		{key, "2001:db8::1", "seerr"},
		{key, "2001:db8:0:1::1%eth0", "seerr"},
		{key, "203.0.113.8", ""},
		{key, "2001:db9::1", ""},
		{"other", "198.51.100.1", "anywhere"},
		{"", "203.0.113.7", ""},
		{"Other", "203.0.113.7", ""},
		{secret.Text(hash), "203.0.113.7", ""},
	}
	for _, tt := range tests {
		name, ok := keys.Allows(tt.token, netip.MustParseAddr(tt.from))
		if name != tt.want || ok != (tt.want != "") {
			t.Errorf("from %s = %q, %v, want %q", tt.from, name, ok, tt.want)
		}
	}
	if name, ok := (Keys{}).Allows("", netip.MustParseAddr("203.0.113.7")); ok {
		t.Errorf("without keys %q passes", name)
	}
	if _, ok := keys.Allows(key, netip.Addr{}); ok {
		t.Error("a key passes from nowhere")
	}
}

// No error repeats the line: somebody may have put the key itself there.
func TestBadLinesAreExplainedWithoutRepeatingThem(t *testing.T) {
	tests := []struct {
		lines []string
		want  string
	}{
		{[]string{""}, "key 1: it needs a name and a hash"},
		{[]string{string(key)}, "key 1: it needs a name and a hash"},
		{[]string{string(key) + " sha256:" + hash}, "key 1: the name looks like a key"},
		{[]string{"seerr " + string(key)}, "key 1: the hash does not begin with sha256 and a colon"},
		{[]string{"seerr sha256:" + string(key)}, "key 1: the hash is not 43 letters of base64url"},
		{[]string{"seerr sha256:" + hash + "="}, "key 1: the hash is not 43 letters of base64url"},
		{[]string{"seerr sha256:" + hash[:42] + "l"}, "key 1: the hash is not 43 letters of base64url"},
		{[]string{"se/err sha256:" + hash}, "key 1: the name has other characters than letters, digits, dots, dashes and underscores"},
		{[]string{strings.Repeat("x", 41) + " sha256:" + hash}, "key 1: the name is longer than 40 characters"},
		{[]string{"seerr sha256:" + hash + " from"}, "key 1: behind the hash comes nothing, or from and networks"},
		{[]string{"seerr sha256:" + hash + " 10.0.0.0/8"}, "key 1: behind the hash comes nothing, or from and networks"},
		{[]string{"seerr sha256:" + hash + " from home"}, `key 1: "home" is no address and no network such as 192.0.2.0/24`},
		{[]string{"seerr sha256:" + hash + " from " + string(key)}, "key 1: a network looks like a key"},
		{[]string{"seerr sha256:" + hash + " from 10.0.0.1/8"}, `key 1: "10.0.0.1/8" has bits behind its length; write 10.0.0.0/8`},
		{[]string{"seerr sha256:" + hash + " from ::ffff:10.0.0.0/104"}, `key 1: "::ffff:10.0.0.0/104" is an IPv4 network in IPv6's clothes; write it as IPv4`},
		{[]string{"a sha256:" + hash, "b sha256:" + hash}, "key 2: it is key 1 under another name"},
		{[]string{"a sha256:" + hash, "a sha256:" + secret.Text("x").Hash()}, "key 2: it has the name of key 1"},
	}
	for _, tt := range tests {
		keys, err := ParseKeys(tt.lines)
		if err == nil || err.Error() != tt.want || keys.Len() != 0 {
			t.Errorf("ParseKeys(%q) = %v, want %s", tt.lines, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), string(key)) {
			t.Errorf("the error repeats the key: %v", err)
		}
	}
}
