package policy

import "strings"

// Path is what a request target means: the one path that is decided on and
// forwarded. Only [ParsePath] makes one that means anything.
type Path struct {
	escaped string    // forwarded: percent-encoded, base path included
	local   string    // decoded (but for %2F), without base path
	lower   string    // local in ASCII lower case, no trailing slash
	depths  [2]string // lower as careless readers might take it; "" if no different
	query   string    // as sent, without the question mark
	outside bool
}

// PathError tells why a request target was refused: it is malformed, or two
// readers could understand it differently. It is answered with 400.
type PathError struct {
	Reason string // completes "the target …", in words for an admin
}

func (e *PathError) Error() string { return "request target refused: it " + e.Reason }

// ParsePath reads a request target as it came off the wire, query included.
//
// It follows what Jellyfin's web server and Jellyfin itself do, step by step:
// decode percent-encoding once (%2F stays as it is), remove dot segments, take
// off the base path, then an /emby or /mediabrowser prefix, and decode what
// followed such a prefix once more. The prefix is taken off for good: Jellyfin
// 10.11 runs the same action without it, and 12 does not know it.
//
// What has no single meaning gets a [*PathError]: anything but an absolute
// path, control characters, backslashes, bytes outside ASCII, a percent sign
// without two hex digits, invalid UTF-8, empty segments but for one trailing
// slash, a dot segment or another prefix that the second decoding brings to
// light, a fragment.
//
// The result is a fixed point: parsing [Path.String] gives the same Path.
func ParsePath(target string, base Base) (Path, error) {
	raw, query, _ := strings.Cut(target, "?")
	if raw == "" || raw[0] != '/' {
		return Path{}, &PathError{"does not begin with a slash"}
	}
	clean, err := scan(raw)
	if err != nil {
		return Path{}, err
	}
	if err := scanQuery(query); err != nil {
		return Path{}, err
	}
	decoded := raw
	if !clean {
		decoded, err = decode(raw)
		if err != nil {
			return Path{}, err
		}
		decoded = removeDotSegments(decoded)
	}
	if strings.Contains(decoded, "//") {
		return Path{}, &PathError{"has an empty segment (two slashes in a row)"}
	}
	local, inside := base.cut(decoded)
	if !inside {
		return outside(decoded, query, clean), nil
	}
	behind, prefixed, err := cutPrefix(local)
	if err != nil {
		return Path{}, err
	}
	p := Path{local: behind, query: query}
	if clean && !prefixed && base.path == "" {
		p.escaped = raw
	} else {
		p.escaped = base.path + escape(behind)
	}
	p.lower, p.depths = lowered(behind), depths(behind)
	return p, nil
}

func outside(decoded, query string, clean bool) Path {
	p := Path{escaped: decoded, local: decoded, lower: lowered(decoded), query: query, outside: true}
	if !clean {
		p.escaped = escape(decoded)
	}
	return p
}

// String is the path to forward: percent-encoded, base path included, without
// the query.
func (p Path) String() string { return p.escaped }

// Local is the path without base path, decoded, for logs and people. A slash
// inside a name still stands as %2F in it.
func (p Path) Local() string { return p.local }

// Lower is Local with ASCII letters in lower case and without a trailing slash;
// the root is "/".
func (p Path) Lower() string { return p.lower }

// RawQuery is the query as sent, without the question mark. Nothing here
// depends on it.
func (p Path) RawQuery() string { return p.query }

// Outside tells that the path does not lie below the base path. Such a path is
// never forwarded.
func (p Path) Outside() bool { return p.outside }
