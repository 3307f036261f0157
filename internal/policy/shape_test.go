package policy

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// texts are all texts over the letters up to a length, the empty one left out.
func texts(letters string, length int) []string {
	var all []string
	last := []string{""}
	for range length {
		var next []string
		for _, text := range last {
			for _, c := range letters {
				next = append(next, text+string(c))
			}
		}
		all, last = append(all, next...), next
	}
	return all
}

// bruteSegment is what a pattern's segment means, by an expression of its own.
func bruteSegment(pattern string) *regexp.Regexp {
	return regexp.MustCompile("^" + regexp.MustCompile(`\\\{[a-z]\\\}`).ReplaceAllString(regexp.QuoteMeta(pattern), ".+") + "$")
}

// segmentPatterns are segments of every kind, with little literal text.
func segmentPatterns() []string {
	all := texts("ab", 2)
	for _, before := range []string{"", "a", "b", "ab"} {
		for _, behind := range []string{"", "a", "b", "ba"} {
			all = append(all, before+"{x}"+behind)
		}
		for _, between := range []string{"a", "b", "ab"} {
			all = append(all, before+"{x}"+between+"{y}")
		}
	}
	return all
}

// TestSegmentsMeetAndIncludeAsBruteForceSays tries every pair of segments on
// every text. The letter z is in no pattern.
func TestSegmentsMeetAndIncludeAsBruteForceSays(t *testing.T) {
	patterns, words := segmentPatterns(), texts("abz", 7)
	matches := make([][]bool, len(patterns))
	shapes := make([]shape, len(patterns))
	for i, pattern := range patterns {
		shapes[i] = mustShape(t, "/"+pattern)
		matches[i] = make([]bool, len(words))
		expr := bruteSegment(pattern)
		for k, word := range words {
			matches[i][k] = expr.MatchString(word)
			if got := shapes[i].segments[0].match(word); got != matches[i][k] {
				t.Errorf("%s matches %s: %v", pattern, word, got)
			}
		}
	}
	for i, a := range patterns {
		for j, b := range patterns {
			meet, include := false, true
			for k := range words {
				meet = meet || matches[i][k] && matches[j][k]
				include = include && (matches[i][k] || !matches[j][k])
			}
			path, ok := shapes[i].meets(shapes[j])
			if ok != meet {
				t.Errorf("%s meets %s: %v, want %v", a, b, ok, meet)
			}
			if ok && !(bruteSegment(a).MatchString(path[1:]) && bruteSegment(b).MatchString(path[1:])) {
				t.Errorf("%s and %s are said to meet in %s", a, b, path)
			}
			if got := shapes[i].includes(shapes[j]); got != include {
				t.Errorf("%s includes %s: %v, want %v", a, b, got, include)
			}
		}
	}
}

