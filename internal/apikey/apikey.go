// Package apikey holds the list of Jellyfin API keys that may pass although
// they were not given out here: for Jellyseerr and the like, which have no user.
// A line names the key by its hash, so that the settings give nothing away:
//
//	NAME sha256:HASH [from NETWORK…]
//
// HASH is the key's SHA-256 in base64url without padding, which is safe since a
// key has 128 random bits; NETWORK is an address or a network in CIDR notation.
package apikey

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/jellyward/jellyward/internal/secret"
)

// maxName bounds a key's name.
const maxName = 40

// scheme comes before the hash.
const scheme = "sha256:"

// Key is one key that may pass.
type Key struct {
	// Name is what the admin calls it.
	Name string
	// From are the networks it may come from; none means from anywhere.
	From []netip.Prefix

	sum [sha256.Size]byte
}

// New returns the line's contents for a key. The error says what is wrong with
// name.
func New(name string, key secret.Text, from []netip.Prefix) (Key, error) {
	if err := checkName(name); err != nil {
		return Key{}, err
	}
	return Key{Name: name, From: from, sum: sha256.Sum256([]byte(key))}, nil
}

// String gives the line that [Parse] reads.
func (k Key) String() string {
	line := k.Name + " " + scheme + base64.RawURLEncoding.EncodeToString(k.sum[:])
	if len(k.From) == 0 {
		return line
	}
	networks := make([]string, len(k.From))
	for i, n := range k.From {
		networks[i] = n.String()
	}
	return line + " from " + strings.Join(networks, " ")
}

// Parse reads one line.
func Parse(line string) (Key, error) {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return Key{}, errors.New("it needs a name and a hash")
	}
	k := Key{Name: fields[0]}
	if err := checkName(k.Name); err != nil {
		return Key{}, err
	}
	encoded, found := strings.CutPrefix(fields[1], scheme)
	if !found {
		return Key{}, errors.New("the hash does not begin with sha256 and a colon")
	}
	sum, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(sum) != len(k.sum) {
		return Key{}, errors.New("the hash is not 43 letters of base64url")
	}
	k.sum = [sha256.Size]byte(sum)
	if len(fields) == 2 {
		return k, nil
	}
	if fields[2] != "from" || len(fields) == 3 {
		return Key{}, errors.New("behind the hash comes nothing, or from and networks")
	}
	k.From, err = ParseNetworks(fields[3:])
	return k, err
}

// ParseNetworks reads addresses and networks in CIDR notation.
func ParseNetworks(texts []string) ([]netip.Prefix, error) {
	networks := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		n, err := parseNetwork(text)
		if err != nil {
			return nil, err
		}
		networks = append(networks, n)
	}
	return networks, nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	n, err := netip.ParsePrefix(text)
	switch {
	case LooksLikeKey(text):
		return netip.Prefix{}, errors.New("a network looks like a key")
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("%q is no address and no network such as 192.0.2.0/24", text)
	case n.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%q is an IPv4 network in IPv6's clothes; write it as IPv4", text)
	case n != n.Masked():
		return netip.Prefix{}, fmt.Errorf("%q has bits behind its length; write %s", text, n.Masked())
	}
	return n, nil
}

// checkName says what is wrong with a name, without repeating it: it may be a key
// that was put into the wrong place.
func checkName(name string) error {
	odd := strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	})
	switch {
	case name == "":
		return errors.New("the name is empty")
	case LooksLikeKey(name):
		return errors.New("the name looks like a key")
	case odd:
		return errors.New("the name has other characters than letters, digits, dots, dashes and underscores")
	case len(name) > maxName:
		return fmt.Errorf("the name is longer than %d characters", maxName)
	}
	return nil
}

// LooksLikeKey tells whether text has the form of Jellyfin's keys: 32 hexadecimal
// digits.
func LooksLikeKey(text string) bool {
	return len(text) == 32 && strings.Trim(text, "0123456789abcdef") == ""
}

// Keys is a list of keys that may pass. The zero value lets none pass.
type Keys struct{ keys []Key }

// ParseKeys reads lines. Two of one name, or of one key, are an error.
func ParseKeys(lines []string) (Keys, error) {
	var all Keys
	for i, line := range lines {
		k, err := Parse(line)
		if err != nil {
			return Keys{}, fmt.Errorf("key %d: %w", i+1, err)
		}
		for j, other := range all.keys {
			if other.Name == k.Name {
				return Keys{}, fmt.Errorf("key %d: it has the name of key %d", i+1, j+1)
			}
			if other.sum == k.sum {
				return Keys{}, fmt.Errorf("key %d: it is key %d under another name", i+1, j+1)
			}
		}
		all.keys = append(all.keys, k)
	}
	return all, nil
}

// Allows tells whether token is one of the keys and may come from addr, and by
// which name. How long it takes says nothing about a key.
func (k Keys) Allows(token secret.Text, addr netip.Addr) (name string, ok bool) {
	sum := sha256.Sum256([]byte(token))
	found := -1
	for i := range k.keys {
		if subtle.ConstantTimeCompare(sum[:], k.keys[i].sum[:]) == 1 {
			found = i
		}
	}
	if token == "" || found < 0 || !k.keys[found].from(addr) {
		return "", false
	}
	return k.keys[found].Name, true
}

// Len is how many keys there are.
func (k Keys) Len() int { return len(k.keys) }

func (k Key) from(addr netip.Addr) bool {
	if len(k.From) == 0 {
		return true
	}
	addr = addr.Unmap().WithZone("")
	for _, n := range k.From {
		if n.Contains(addr) {
			return true
		}
	}
	return false
}
