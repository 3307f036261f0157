package ops

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// DefaultTimeout bounds one check.
	DefaultTimeout = 2 * time.Second
	// reportAge is how long a report is given out again, so that a prober that
	// asks fast, or many of them, cost Redis and Jellyfin nothing.
	reportAge = time.Second
)

// Check is one thing that must work before visitors are well served.
type Check struct {
	// Name is one word: "redis".
	Name string
	// Probe finds out. Its word says how things are ("ok", "3 of 4
	// connections", "starting") and is shown to whoever asks; its error means
	// not ready, and is only logged. It should end with its context.
	Probe func(context.Context) (word string, err error)
}

// Report is the answer of /readyz.
type Report struct {
	// Ready tells whether every check passed.
	Ready bool `json:"ready"`
	// Checks are the checks in the order of [Options.Checks].
	Checks []Result `json:"checks"`
}

// Result is the outcome of one check.
type Result struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Word string `json:"word"`
}

type readiness struct {
	probes  []*probe
	timeout time.Duration
	now     func() time.Time
	log     *slog.Logger

	turn chan struct{} // full while somebody makes or reads the report
	last Report
	at   time.Time
}

func newReadiness(o Options) *readiness {
	r := &readiness{timeout: o.Timeout, now: o.Now, log: o.Logger, turn: make(chan struct{}, 1)}
	if r.timeout <= 0 {
		r.timeout = DefaultTimeout
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	for _, check := range o.Checks {
		r.probes = append(r.probes, &probe{Check: check, free: make(chan struct{}, 1)})
	}
	return r
}

// report runs the checks side by side, unless it has just done so. Askers who
// come meanwhile wait for the same report.
func (r *readiness) report(ctx context.Context) Report {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	if !r.at.IsZero() && r.now().Sub(r.at) < reportAge {
		return r.last
	}
	// The report outlives whoever asked for it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.timeout)
	defer cancel()
	outcomes := make([]outcome, len(r.probes))
	var all sync.WaitGroup
	for i, p := range r.probes {
		all.Go(func() { outcomes[i] = p.run(ctx) })
	}
	all.Wait()

	report := Report{Ready: true, Checks: make([]Result, len(r.probes))}
	for i, p := range r.probes {
		report.Checks[i] = Result{Name: p.Name, OK: outcomes[i].err == nil, Word: outcomes[i].shown()}
		report.Ready = report.Ready && outcomes[i].err == nil
	}
	r.logChanges(ctx, report, outcomes)
	r.last, r.at = report, r.now()
	return report
}

// logChanges logs each check whose outcome is not what it was; the first
// report only what fails.
func (r *readiness) logChanges(ctx context.Context, report Report, outcomes []outcome) {
	for i, result := range report.Checks {
		wasOK := r.at.IsZero() || r.last.Checks[i].OK
		switch {
		case wasOK && !result.OK:
			r.log.WarnContext(ctx, "check fails", "check", result.Name, "word", result.Word, "error", outcomes[i].err)
		case !wasOK && result.OK:
			r.log.InfoContext(ctx, "check passes again", "check", result.Name, "word", result.Word)
		}
	}
}

// probe runs one check, never twice at the same time.
type probe struct {
	Check
	free chan struct{} // full while the check runs
}

type outcome struct {
	word string
	err  error
}

// run returns the check's outcome, or what the context's end makes of it. A
// check that hangs on is left behind, and is not started again until it ends.
func (p *probe) run(ctx context.Context) outcome {
	select {
	case p.free <- struct{}{}:
	default:
		return outcome{"no answer", context.DeadlineExceeded}
	}
	done := make(chan outcome, 1)
	go func() {
		defer func() { <-p.free }()
		word, err := p.Probe(ctx)
		done <- outcome{word, err}
	}()
	select {
	case o := <-done:
		return o
	case <-ctx.Done():
		return outcome{"no answer", ctx.Err()}
	}
}

// shown is the word for the report; a check that has none gets a plain one.
func (o outcome) shown() string {
	switch {
	case o.word != "":
		return o.word
	case o.err != nil:
		return "fails"
	default:
		return "ok"
	}
}
