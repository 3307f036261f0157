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

// withLists is a policy with the lists of an admin who means it: everything is
// closed but what some apps need, and some of that again.
func withLists(t testing.TB) *policy.Policy {
	t.Helper()
	return compiled(t, "unknown", "-/{**any}", "+/Items/{**r}", "+/Users/{x}/Items/{**r}", "+GET,HEAD /web/{**r} public", "+/Sessions/{**r} for Kodi, Streamyfin",
		"+/Some/{**r}", "-/Some/Plugin/secret", "-/Items/{id}/Download", "+/Videos/{id}/{**r}", "+/Videos/{id}/hls1/{**r} token for Jellyfin Android, Kodi")
}

func BenchmarkDecide(b *testing.B) {
	for name, p := range map[string]*policy.Policy{"table": policy.New(), "lists": withLists(b)} {
		for _, r := range common() {
			path, err := policy.ParsePath(r.target, policy.Base{})
			if err != nil {
				b.Fatal(err)
			}
			b.Run(name+" "+r.method+" "+path.Local(), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if d := p.Decide(r.method, path, "Jellyfin Web"); d.Method == "" {
						b.Fatal("no method")
					}
				}
			})
		}
	}
}

func BenchmarkFor(b *testing.B) {
	p, s := policy.New(), policy.DefaultSwitches()
	path, err := policy.ParsePath("/Videos/1/stream", policy.Base{})
	if err != nil {
		b.Fatal(err)
	}
	d := p.Decide("GET", path, "")
	b.ReportAllocs()
	for b.Loop() {
		if d.For(policy.Asker{Token: true}, s) != policy.Passes {
			b.Fatal("it does not pass")
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		withLists(b)
	}
}

func TestCommonDecisionsAllocateNothing(t *testing.T) {
	for name, p := range map[string]*policy.Policy{"table": policy.New(), "lists": withLists(t)} {
		for _, r := range common() {
			path, err := policy.ParsePath(r.target, policy.Base{})
			if err != nil {
				t.Fatal(err)
			}
			decide := func() {
				if p.Decide(r.method, path, "Jellyfin Web").For(policy.App.Asker(), policy.DefaultSwitches()) == policy.NotHome {
					t.Errorf("%s %s is for home", r.method, r.target)
				}
			}
			if n := testing.AllocsPerRun(100, decide); n != 0 {
				t.Errorf("%s: Decide(%s %s) allocates %v times", name, r.method, r.target, n)
			}
			if n := testing.AllocsPerRun(100, func() { _, _ = policy.ParsePath(r.target, policy.Base{}) }); n > 1 {
				t.Errorf("ParsePath(%s) allocates %v times", r.target, n)
			}
		}
	}
}
