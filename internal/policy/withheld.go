package policy

import "net/http"

// Withheld is what Jellyfin tells anybody who asks, and visitors from outside are
// not told.
type Withheld uint8

const (
	// Nothing is kept back.
	Nothing Withheld = iota
	// Users are the names of those who have an account.
	Users
	// Address is Jellyfin's own, at home.
	Address
)

// withheldBy is what the answers of a row of the table tell.
func withheldBy(r Rule) Withheld {
	if r.List != "" || r.Methods != http.MethodGet {
		return Nothing
	}
	switch r.Pattern {
	case "/Users/Public":
		return Users
	case "/System/Info/Public":
		return Address
	}
	return Nothing
}
