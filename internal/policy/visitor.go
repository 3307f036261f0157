package policy

import "fmt"

// Visitor is one of the kinds of visitors by which decisions are explained.
type Visitor uint8

const (
	// Stranger shows nothing, from a network that has shown nothing.
	Stranger Visitor = iota
	// Browser has signed in with its second factor some hours ago, and shows
	// our cookie.
	Browser
	// App shows a token of Jellyfin's, which lives.
	App
	// Network shows nothing, from a network that has shown a live token lately:
	// a player that fetches films bare.
	Network
	// Home shows nothing, and comes from a home network to the local listener.
	Home
)

// Visitors are all kinds of visitors.
func Visitors() []Visitor { return []Visitor{Stranger, Browser, App, Network, Home} }

// ParseVisitor reads a kind of visitor by its name.
func ParseVisitor(name string) (Visitor, error) {
	for _, v := range Visitors() {
		if v.String() == name {
			return v, nil
		}
	}
	return Stranger, fmt.Errorf("no visitor is called %q", name)
}

func (v Visitor) String() string {
	switch v {
	case Stranger:
		return "stranger"
	case Browser:
		return "browser"
	case App:
		return "app"
	case Network:
		return "network"
	case Home:
		return "home"
	default:
		return fmt.Sprintf("visitor(%d)", uint8(v))
	}
}

// Asker is what the gateway finds out about such a visitor.
func (v Visitor) Asker() Asker {
	return Asker{Token: v == App, Cookie: v == Browser, Granted: v == Network, Home: v == Home}
}
