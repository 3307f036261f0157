package config

import (
	"strings"
	"testing"
)

// A file, however broken, is understood or refused in words.
func FuzzSettingsFile(f *testing.F) {
	for _, text := range []string{
		"", "jellyfin:\n  url: http://jellyfin:8096\n", "tunnel: {edge: [a:1, b:2], token: |\n x}\n",
		"listen: &a x\nops: *a\n", "? a\n: b\n", "<<: {a: b}\n", "- a\n", "a: !!str [\n", "%YAML 1.2\n---\nlog:\n", "\x00\xff\t",
	} {
		f.Add(text)
	}
	known := settings()
	f.Fuzz(func(t *testing.T, text string) {
		values, problems := readYAML(known, "/etc/jellyward.yaml", []byte(text))
		c := Default()
		for _, s := range known {
			if v, ok := values[s.Key]; ok {
				s.set(&c, v.text)
			}
		}
		for _, p := range append(problems, c.validate()...) {
			if p.Setting == "" || p.Cause == "" || p.Hint == "" || strings.Contains(p.Setting, "\n") {
				t.Errorf("%q: a problem without words: %+v", text, p)
			}
		}
	})
}