func mustShape(t *testing.T, pattern string) shape {
	t.Helper()
	s, err := parseShape(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// bruteShape is what a pattern means, by an expression of its own.
func bruteShape(pattern string) *regexp.Regexp {
	expr := regexp.QuoteMeta(strings.TrimSuffix(pattern, "/"))
	expr = strings.ReplaceAll(expr, `/\{\*\*r\}`, `(/[^/]+)*`)
	expr = regexp.MustCompile(`\\\{[a-z]\\\}`).ReplaceAllString(expr, "[^/]+")
	return regexp.MustCompile("^" + expr + "$")
}

// pathPatterns are patterns of up to two segments, with and without a rest.
func pathPatterns() []string {
	segments := []string{"a", "b", "{x}", "a{x}", "{x}b", "{x}a{y}"}
	all := []string{"", "/{**r}"}
	for _, one := range segments {
		all = append(all, "/"+one, "/"+one+"/{**r}")
		for _, two := range segments {
			all = append(all, "/"+one+"/"+two, "/"+one+"/"+two+"/{**r}")
		}
	}
	all[0] = "/"
	return all
}

// paths are all paths of up to three segments that are enough to tell any two
// of pathPatterns apart.
func paths() []string {
	words := []string{"a", "b", "z", "ab", "az", "aaz", "aab", "zb", "zaz", "zazb"}
	all := []string{""}
	for _, one := range words {
		all = append(all, "/"+one)
		for _, two := range words {
			all = append(all, "/"+one+"/"+two, "/"+one+"/"+two+"/z")
		}
	}
	return all
}

// TestPatternsMeetAndIncludeAsBruteForceSays tries every pair of patterns on
// every path, and the tree as well: of two rows of which one includes the other,
// the narrower is chosen, in whatever order they were added.
func TestPatternsMeetAndIncludeAsBruteForceSays(t *testing.T) {
	patterns, paths := pathPatterns(), paths()
	matches := make([][]bool, len(patterns))
	shapes := make([]shape, len(patterns))
	for i, pattern := range patterns {
		shapes[i] = mustShape(t, pattern)
		matches[i] = make([]bool, len(paths))
		expr := bruteShape(pattern)
		for k, path := range paths {
			matches[i][k] = expr.MatchString(path)
		}
	}
	for i, a := range patterns {
		for j, b := range patterns {
			meet, include := false, true
			for k := range paths {
				meet = meet || matches[i][k] && matches[j][k]
				include = include && (matches[i][k] || !matches[j][k])
			}
			if path, ok := shapes[i].meets(shapes[j]); ok != meet {
				t.Errorf("%s meets %s: %v (%s), want %v", a, b, ok, path, meet)
			}
			if got := shapes[i].includes(shapes[j]); got != include {
				t.Errorf("%s includes %s: %v, want %v", a, b, got, include)
			}
			if i == j {
				continue
			}
			tree := treeOf(t, a, b)
			for k, path := range paths {
				got := ""
				if r := tree.find(path, methodGet, ""); r != nil {
					got = r.Pattern
				}
				if want := chosen(a, b, matches[i][k], matches[j][k], include); !strings.Contains(want, "|"+got+"|") {
					t.Errorf("of %s and %s, %q goes to %q, want %s", a, b, path, got, want)
				}
			}
		}
	}
}

// chosen are the patterns of which one must be chosen for a path, between bars.
func chosen(a, b string, inA, inB, aIncludesB bool) string {
	switch {
	case inA && inB && aIncludesB:
		return "|" + b + "|"
	case inA && inB:
		return "|" + a + "|" + b + "|"
	case inA:
		return "|" + a + "|"
	case inB:
		return "|" + b + "|"
	}
	return "||"
}

func treeOf(t *testing.T, patterns ...string) *node {
	t.Helper()
	tree := &node{}
	for _, pattern := range patterns {
		r, err := newRow(Rule{Methods: "GET", Pattern: pattern}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.add(r); err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

func TestPatternsThatAreNoneAreRefused(t *testing.T) {
	for _, tt := range []struct{ pattern, want string }{
		{"", "begin with a slash"},
		{"a", "begin with a slash"},
		{"/a//b", "empty segment"},
		{"/{a", "closing brace"},
		{"/a}", "opening brace"},
		{"/{a}{b}", "not understood"},
		{"/{a}.{b}.{c}", "not understood"},
		{"/{a}.{b}c", "not understood"},
		{"/{a{b}}", "not understood"},
		{"/{**a}/b", "goes on after"},
		{"/{**a}b", "not understood"},
	} {
		if s, err := parseShape(tt.pattern); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("parseShape(%q) = %+v, %v, want an error with %q", tt.pattern, s, err, tt.want)
		}
	}
}

// TestTheTablesPatternsMeetAsTheySay holds the table's own patterns against
// each other: a path that two of them are said to share is in both.
func TestTheTablesPatternsMeetAsTheySay(t *testing.T) {
	rules := New().Rules()
	met := 0
	for i, a := range rules {
		for _, b := range rules[:i] {
			path, ok := mustShape(t, a.Pattern).meets(mustShape(t, b.Pattern))
			if !ok {
				continue
			}
			met++
			for _, r := range []Rule{a, b} {
				pattern := strings.ToLower(regexp.MustCompile(`\{\*\*[a-zA-Z]+`).ReplaceAllString(r.Pattern, "{**r"))
				pattern = regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(pattern, "{x}")
				if !bruteShape(pattern).MatchString(strings.TrimSuffix(path, "/")) {
					t.Errorf("%s does not match %s", r.Pattern, path)
				}
			}
		}
	}
	if met < len(rules) {
		t.Error(fmt.Sprint("only ", met, " pairs meet"))
	}
}
