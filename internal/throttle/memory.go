package throttle

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Memory is a [Store] in this process's memory. It is the rules in plain Go, by
// which the Redis store is judged, and good for tests; replicas do not share it.
// The zero Memory is ready.
type Memory struct {
	mu       sync.Mutex
	counters map[counter][]charged
	known    map[counter]time.Time
}

// counter names a list of charges: a network's (no user), or a user's, for one
// network or for all others (no network).
type counter struct {
	network netip.Prefix
	userID  string
}

type charged struct {
	id string
	at time.Time
}

// Charge implements [Store].
func (m *Memory) Charge(_ context.Context, c Charge, rules Rules) (Verdict, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	network := counter{network: c.Network}
	wait := m.wait(network, c, rules)
	verdict := m.askUser(c, rules)
	if verdict.Locked {
		return verdict, nil
	}
	if wait = max(wait, verdict.Wait); wait > 0 {
		return Verdict{Wait: wait}, nil
	}
	m.add(network, c)
	if c.UserID != "" {
		m.add(c.counter(verdict.Scope), c)
	}
	return verdict, nil
}

// Identify implements [Store].
func (m *Memory) Identify(_ context.Context, c Charge, rules Rules) (Verdict, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	verdict := m.askUser(c, rules)
	if verdict.Scope != NoScope {
		m.add(c.counter(verdict.Scope), c)
	}
	return verdict, nil
}

// askUser is what c's user has to say; nothing, if there is none.
func (m *Memory) askUser(c Charge, rules Rules) Verdict {
	if c.UserID == "" {
		return Verdict{}
	}
	scope := m.scope(c, rules)
	name := c.counter(scope)
	if len(m.counters[name]) >= rules.Lock && !m.has(name, c.ID) {
		return Verdict{Locked: true}
	}
	if wait := m.wait(name, c, rules); wait > 0 {
		return Verdict{Wait: wait}
	}
	return Verdict{Scope: scope}
}

// Refund implements [Store].
func (m *Memory) Refund(_ context.Context, c Charge) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(counter{network: c.Network}, c.ID, time.Time{})
	if c.Scope != NoScope {
		m.forget(c.counter(c.Scope), c.ID, time.Time{})
	}
	return nil
}

// Settle implements [Store].
func (m *Memory) Settle(_ context.Context, c Charge, now time.Time, rules Rules) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(counter{network: c.Network}, c.ID, time.Time{})
	if c.Scope == NoScope {
		return nil
	}
	m.forget(c.counter(c.Scope), c.ID, c.At)
	m.forget(c.counter(Home), c.ID, c.At)
	if m.known == nil {
		m.known = map[counter]time.Time{}
	}
	m.known[c.counter(Home)] = now
	maps.DeleteFunc(m.known, func(of counter, since time.Time) bool {
		return of.userID == c.UserID && !since.After(now.Add(-rules.Known))
	})
	return nil
}

// counter is the one of c's user in scope.
func (c Charge) counter(scope Scope) counter {
	if scope == Home {
		return counter{network: c.Network, userID: c.UserID}
	}
	return counter{userID: c.UserID}
}

func (m *Memory) scope(c Charge, rules Rules) Scope {
	since, ok := m.known[c.counter(Home)]
	if ok && c.At.Sub(since) < rules.Known {
		return Home
	}
	return Others
}

func (m *Memory) wait(name counter, c Charge, rules Rules) time.Duration {
	if m.has(name, c.ID) {
		return 0
	}
	var failures []time.Time
	for _, f := range m.counters[name] {
		failures = append(failures, f.at)
	}
	slices.SortFunc(failures, time.Time.Compare)
	return rules.Wait(failures, c.At)
}

func (m *Memory) has(name counter, id string) bool {
	return slices.ContainsFunc(m.counters[name], func(f charged) bool { return f.id == id })
}

func (m *Memory) add(name counter, c Charge) {
	if m.has(name, c.ID) {
		return
	}
	if m.counters == nil {
		m.counters = map[counter][]charged{}
	}
	m.counters[name] = append(m.counters[name], charged{c.ID, c.At})
}

// forget removes the charge of this id, and all until a moment.
func (m *Memory) forget(name counter, id string, until time.Time) {
	charges, ok := m.counters[name]
	if !ok {
		return
	}
	m.counters[name] = slices.DeleteFunc(charges, func(f charged) bool { return f.id == id || !f.at.After(until) })
}
