package policytest

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Model is what Jellyfin does with a request's path, written down from its and
// ASP.NET Core's rules and not from the code under test: Kestrel's decoding,
// the base URL, the old prefixes, routing. TestModelAgreesWithRealServers holds
// it against what real servers did.
type Model struct {
	Version  string // "10.10", "10.11" or "12"
	prefixes bool   // knows /emby and /mediabrowser
	// ops are the operations by the first segment of their templates, which is a
	// literal in all but the root's; the most precise first.
	ops map[string][]*Operation
}

// Errors of [Model.Path].
var (
	ErrBadRequest = errors.New("400")
	ErrOutside    = errors.New("outside the base URL")
)

// NewModel is the model of one of the versions "10.10", "10.11" and "12".
func NewModel(t testing.TB, version string) *Model {
	t.Helper()
	m := &Model{Version: version, prefixes: version != "12", ops: map[string][]*Operation{}}
	for _, op := range Operations(t) {
		if !slices.Contains(op.Versions, version) || strings.HasPrefix(op.Name, "(") {
			continue
		}
		op.compile()
		if op.segments[0].literal == "" {
			t.Fatalf("the template %s has no literal at its beginning", op.Template)
		}
		m.ops[op.segments[0].literal] = append(m.ops[op.segments[0].literal], &op)
	}
	for _, ops := range m.ops {
		slices.SortStableFunc(ops, func(a, b *Operation) int { return strings.Compare(a.precedence, b.precedence) })
	}
	return m
}

// templateSegment is one segment of a template: a literal in lower case, or
// else an expression, which is nil for a plain parameter.
type templateSegment struct {
	literal string
	expr    *regexp.Regexp
}

// match compares a literal in any letter case of ASCII, and of ASCII only.
func (s templateSegment) match(segment string) bool {
	switch {
	case s.literal != "":
		return strings.Map(lowerASCII, segment) == s.literal
	case s.expr != nil:
		return s.expr.MatchString(segment)
	}
	return segment != ""
}

