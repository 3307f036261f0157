package throttle

import "time"

// Rules say how many failures are free, how the waits grow, and when a user's
// scope is locked. The numbers in use are [Standard]'s.
type Rules struct {
	// Free failures within Burst cost no wait; so many make the first one.
	Free  int
	Burst time.Duration
	// Memory is how far back failures count for the length of a wait, seen from
	// the last one. It is longer than Burst and than the longest wait, or failures
	// would be forgotten while waiting for them to be forgotten.
	Memory time.Duration
	// FirstWait follows failure number Free; each further one doubles it, up to
	// LongestWait.
	FirstWait, LongestWait time.Duration
	// Lock is the number of consecutive failures that locks a user's scope.
	Lock int
	// Known is how long after a sign-in its network is known for the user.
	Known time.Duration
}

// Standard returns the rules in use: after five failures within 15 minutes each
// further try waits, 1 s, 2 s, 4 s … up to 15 minutes, which leaves a patient
// guesser 17 tries in the first hour and about 14 in each later one. A hundred
// failures in a row are the most that NIST SP 800-63B-4 (3.2.2) allows for one
// account; with three of a million codes valid at a time, they find one with a
// probability of 0.0003.
func Standard() Rules {
	return Rules{
		Free:        5,
		Burst:       15 * time.Minute,
		Memory:      time.Hour,
		FirstWait:   time.Second,
		LongestWait: 15 * time.Minute,
		Lock:        100,
		Known:       KnownFor,
	}
}

// Wait returns how long a try at now still has to wait after failures, which are
// in order of time. It is zero if the try may be charged at once, and never
// longer than the last failure's wait, also if that was after now: replicas'
// clocks differ.
func (r Rules) Wait(failures []time.Time, now time.Time) time.Duration {
	if len(failures) == 0 {
		return 0
	}
	after := r.waitAfter(failures)
	over := failures[len(failures)-1].Add(after)
	return min(after, max(0, over.Sub(now)))
}

// waitAfter is the wait that the last of failures causes.
func (r Rules) waitAfter(failures []time.Time) time.Duration {
	last := failures[len(failures)-1]
	for len(failures) > 0 && last.Sub(failures[0]) >= r.Memory {
		failures = failures[1:]
	}
	for i := r.Free - 1; i < len(failures); i++ {
		if failures[i].Sub(failures[i-r.Free+1]) < r.Burst {
			return r.WaitFor(len(failures))
		}
	}
	return 0
}

// WaitFor is the wait that n remembered failures cause.
func (r Rules) WaitFor(n int) time.Duration {
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

// Kept is how long after its last failure a network's counter can matter.
func (r Rules) Kept() time.Duration { return r.Memory + r.LongestWait }
