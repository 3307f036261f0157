package policy_test

import (
	"testing"

	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/policy/policytest"
)

// common are requests of which a playing client sends many.
func common() []policytest.Request {
	return []policytest.Request{
		{Method: "GET", Target: "/Items/0123456789abcdef0123456789abcdef/Images/Primary?tag=x"},
		{Method: "GET", Target: "/Videos/01234567-89ab-cdef-0123-456789abcdef/stream.mkv?static=true"},
		{Method: "GET", Target: "/videos/01234567-89ab-cdef-0123-456789abcdef/hls1/main/0.ts?runtimeTicks=0"},
		{Method: "POST", Target: "/Sessions/Playing/Progress"},
		{Method: "GET", Target: "/Users/0123456789abcdef0123456789abcdef/Items/0123456789abcdef0123456789abcdef"},
		{Method: "GET", Target: "/web/main.jellyfin.bundle.js"},
		{Method: "GET", Target: "/Some/Plugin/Or/Other"},
	}
}

func BenchmarkParsePath(b *testing.B) {
	for _, r := range append(common(), policytest.Request{Method: "GET", Target: "/emby/Users/%2541uthenticateByName"}, policytest.Request{Method: "GET", Target: "/Persons/Bj%C3%B6rk/Images/Primary"}) {
		b.Run(r.Target, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := policy.ParsePath(r.Target, policy.Base{}); err != nil {
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
			path, err := policy.ParsePath(r.Target, policy.Base{})
			if err != nil {
				b.Fatal(err)
			}
			b.Run(name+" "+r.Method+" "+path.Local(), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if d := p.Decide(r.Method, path, "Jellyfin Web"); d.Method == "" {
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
			path, err := policy.ParsePath(r.Target, policy.Base{})
			if err != nil {
				t.Fatal(err)
			}
			decide := func() {
				if p.Decide(r.Method, path, "Jellyfin Web").For(policy.App.Asker(), policy.DefaultSwitches()) == policy.NotHome {
					t.Errorf("%s %s is for home", r.Method, r.Target)
				}
			}
			if n := testing.AllocsPerRun(100, decide); n != 0 {
				t.Errorf("%s: Decide(%s %s) allocates %v times", name, r.Method, r.Target, n)
			}
			if n := testing.AllocsPerRun(100, func() { _, _ = policy.ParsePath(r.Target, policy.Base{}) }); n > 1 {
				t.Errorf("ParsePath(%s) allocates %v times", r.Target, n)
			}
		}
	}
}
