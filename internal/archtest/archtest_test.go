// Package archtest holds tests of the project's shape: which package may import
// which, who owns a third-party module, and that every package says what it is
// for. They fail when a shortcut is taken, with the rule that it breaks.
package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	module = "github.com/jellyward/jellyward"
	root   = "../.."
)

// source is one Go file.
type source struct {
	dir     string // relative to the root, slashes
	name    string
	imports []string
	doc     string
}

// test tells whether the file is a test, or in a package that is made for them.
func (s source) test() bool {
	return strings.HasSuffix(s.name, "_test.go") || strings.HasSuffix(s.dir, "test")
}

// sources reads every Go file of the project.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".." || entry.Name() == "testdata") {
			return fs.SkipDir
		}
		if path.Ext(file) != ".go" {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		all = append(all, source{filepath.ToSlash(dir), entry.Name(), importsOf(parsed), parsed.Doc.Text()})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("found only %d files: the test looks in the wrong place", len(all))
	}
	return all
}

func importsOf(file *ast.File) []string {
	var paths []string
	for _, spec := range file.Imports {
		paths = append(paths, strings.Trim(spec.Path.Value, `"`))
	}
	return paths
}

// owners says which packages may import a third-party module. Tests may use
// more: see testOnly.
var owners = map[string][]string{
	"github.com/cloudflare/cloudflared":   {"tunnel", "tunnel/edgetest"},
	"github.com/rs/zerolog":               {"tunnel", "tunnel/edgetest"},
	"github.com/quic-go/quic-go":          {"tunnel", "tunnel/edgetest"},
	"golang.org/x/net":                    {"tunnel", "tunnel/edgetest"},
	"github.com/google/uuid":              {"tunnel", "tunnel/edgetest"},
	"zombiezen.com/go/capnproto2":         {"tunnel", "tunnel/edgetest"},
	"github.com/gin-gonic/gin":            {"internal/portal"},
	"github.com/redis/go-redis":           {"internal/store"},
	"github.com/alicebob/miniredis":       {"internal/store"},
	"github.com/pquerna/otp":              {"internal/totp"},
	"github.com/alecthomas/kong":          {"cmd/jellyward", "internal/cli"},
	"github.com/goccy/go-yaml":            {"internal/config"},
	"github.com/prometheus/client_golang": {"internal/ops", "tunnel"},
	"golang.org/x/sync":                   {"internal/app", "internal/jellyfin", "internal/ops", "internal/store", "tunnel"},
	"golang.org/x/term":                   {"cmd/jellyward", "internal/cli"},
	"github.com/coder/websocket":          {"internal/jellyfin/jellyfintest", "cmd/lab"},
	"github.com/prometheus/client_model":  {},
	"github.com/google/go-cmp":            {},
	"pgregory.net/rapid":                  {},
	"github.com/rogpeppe/go-internal":     {},
	"github.com/chromedp":                 {},
	"github.com/makiuchi-d/gozxing":       {},
}

// testOnly are modules that any test may import.
var testOnly = []string{
	"github.com/google/go-cmp", "pgregory.net/rapid", "github.com/rogpeppe/go-internal", "github.com/chromedp",
	"github.com/makiuchi-d/gozxing", "github.com/coder/websocket", "github.com/prometheus/client_model",
	"github.com/prometheus/client_golang",
}

func TestEachModuleHasItsOwner(t *testing.T) {
	for _, s := range sources(t) {
		for _, imported := range s.imports {
			if !strings.Contains(strings.Split(imported, "/")[0], ".") || within(imported, module) {
				continue
			}
			name := moduleOf(imported)
			if name == "" {
				t.Errorf("%s/%s imports %s, for which no owner is named here", s.dir, s.name, imported)
				continue
			}
			if slices.Contains(owners[name], s.dir) || s.test() && slices.Contains(testOnly, name) {
				continue
			}
			t.Errorf("%s/%s imports %s, which belongs to %v", s.dir, s.name, imported, owners[name])
		}
	}
}

func moduleOf(imported string) string {
	for name := range owners {
		if within(imported, name) {
			return name
		}
	}
	return ""
}

