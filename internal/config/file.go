package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// yamlReader flattens a settings file into texts by key. It walks the syntax
// tree instead of decoding into [Config], so that one mistake does not hide
// the next.
type yamlReader struct {
	path     string
	known    []setting
	seen     []string // keys and sections, for those given twice
	values   map[string]value
	problems Problems
}

// readYAML reads the file's settings. Messages about them show keys and never
// a value that could be a secret under a mistyped key.
func readYAML(known []setting, path string, data []byte) (map[string]value, Problems) {
	r := &yamlReader{path: path, known: known, values: make(map[string]value)}
	tree, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return nil, r.problems
	}
	for i, doc := range tree.Docs {
		if i > 0 && doc.Body != nil {
			r.report(doc.Body.GetToken(), r.fileName(), "holds more than one document", "keep all settings in the first")
			break
		}
		if doc.Body != nil {
			r.section("", doc.Body)
		}
	}
	return r.values, r.problems
}

// syntax reports a file that is not YAML. The parser's excerpt is left out: it
// would show neighbouring lines, secrets among them.
func (r *yamlReader) syntax(err error) {
	p := Problem{
		Setting: r.fileName(),
		Cause:   "is not YAML",
		Hint:    "check indentation (spaces, no tabs) and quotes around that place",
	}
	if yamlErr := yaml.Error(nil); errors.As(err, &yamlErr) {
		p.Cause += ": " + yamlErr.GetMessage()
		p.Where = r.where(yamlErr.GetToken())
	}
	r.problems = append(r.problems, p)
}

// section reads the mapping below prefix, which is empty or ends in a dot.
func (r *yamlReader) section(prefix string, node ast.Node) {
	node = unwrap(node)
	var entries []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.NullNode, *ast.CommentGroupNode:
		return // a section whose lines are all comments
	case *ast.MappingNode:
		entries = n.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{n}
	default:
		r.report(node.GetToken(), r.sectionName(prefix), "is no section", `write keys and values below it, as in "url: http://192.168.1.5:8096"`)
		return
	}
	for _, entry := range entries {
		r.entry(prefix, entry)
	}
}

func (r *yamlReader) entry(prefix string, entry *ast.MappingValueNode) {
	at := entry.Key.GetToken()
	key := prefix + at.Value
	if slices.Contains(r.seen, key) {
		r.reportKey(at, key, "is set twice", "keep one of them")
		return
	}
	r.seen = append(r.seen, key)
	if i := slices.IndexFunc(r.known, func(s setting) bool { return s.Key == key }); i >= 0 {
		r.leaf(r.known[i], entry.Value)
		return
	}
	if r.isSection(key + ".") {
		r.section(key+".", entry.Value)
		return
	}
	key = prefix + shown(at.Value)
	r.reportKey(at, key, "is not a setting", suggest(key, r.names(prefix), "take it out of the file"))
}

// leaf reads a setting's value: a scalar, or a list where the setting is one.
func (r *yamlReader) leaf(s setting, node ast.Node) {
	node = unwrap(node)
	at := node.GetToken()
	text, ok := scalar(node)
	if seq, isList := node.(*ast.SequenceNode); isList && s.isList() {
		items := make([]string, len(seq.Values))
		ok = true
		for i, item := range seq.Values {
			itemText, itemOK := scalar(unwrap(item))
			if s.Separator == ";" && strings.Contains(itemText, s.Separator) {
				r.report(at, s.Key, "has an item with a semicolon, which would make two of it", "write two items, or {name} for what the semicolon stands in")
			}
			items[i], ok = itemText, ok && itemOK
		}
		text = strings.Join(items, s.Separator)
	}
	if !ok {
		r.report(at, s.Key, "is not a plain value", "write the value itself behind the colon")
		return
	}
	r.values[s.Key] = value{text: text, where: r.where(at)}
}

// scalar returns the text of a node that is a single value, as it was written.
func scalar(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.NullNode:
		return "", true
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return strings.TrimSpace(n.Value.Value), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return node.GetToken().Value, true
	default:
		return "", false
	}
}

// unwrap takes tags and anchors off a node.
func unwrap(node ast.Node) ast.Node {
	switch n := node.(type) {
	case *ast.TagNode:
		return unwrap(n.Value)
	case *ast.AnchorNode:
		return unwrap(n.Value)
	default:
		return node
	}
}

// isSection tells whether settings begin with prefix.
func (r *yamlReader) isSection(prefix string) bool {
	return slices.ContainsFunc(r.known, func(s setting) bool { return strings.HasPrefix(s.Key, prefix) })
}

func (r *yamlReader) sectionName(prefix string) string {
	if prefix == "" {
		return r.fileName()
	}
	return strings.TrimSuffix(prefix, ".")
}

func (r *yamlReader) fileName() string { return "settings file " + r.path }

// names lists what may stand below prefix, for suggestions.
func (r *yamlReader) names(prefix string) []string {
	var names []string
	for _, s := range r.known {
		rest, below := strings.CutPrefix(s.Key, prefix)
		if !below {
			continue
		}
		word, _, _ := strings.Cut(rest, ".")
		names = append(names, prefix+word)
	}
	return names
}

func (r *yamlReader) report(at *token.Token, setting, cause, hint string) {
	r.problems = append(r.problems, Problem{
		Setting: setting,
		Cause:   cause,
		Hint:    hint,
		Where:   r.where(at),
	})
}

// reportKey reports a problem with a key, and draws it.
func (r *yamlReader) reportKey(at *token.Token, setting, cause, hint string) {
	r.report(at, setting, cause, hint)
	r.problems[len(r.problems)-1].Excerpt = excerpt(at)
}

func (r *yamlReader) where(at *token.Token) string {
	if at == nil || at.Position == nil {
		return ""
	}
	return fmt.Sprintf("%s:%d", filepath.Base(r.path), at.Position.Line)
}

// excerpt draws a key in its line, and a caret below it. What else stands in
// the line is left out, because it may be a secret.
func excerpt(at *token.Token) string {
	if at == nil || at.Position == nil {
		return ""
	}
	number := fmt.Sprintf("%d", at.Position.Line)
	margin := strings.Repeat(" ", max(at.Position.Column-1, 0))
	return fmt.Sprintf("%s | %s%s: …\n%s | %s^", number, margin, shown(at.Value), strings.Repeat(" ", len(number)), margin)
}

// keyWord matches what a key may look like to be shown in a message.
var keyWord = regexp.MustCompile(`^[A-Za-z0-9_.<?-]{1,40}`)

// shown cuts a key at the first character that belongs in none. With the blank
// behind the colon forgotten, a secret would be part of its own key.
func shown(key string) string {
	word := keyWord.FindString(key)
	if word != key {
		word += "…"
	}
	return word
}
