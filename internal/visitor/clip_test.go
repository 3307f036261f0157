package visitor_test

import (
	"testing"

	"github.com/jellyward/jellyward/internal/visitor"
)

func TestClip(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"Kodi", "Kodi"},
		{"Wohnzimmer", "Wohnzi"},
		{"Küchen", "Küche"},
		{"Fernsü", "Ferns"},
		{"a\xffb", "a\uFFFDb"},
		{"\xff\xff\xff\xff\xff\xff\xff", "\uFFFD"},
		{"📺📺", "📺"},
	} {
		if got := visitor.Clip(tt.text, 6); got != tt.want {
			t.Errorf("Clip(%q, 6) = %q, want %q", tt.text, got, tt.want)
		}
	}
}
