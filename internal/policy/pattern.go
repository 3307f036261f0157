package policy

import (
	"strings"
	"unicode"
)

const patternForm = "write a path as /Videos/{id}/stream.{kind}: {name} is one segment or a part of one, {**name} at the end is any number of segments"

// patternProblem tells what is wrong with the pattern of an admin's line: it is
// no pattern, or no path that is ever decided on can be one of it.
func patternProblem(pattern string) (cause, hint string) {
	pattern = trimSlash(pattern)
	switch {
	case strings.ContainsAny(pattern, "?#"):
		return "has a query or a fragment", "end the pattern before the ? or #: only paths are decided on"
	case strings.Contains(pattern, `\`):
		return "can never match: a path with a backslash is refused", "write slashes"
	case strings.Contains(pattern, "//"):
		return "can never match: a path with an empty segment is refused", "write one slash where there are two"
	case !isASCII(pattern):
		return "has a letter outside ASCII, of which Jellyfin and Jellyward could take capital and small for different ones", "write {name} for the segment with that letter"
	case prefixLen(pattern) > 0:
		return "can never match: /emby and /mediabrowser are taken off a path before it is decided on", "write the pattern without that prefix; it counts for both spellings"
	}
	for segment := range strings.SplitSeq(pattern[1:], "/") {
		if cause, hint = segmentProblem(segment); cause != "" {
			return cause, hint
		}
	}
	if _, err := parseShape(pattern); err != nil {
		return "is not understood: " + err.Error(), patternForm
	}
	return "", ""
}

func segmentProblem(segment string) (cause, hint string) {
	if segment == "." || segment == ".." {
		return "can never match: dot segments are resolved before a path is decided on", "write the path that is meant"
	}
	for i := range len(segment) {
		if c, encoded := hexPair(segment[i:]); encoded && c != '/' {
			return "can never match: patterns are written plainly, and " + segment[i:i+3] + " is percent-encoded", "write the character itself; only %2F, a slash within a name, stays as it is"
		}
	}
	for rest := segment; ; {
		_, after, open := strings.Cut(rest, "{")
		name, behind, _ := strings.Cut(after, "}")
		if !open {
			return "", ""
		}
		if bare := strings.TrimPrefix(name, "**"); bare == "" || strings.ContainsFunc(bare, notName) {
			return "has a parameter that is not understood: {" + name + "}", patternForm
		}
		if strings.HasPrefix(name, "**") && segment != "{"+name+"}" {
			return "has a catch-all that is only a part of a segment", patternForm
		}
		rest = behind
	}
}

// notName tells what may not stand in a parameter's name. It may be anything
// else: the names are only for readers.
func notName(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// notText tells control and other invisible characters.
func notText(r rune) bool { return !unicode.IsPrint(r) }

// trimSlash takes one trailing slash off, which makes no difference.
func trimSlash(pattern string) string {
	if len(pattern) > 1 {
		return strings.TrimSuffix(pattern, "/")
	}
	return pattern
}
