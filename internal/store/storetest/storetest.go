// Package storetest is the contract of the store: one suite for every Redis that
// it runs on, and a real redis-server for tests.
package storetest

import (
	"testing"

	"github.com/jellyward/jellyward/internal/apppass"
	"github.com/jellyward/jellyward/internal/grant"
	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/quickconnect"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/totp"
)

// Store is everything that a store must do.
type Store interface {
	totp.Store
	throttle.Store
	session.Store
	grant.Store
	issued.Store
	apppass.Store
	quickconnect.Store
}

// Backend is one empty database to test with.
type Backend struct {
	// Open connects to it, as one more replica would. The connection is closed
	// with the test.
	Open func(t testing.TB) Store
	// Restart stops the server without warning and starts it again with what it
	// has kept; nil if this one keeps nothing.
	Restart func(t testing.TB)
}

// Run runs the contract against databases that open makes.
func Run(t *testing.T, open func(t *testing.T) Backend) {
	for _, group := range []struct {
		name string
		laws []law
	}{
		{"Factors", factorLaws()},
		{"Steps", stepLaws()},
		{"Names", nameLaws()},
		{"Tries", tryLaws()},
		{"Sessions", sessionLaws()},
		{"Grants", grantLaws()},
		{"Issued", issuedLaws()},
		{"AppPasswords", appPasswordLaws()},
		{"Kept", keptLaws()},
		{"Connects", connectLaws()},
		{"Restart", restartLaws()},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, l := range group.laws {
				t.Run(l.name, func(t *testing.T) { l.holds(t, open(t)) })
			}
		})
	}
}

// law is one thing that every store must keep.
type law struct {
	name  string
	holds func(t *testing.T, b Backend)
}