func lowerASCII(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

// compile takes a template's segments apart.
func (op *Operation) compile() {
	for _, s := range Segments(op.Template) {
		digit, segment := "1", templateSegment{literal: strings.Map(lowerASCII, s)}
		switch {
		case strings.Contains(s, ":guid}"):
			digit, segment = "2", templateSegment{expr: regexp.MustCompile(`^[0-9A-Fa-f{}()x,-]+$`)}
		case strings.HasPrefix(s, "{") && strings.Index(s, "}") == len(s)-1:
			digit, segment = "3", templateSegment{}
		case strings.Contains(s, "{"):
			digit, segment = "2", templateSegment{expr: partsExpr(s)}
		}
		op.precedence += digit
		op.segments = append(op.segments, segment)
	}
}

// partsExpr is for a segment such as "stream.{container}".
func partsExpr(s string) *regexp.Regexp {
	var b strings.Builder
	for s != "" {
		literal, rest, found := strings.Cut(s, "{")
		for _, c := range literal {
			b.WriteString("[" + regexp.QuoteMeta(strings.ToLower(string(c))+strings.ToUpper(string(c))) + "]")
		}
		if !found {
			break
		}
		_, s, _ = strings.Cut(rest, "}")
		b.WriteString(`.+`)
	}
	return regexp.MustCompile(`(?s)^` + b.String() + `$`)
}

// Segments are the names in a path, between the slashes; one slash at its end
// counts for nothing.
func Segments(path string) []string {
	path = strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// Path is what routing sees of a request target, or [ErrBadRequest],
// or [ErrOutside].
func (m *Model) Path(target, base string) (string, error) {
	raw, _, _ := strings.Cut(target, "?")
	if !strings.HasPrefix(raw, "/") {
		return "", ErrBadRequest
	}
	for i := range len(raw) {
		if raw[i] == 0 || raw[i] == ' ' || raw[i] >= 0x80 {
			return "", ErrBadRequest
		}
	}
	path, err := Decode(raw)
	if err != nil {
		return "", err
	}
	path = RemoveDots(path)
	if base != "" {
		n := len(base)
		if len(path) < n || !strings.EqualFold(path[:n], base) || len(path) > n && path[n] != '/' {
			return "", ErrOutside
		}
		path = path[n:]
	}
	if m.prefixes {
		return legacyPrefix(path)
	}
	return path, nil
}

// legacyPrefix is LegacyEmbyRouteRewriteMiddleware: it looks at the escaped
// form, which has no letters of its own making, and hands the rest to a parser
// that decodes.
func legacyPrefix(path string) (string, error) {
	for _, prefix := range []string{"/emby", "/mediabrowser"} {
		if len(path) < len(prefix) || !strings.EqualFold(path[:len(prefix)], prefix) {
			continue
		}
		rest := path[len(prefix):]
		if rest == "" {
			return "", nil
		}
		if rest[0] != '/' {
			return "", ErrBadRequest
		}
		return Decode(rest)
	}
	return path, nil
}

// Decode is UrlDecoder.DecodeInPlace: whole UTF-8 sequences are decoded,
// others stay as they are, and so does %2F.
func Decode(s string) (string, error) {
	var out []byte
	for i := 0; i < len(s); {
		seq, next := kestrelSequence(s, i)
		switch {
		case seq == nil:
			out = append(out, s[i:next]...)
		case seq[0] == 0:
			return "", ErrBadRequest
		default:
			out = append(out, seq...)
		}
		i = next
	}
	return string(out), nil
}

// kestrelSequence reads one encoded character at s[i:]. If there is none, seq
// is nil and next is where reading goes on.
func kestrelSequence(s string, i int) (seq []byte, next int) {
	octet := func(i int) (byte, bool) {
		if i+3 > len(s) || s[i] != '%' || strings.EqualFold(s[i+1:i+3], "2f") {
			return 0, false
		}
		n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		return byte(n), err == nil
	}
	first, ok := octet(i)
	if !ok {
		return nil, i + 1
	}
	next = i + 3
	length := 1
	switch {
	case first < 0x80:
	case first&0xe0 == 0xc0:
		length = 2
	case first&0xf0 == 0xe0:
		length = 3
	case first&0xf8 == 0xf0:
		length = 4
	default:
		return nil, next
	}
	seq = []byte{first}
	for len(seq) < length {
		b, ok := octet(next)
		if !ok || b&0xc0 != 0x80 || len(seq) == 1 && beyond(first, b) {
			return nil, next
		}
		seq, next = append(seq, b), next+3
	}
	if length == 2 && first < 0xc2 || length > 2 && overlong(seq) {
		return nil, next
	}
	return seq, next
}

// beyond tells that two octets begin a surrogate or a code point after the last.
func beyond(first, second byte) bool {
	return first == 0xed && second >= 0xa0 || first == 0xf4 && second >= 0x90 || first > 0xf4
}

func overlong(seq []byte) bool {
	return seq[0] == 0xe0 && seq[1] < 0xa0 || seq[0] == 0xf0 && seq[1] < 0x90
}

// RemoveDots is PathNormalizer.RemoveDotSegments: RFC 3986, 5.2.4, step by step.
func RemoveDots(in string) string {
	out := ""
	for in != "" {
		switch {
		case strings.HasPrefix(in, "/./"):
			in = in[2:]
		case in == "/.":
			in = "/"
		case strings.HasPrefix(in, "/../"):
			in, out = in[3:], out[:max(0, strings.LastIndex(out, "/"))]
		case in == "/..":
			in, out = "/", out[:max(0, strings.LastIndex(out, "/"))]
		default:
			n := len(in)
			if i := strings.Index(in[1:], "/"); i >= 0 {
				n = i + 1
			}
			out, in = out+in[:n], in[n:]
		}
	}
	return out
}

// Route is the operation that runs for a path that routing sees: its name, or
// "405", or "-". As in ASP.NET, whether there is the method at all is settled
// before anybody looks inside a segment with a constraint or of several parts,
// but for one that equals a literal which stands at its place.
func (m *Model) Route(method, path string) (Operation, string) {
	segments := Segments(path)
	if slices.Contains(segments, "") || strings.HasSuffix(path, "//") {
		return Operation{}, "-"
	}
	if len(segments) == 0 {
		return Operation{}, "-"
	}
	ops := m.ops[strings.Map(lowerASCII, segments[0])]
	literal := make([]bool, len(segments))
	for i := range segments {
		literal[i] = isLiteral(ops, segments[:i+1])
	}
	var known, allowed bool
	for _, op := range ops {
		if len(op.segments) != len(segments) || !op.match(segments, literal) {
			continue
		}
		known = true
		if !strings.EqualFold(op.Method, method) {
			continue
		}
		allowed = true
		if op.match(segments, nil) {
			return *op, op.Name
		}
	}
	if known && !allowed {
		return Operation{}, "405"
	}
	return Operation{}, "-"
}

// isLiteral tells that the template of one of the operations has the last of
// the segments as a literal and may go on from those before it.
func isLiteral(ops []*Operation, segments []string) bool {
	last := len(segments) - 1
	return slices.ContainsFunc(ops, func(op *Operation) bool {
		return len(op.segments) > last && op.precedence[last] == '1' && op.match(segments, make([]bool, last+1))
	})
}

// match tells whether the segments fit the template's first ones. With look not
// nil, a segment with a constraint or of several parts fits unseen where look
// is false.
func (op *Operation) match(segments []string, look []bool) bool {
	for i, s := range segments {
		unseen := look != nil && !look[i] && op.precedence[i] == '2'
		if !unseen && !op.segments[i].match(s) {
			return false
		}
	}
	return true
}
