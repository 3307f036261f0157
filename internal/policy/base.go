package policy

import (
	"fmt"
	"strings"
)

// Base is the path below which Jellyfin is published, the same as the base URL
// in Jellyfin's own network settings. The zero value is the root.
type Base struct {
	path string // "" or "/jellyfin", never with a trailing slash
}

// ParseBase reads a base path such as "/jellyfin". The empty string and "/" are
// the root; one trailing slash is taken off. Only letters, digits and -._~ may
// stand in it, so that it has exactly one spelling on the wire.
func ParseBase(s string) (Base, error) {
	trimmed := strings.TrimSuffix(s, "/")
	if trimmed == "" {
		return Base{}, nil
	}
	if trimmed[0] != '/' {
		return Base{}, fmt.Errorf("base path %q does not begin with a slash", s)
	}
	for segment := range strings.SplitSeq(trimmed[1:], "/") {
		switch segment {
		case "":
			return Base{}, fmt.Errorf("base path %q has an empty segment", s)
		case ".", "..":
			return Base{}, fmt.Errorf("base path %q has a dot segment", s)
		}
		if strings.ContainsFunc(segment, func(r rune) bool { return !unreserved(r) }) {
			return Base{}, fmt.Errorf("base path %q: only letters, digits and -._~ may be in it", s)
		}
	}
	return Base{path: trimmed}, nil
}

// String is the base path without a trailing slash; the root is "".
func (b Base) String() string { return b.path }

// cut takes the base path off a decoded path, once and on a segment boundary,
// in any ASCII case, as ASP.NET's Map does. What is left begins with a slash.
func (b Base) cut(path string) (rest string, inside bool) {
	n := len(b.path)
	switch {
	case n == 0:
		return path, true
	case len(path) < n || !equalFoldASCII(path[:n], b.path):
		return "", false
	case len(path) == n:
		return "/", true
	case path[n] != '/':
		return "", false
	}
	return path[n:], true
}

func unreserved(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._~", r)
}
