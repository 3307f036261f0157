package policy_test

import (
	"flag"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/policy/policytest"
)

// How many requests TestDifferential makes up, and of which seed. A finding
// names the seed; the same numbers make up the same requests on any machine.
var (
	differentialCases = flag.Int("cases", 20_000, "how many requests TestDifferential makes up")
	differentialSeed  = flag.Uint64("seed", 20_260_822, "what TestDifferential makes its requests of")
)

// shares are the parts in which cases are made up, each from a stream of its
// own, so that machines of any number of cores make up the same ones.
const shares = 32

// TestDifferential makes up requests, lets the policy decide, and asks models of
// Jellyfin's servers what the forwarded request would run. Nothing may run that
// should be refused, and no client's ordinary request may be refused that should
// run.
func TestDifferential(t *testing.T) {
	started := time.Now()
	o, policies := policytest.NewOracle(t), policytest.MakeLists(t, *differentialSeed, 300)
	var forwarded, ordinary atomic.Int64
	var group sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for share := range uint64(shares) {
		g := policytest.NewGenerator(t, *differentialSeed, share+1, policies)
		group.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			for range *differentialCases / shares {
				w := g.Next()
				r := policytest.Rule(w)
				if err := o.Judge(w, r); err != nil {
					t.Errorf("%s\n%v", w, err)
					return
				}
				if r.Forwarded() {
					forwarded.Add(1)
				}
				if w.Ordinary {
					ordinary.Add(1)
				}
			}
		})
	}
	group.Wait()
	total := *differentialCases / shares * shares
	t.Logf("%d requests of the seed %d in %v: %d forwarded, %d spelled as clients do",
		total, *differentialSeed, time.Since(started).Round(time.Millisecond), forwarded.Load(), ordinary.Load())
	if f := forwarded.Load(); f < int64(total)/5 || f > int64(total)*9/10 {
		t.Error("so few or many are forwarded that the test tests little")
	}
}