func within(imported, module string) bool {
	return imported == module || strings.HasPrefix(imported, module+"/")
}

// below says what a package of ours may import of ours. What is not listed
// imports nothing of ours.
var below = map[string][]string{
	"cmd/jellyward":            {"*"},
	"cmd/lab":                  {"internal/stage", "internal/jellyfin/jellyfintest", "tunnel/edgetest"},
	"internal/cli":             {"*"},
	"internal/stage":           {"internal/app", "internal/config", "internal/secret", "internal/jellyfin/jellyfintest", "tunnel/edgetest"},
	"internal/app":             {"*"},
	"internal/gateway":         {"internal/issued", "internal/policy", "internal/grant", "internal/session", "internal/visitor", "internal/jellyfin", "internal/proxy", "internal/secret", "internal/throttle", "ui"},
	"internal/portal":          {"internal/apppass", "internal/issued", "internal/quickconnect", "internal/signin", "internal/session", "internal/throttle", "internal/jellyfin", "internal/secret", "internal/visitor", "internal/totp", "ui"},
	"internal/native":          {"internal/signin", "internal/issued", "internal/apppass", "internal/throttle", "internal/jellyfin", "internal/secret", "internal/visitor"},
	"internal/signin":          {"internal/background", "internal/totp", "internal/throttle", "internal/jellyfin", "internal/secret", "internal/visitor"},
	"internal/proxy":           {"internal/jellyfin", "internal/visitor"},
	"internal/grant":           {"internal/secret"},
	"internal/issued":          {"internal/background", "internal/throttle", "internal/jellyfin", "internal/secret", "internal/visitor"},
	"internal/apppass":         {"internal/background", "internal/issued", "internal/totp", "internal/throttle", "internal/jellyfin", "internal/secret", "internal/visitor"},
	"internal/quickconnect":    {"internal/apppass", "internal/issued", "internal/throttle", "internal/jellyfin", "internal/secret", "internal/visitor"},
	"internal/apikey":          {"internal/secret"},
	"internal/store":           {"internal/apppass", "internal/grant", "internal/issued", "internal/jellyfin", "internal/quickconnect", "internal/session", "internal/totp", "internal/throttle", "internal/seal", "internal/secret"},
	"internal/store/storetest": {"internal/store", "internal/apppass", "internal/grant", "internal/issued", "internal/jellyfin", "internal/quickconnect", "internal/session", "internal/totp", "internal/throttle", "internal/seal", "internal/secret"},
	"internal/session":         {"internal/secret"},
	"internal/jellyfin":        {"internal/secret"},
	"internal/config":          {"internal/policy", "internal/secret"},
	"tunnel/edgetest":          {"tunnel"},
}

func TestImportsGoOneWay(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() {
			continue // tests look at whatever they need
		}
		allowed := below[s.dir]
		for _, imported := range s.imports {
			if !within(imported, module) {
				continue
			}
			ours := strings.TrimPrefix(imported, module+"/")
			if !slices.Contains(allowed, "*") && !slices.Contains(allowed, ours) {
				t.Errorf("%s/%s imports %s; it may import %v", s.dir, s.name, ours, allowed)
			}
		}
	}
}

// TestFakesStayOut keeps what is made for tests and for the lab out of the
// program.
func TestFakesStayOut(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() || s.dir == "cmd/lab" || s.dir == "internal/stage" {
			continue
		}
		for _, imported := range s.imports {
			if within(imported, module) && strings.HasSuffix(imported, "test") || imported == "testing" {
				t.Errorf("%s/%s imports %s, which is made for tests", s.dir, s.name, imported)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	documented := map[string]int{}
	for _, s := range sources(t) {
		if strings.HasSuffix(s.name, "_test.go") && s.dir != "internal/archtest" {
			continue
		}
		if _, known := documented[s.dir]; !known {
			documented[s.dir] = 0
		}
		if len(strings.Fields(s.doc)) >= 8 {
			documented[s.dir]++
		}
	}
	for dir, comments := range documented {
		if comments != 1 {
			t.Errorf("%s has %d package comments of eight words or more, want one", dir, comments)
		}
	}
}
