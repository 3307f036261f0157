package policytest

import (
	"fmt"
	"strings"

	"github.com/jellyward/jellyward/internal/policy"
)

// Sender is who sends a request over the wire, with what they really show: a
// token in [policy.Asker] is one that lives.
type Sender struct {
	policy.Asker
	// AnyToken tells that a token is on the request, whether or not it lives.
	AnyToken bool
}

// Reached returns what is wrong with a request that came to Jellyfin: s sent w,
// and Jellyfin got the method and the target. Nothing may run that is closed to
// s, and nothing that the spelling did not mean. It is for [policy.DefaultSwitches],
// and asks the models only, not package policy.
func (o *Oracle) Reached(w Wire, s Sender, method, target string) error {
	forward, _, _ := strings.Cut(target, "?")
	if method != strings.ToUpper(w.Method) {
		return fmt.Errorf("the method %s became %s", w.Method, method)
	}
	meant, err := o.laws.prefixed().Path(w.Target, w.Base.String())
	if err != nil {
		return fmt.Errorf("the spelling means nothing (%w), and came as %q", err, target)
	}
	for _, m := range o.models {
		seen, err := m.Path(forward, w.Base.String())
		if err != nil || seen != meant && seen != meant+"/" {
			return fmt.Errorf("the spelling means %q, and %s sees %q (%v) in %q", meant, m.Version, seen, err, target)
		}
		meant = seen
	}
	_, query, _ := strings.Cut(w.Target, "?")
	s.AnyToken = s.AnyToken || strings.Contains(query, "api_key=") // which the generator makes up, dead
	for _, want := range o.wants(w, method, meant) {
		if !want.passes(s) {
			return fmt.Errorf("%s ran for %+v, which is %v", want.name, s, want.action)
		}
	}
	return o.careless(w, Ruling{Decision: policy.Decision{Method: method}, Forward: forward})
}

// Missed returns what is wrong if w, which s sent, did not come to Jellyfin: it
// should have if it is spelled as clients do, and is open to s.
func (o *Oracle) Missed(w Wire, s Sender) error {
	if !w.Ordinary {
		return nil
	}
	for _, want := range o.open(w) {
		if want.passes(s) {
			return fmt.Errorf("%s, which is %v, was kept from %+v", want.name, want.action, s)
		}
	}
	return nil
}

// passes tells whether what is worth want is open to s.
func (want worth) passes(s Sender) bool {
	switch want.action {
	case policy.Public, policy.Page, policy.Image:
		return true
	case policy.Media:
		return s.Token || s.Cookie || s.Granted
	case policy.Token:
		// Jellyfin judges the token where it asks for one itself.
		return s.Token || s.Cookie || s.AnyToken && want.asks
	}
	return false
}
