package throttle

import "time"

// Rules say how many failures are free, how the waits grow, and when a user's
// scope is locked. The numbers in use are [Standard]'s.
type Rules struct {
	// Free is how many failures of one run cost no wait.
	Free int
	// Quiet ends a run of failures: that much time without a failure, waits not
	// counted, and the next failure is the first of a new run.
	Quiet time.Duration
	// FirstWait follows the failure number Free; each further one doubles it.
	FirstWait time.Duration
	// LongestWait is where the doubling ends.
	LongestWait time.Duration
	// Lock is the number of consecutive failures that locks a user's scope.
	Lock int
}

// Standard returns the rules in use: five failures within 15 minutes are free,
// then 1 s, 2 s, 4 s … up to 15 minutes. A hundred failures in a row are the most
// that NIST SP 800-63B-4 (3.2.2) allows for one account; with three of a million
// codes valid at a time they find one with a probability of 0.0003.
func Standard() Rules {
	return Rules{
		Free:        5,
		Quiet:       15 * time.Minute,
		FirstWait:   time.Second,
		LongestWait: 15 * time.Minute,
		Lock:        100,
	}
}

// WaitAfter is the wait that follows failure number n of a run.
func (r Rules) WaitAfter(n int) time.Duration {
	if n < r.Free {
		return 0
	}
	wait := r.FirstWait
	for range n - r.Free {
		wait *= 2
		if wait >= r.LongestWait {
			return r.LongestWait
		}
	}
	return min(wait, r.LongestWait)
}

// Waits lists the waits that follow failure number 1, 2, 3 … of a run, up to the
// first that is the longest; later ones are like the last.
func (r Rules) Waits() []time.Duration {
	var waits []time.Duration
	for n := 1; ; n++ {
		wait := r.WaitAfter(n)
		waits = append(waits, wait)
		if wait >= r.LongestWait {
			return waits
		}
	}
}

// Run returns the length of the run that failures, in order of time, end with.
func (r Rules) Run(failures []time.Time) int {
	n := 0
	for i, t := range failures {
		if n > 0 && t.Sub(failures[i-1]) >= r.Quiet+r.WaitAfter(n) {
			n = 0
		}
		n++
	}
	return n
}

// Wait returns how long a try at now still has to wait after failures, which are
// in order of time. It is zero if the try may be charged at once.
func (r Rules) Wait(failures []time.Time, now time.Time) time.Duration {
	if len(failures) == 0 {
		return 0
	}
	last := failures[len(failures)-1]
	return max(0, last.Add(r.WaitAfter(r.Run(failures))).Sub(now))
}

// Kept is how long a network's failures matter: a run's longest wait and the
// quiet time that ends it.
func (r Rules) Kept() time.Duration { return r.LongestWait + r.Quiet }
