package policy_test

import (
	"testing"

	"github.com/jellyward/jellyward/internal/policy"
)

// common are requests of which a playing client sends many.
func common() []request {
	return []request{
		{"GET", "/Items/0123456789abcdef0123456789abcdef/Images/Primary?tag=x"},
		{"GET", "/Videos/01234567-89ab-cdef-0123-456789abcdef/stream.mkv?static=true"},
		{"GET", "/videos/01234567-89ab-cdef-0123-456789abcdef/hls1/main/0.ts?runtimeTicks=0"},
		{"POST", "/Sessions/Playing/Progress"},
		{"GET", "/Users/0123456789abcdef0123456789abcdef/Items/0123456789abcdef0123456789abcdef"},
		{"GET", "/web/main.jellyfin.bundle.js"},
		{"GET", "/Some/Plugin/Or/Other"},
	}
}

func BenchmarkParsePath(b *testing.B) {
	for _, r := range append(common(), request{"GET", "/emby/Users/%2541uthenticateByName"}, request{"GET", "/Persons/Bj%C3%B6rk/Images/Primary"}) {
		b.Run(r.target, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := policy.ParsePath(r.target, policy.Base{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecide(b *testing.B) {
	p := policy.New()
	for _, r := range common() {
		path, err := policy.ParsePath(r.target, policy.Base{})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(r.method+" "+path.Local(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d := p.Decide(r.method, path, ""); d.Method == "" {
					b.Fatal("no method")
				}
			}
		})
	}
}

func TestCommonDecisionsAllocateNothing(t *testing.T) {
	p := policy.New()
	for _, r := range common() {
		path, err := policy.ParsePath(r.target, policy.Base{})
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { p.Decide(r.method, path, "") }); n != 0 {
			t.Errorf("Decide(%s %s) allocates %v times", r.method, r.target, n)
		}
		if n := testing.AllocsPerRun(100, func() { _, _ = policy.ParsePath(r.target, policy.Base{}) }); n > 1 {
			t.Errorf("ParsePath(%s) allocates %v times", r.target, n)
		}
	}
}
