package policy_test

import (
	"testing"

	"github.com/jellyward/jellyward/internal/policy"
)

func TestParseBase(t *testing.T) {
	for _, tt := range []struct {
		in, want string
		ok       bool
	}{
		{"", "", true},
		{"/", "", true},
		{"/jellyfin", "/jellyfin", true},
		{"/jellyfin/", "/jellyfin", true},
		{"/media/Jelly-fin_2.0~x", "/media/Jelly-fin_2.0~x", true},
		{"jellyfin", "", false},
		{"//", "", false},
		{"//jellyfin", "", false},
		{"/a//b", "", false},
		{"/a/../b", "", false},
		{"/a/.", "", false},
		{"/jelly%66in", "", false},
		{"/jelly fin", "", false},
		{"/jelly\\fin", "", false},
		{"/jellyfın", "", false},
		{"https://example.org/jellyfin", "", false},
		{"/jellyfin?x", "", false},
	} {
		got, err := policy.ParseBase(tt.in)
		if got.String() != tt.want || (err == nil) != tt.ok {
			t.Errorf("ParseBase(%q) = %q, %v; want %q, ok %v", tt.in, got, err, tt.want, tt.ok)
		}
	}
}

func TestBasePathIsTakenOffOnceOnASegmentBoundary(t *testing.T) {
	base, err := policy.ParseBase("/jellyfin")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		target, forwarded, local string
		outside                  bool
	}{
		{"/jellyfin/Users/Me", "/jellyfin/Users/Me", "/Users/Me", false},
		{"/JELLYFIN/Users/Me", "/jellyfin/Users/Me", "/Users/Me", false},
		{"/%6aellyfin/Users/Me", "/jellyfin/Users/Me", "/Users/Me", false},
		{"/jellyfin", "/jellyfin/", "/", false},
		{"/jellyfin/", "/jellyfin/", "/", false},
		{"/jellyfin/web/", "/jellyfin/web/", "/web/", false},
		{"/x/../jellyfin/Users/Me", "/jellyfin/Users/Me", "/Users/Me", false},
		{"/jellyfin/emby/Users/Me", "/jellyfin/Users/Me", "/Users/Me", false},
		{"/jellyfin/emby/Users/%254de", "/jellyfin/Users/Me", "/Users/Me", false},
		{"/jellyfin/jellyfin/Users/Me", "/jellyfin/jellyfin/Users/Me", "/jellyfin/Users/Me", false},
		{"/Users/Me", "/Users/Me", "/Users/Me", true},
		{"/", "/", "/", true},
		{"/jellyfin2/Users/Me", "/jellyfin2/Users/Me", "/jellyfin2/Users/Me", true},
		{"/jellyfin%2FUsers/Me", "/jellyfin%2FUsers/Me", "/jellyfin%2FUsers/Me", true},
		{"/jellyfin/../Users/Me", "/Users/Me", "/Users/Me", true},
		{"/emby/jellyfin/Users/Me", "/emby/jellyfin/Users/Me", "/emby/jellyfin/Users/Me", true},
	} {
		p, err := policy.ParsePath(tt.target, base)
		if err != nil {
			t.Errorf("ParsePath(%s): %v", tt.target, err)
			continue
		}
		if p.String() != tt.forwarded || p.Local() != tt.local || p.Outside() != tt.outside {
			t.Errorf("ParsePath(%s) = %s, local %s, outside %v; want %s, %s, %v", tt.target, p, p.Local(), p.Outside(), tt.forwarded, tt.local, tt.outside)
		}
	}
}
