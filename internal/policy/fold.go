package policy

import "strings"

// cutPrefix takes the old prefix /emby or /mediabrowser off a decoded path and
// decodes what follows a second time, as Jellyfin up to 10.11 does. Those
// versions look for the prefix without regard to where its segment ends, and
// once, so a path that only begins like one, or begins like one again, has no
// meaning that all versions share.
func cutPrefix(local string) (behind string, prefixed bool, err error) {
	n := prefixLen(local)
	if n == 0 {
		return local, false, nil
	}
	if n == len(local) {
		return "/", true, nil
	}
	if local[n] != '/' {
		return "", false, &PathError{"begins like the old prefixes /emby and /mediabrowser without being one"}
	}
	behind, err = decode(local[n:])
	switch {
	case err != nil:
		return "", false, err
	case removeDotSegments(behind) != behind:
		return "", false, &PathError{"has a doubly encoded dot segment"}
	case prefixLen(behind) > 0:
		return "", false, &PathError{"has the old prefixes /emby or /mediabrowser twice"}
	}
	return behind, true, nil
}

// prefixLen is the length of the old prefix that path begins with, 0 if none.
func prefixLen(path string) int {
	for _, prefix := range []string{"/emby", "/mediabrowser"} {
		if len(path) >= len(prefix) && equalFoldASCII(path[:len(prefix)], prefix) {
			return len(prefix)
		}
	}
	return 0
}

// lowered is path with ASCII letters in lower case and no trailing slash.
// Letters outside ASCII stay: Jellyfin never takes one for an ASCII letter.
func lowered(path string) string {
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	for i := 0; i < len(path); i++ {
		if 'A' <= path[i] && path[i] <= 'Z' {
			return lowerFrom(path, i)
		}
	}
	return path
}

func lowerFrom(path string, i int) string {
	var b strings.Builder
	b.Grow(len(path))
	b.WriteString(path[:i])
	for ; i < len(path); i++ {
		b.WriteByte(lowerByte(path[i]))
	}
	return b.String()
}

func equalFoldASCII(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lowerByte(a[i]) != lowerByte(b[i]) {
			return false
		}
	}
	return true
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// maxDepth is how often depths decodes. Nothing on the way decodes that often.
const maxDepth = 5

// depths are the readings of path by the most careless: decoded over and over,
// slashes too, letters folded into ASCII, old prefixes gone, and dot segments
// resolved with empty segments counted or not. Jellyfin reads no path so; the
// closed routes are guarded against it all the same, in case something behind us
// does. They are "" for a path that there is only one way to read.
func depths(path string) [2]string {
	if !strings.Contains(path, "%") && isASCII(path) {
		return [2]string{}
	}
	text := path
	for i := 0; i < maxDepth && strings.Contains(text, "%"); i++ {
		text = unescape(text, true)
	}
	text = foldLetters(text)
	if text == path {
		return [2]string{}
	}
	return [2]string{
		bare(squeeze(removeDotSegments(text))),
		bare(removeDotSegments(squeeze(text))),
	}
}

// bare is path without old prefixes, in lower case.
func bare(path string) string {
	for n := prefixLen(path); n > 0 && n < len(path) && path[n] == '/'; n = prefixLen(path) {
		path = path[n:]
	}
	return lowered(path)
}

// foldLetters replaces the letters outside ASCII whose upper or lower case is
// an ASCII letter. ASP.NET does not take them for that letter; others do.
func foldLetters(s string) string {
	const longS, kelvin, dottedI, dotlessI = "\u017f", "\u212a", "\u0130", "\u0131"
	if !strings.ContainsAny(s, longS+kelvin+dottedI+dotlessI) {
		return s
	}
	return strings.NewReplacer(longS, "s", kelvin, "k", dottedI, "i", dotlessI, "i").Replace(s)
}

// squeeze takes empty segments out.
func squeeze(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
