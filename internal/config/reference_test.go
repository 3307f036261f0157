package config

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the settings reference in testdata and README.md")

const (
	golden      = "testdata/settings.md"
	readme      = "../../README.md"
	beginMarker = "<!-- settings: begin -->\n"
	endMarker   = "<!-- settings: end -->"
)

func TestReferenceIsTheGoldenTable(t *testing.T) {
	if *update {
		if err := os.WriteFile(golden, []byte(Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), Reference()); diff != "" {
		t.Errorf("the reference has changed; run the test with -update (-golden +reference):\n%s", diff)
	}
}

func TestReadmeHoldsTheReference(t *testing.T) {
	text, err := os.ReadFile(readme)
	if errors.Is(err, fs.ErrNotExist) {
		return // the golden table above is checked in any case
	}
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(text), beginMarker)
	table, after, ended := strings.Cut(rest, endMarker)
	if !begun || !ended {
		t.Fatalf("README.md has no lines %q and %q around its settings table", strings.TrimSpace(beginMarker), endMarker)
	}
	if *update {
		if err := os.WriteFile(readme, []byte(before+beginMarker+Reference()+endMarker+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(Reference(), table); diff != "" {
		t.Errorf("README.md's settings table is old; run the test with -update (-reference +readme):\n%s", diff)
	}
}

// Every setting can be found by name and explained from its tags alone.
func TestSettingsAreDocumented(t *testing.T) {
	seen := map[string]string{}
	for _, s := range settings() {
		if s.Doc == "" || !strings.HasSuffix(s.Doc, ".") {
			t.Errorf("%s: doc %q is no sentence", s.Key, s.Doc)
		}
		if s.Default == "" && s.Otherwise == "" {
			t.Errorf("%s: has neither a default nor words for one", s.Key)
		}
		if want := variablePrefix + strings.ToUpper(strings.ReplaceAll(s.Key, ".", "_")); s.Env[0] != want {
			t.Errorf("%s: variable is %s, want %s", s.Key, s.Env[0], want)
		}
		if strings.ContainsAny(s.Doc+s.Otherwise, "|\n") {
			t.Errorf("%s: a bar or line break in its texts breaks the table", s.Key)
		}
		for _, name := range s.Env {
			if other, taken := seen[name]; taken {
				t.Errorf("%s and %s share the variable %s", s.Key, other, name)
			}
			seen[name] = s.Key
		}
	}
}
