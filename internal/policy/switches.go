package policy

import "fmt"

// Openness says who gets what Jellyfin itself gives to anybody: streams and
// pictures.
type Openness uint8

const (
	// WithToken: with a live token or a signed-in browser's cookie.
	WithToken Openness = iota
	// WithNetwork: those, and whoever asks from a network that has lately shown
	// a live token.
	WithNetwork
	// Open: anybody, as Jellyfin has it.
	Open
)

// AdminNeed says what Jellyfin's administration needs, beyond an
// administrator's token, for which Jellyfin asks by itself.
type AdminNeed uint8

const (
	// AdminToken: nothing more.
	AdminToken AdminNeed = iota
	// AdminRecent: a browser that has signed in with its second factor within
	// the last hour, with the token of that very session.
	AdminRecent
	// AdminHome: a visitor at home, on the local listener.
	AdminHome
)

// Switches are what an admin may turn without writing lines. The zero value is
// the strictest for media and images; see [DefaultSwitches].
type Switches struct {
	// Media is for the action [Media], Images for [Image].
	Media, Images Openness
	// Admin is for decisions that are [Decision.Elevated].
	Admin AdminNeed
	// ShowUsers and ShowAddress tell visitors from outside who has an account,
	// and Jellyfin's address at home, before they are signed in.
	ShowUsers, ShowAddress bool
}

// DefaultSwitches are what holds when nobody sets anything: streams also for
// networks that have shown a token, pictures for anybody, administration with a
// token.
func DefaultSwitches() Switches { return Switches{Media: WithNetwork, Images: Open} }

// withholds tells whether visitors from outside are not told what.
func (s Switches) withholds(what Withheld) bool {
	return what == Users && !s.ShowUsers || what == Address && !s.ShowAddress
}

// ParseSwitches reads the words of the settings policy.media and policy.images
// (token, network, open) and policy.admin (token, recent, lan).
func ParseSwitches(media, images, admin string) (Switches, error) {
	var s Switches
	var err error
	if s.Media, err = parseOpenness(media); err != nil {
		return Switches{}, fmt.Errorf("media: %w", err)
	}
	if s.Images, err = parseOpenness(images); err != nil {
		return Switches{}, fmt.Errorf("images: %w", err)
	}
	switch admin {
	case "token":
		s.Admin = AdminToken
	case "recent":
		s.Admin = AdminRecent
	case "lan":
		s.Admin = AdminHome
	default:
		return Switches{}, fmt.Errorf("admin: %q is none of token, recent, lan", admin)
	}
	return s, nil
}

func parseOpenness(word string) (Openness, error) {
	switch word {
	case "token":
		return WithToken, nil
	case "network":
		return WithNetwork, nil
	case "open":
		return Open, nil
	default:
		return WithToken, fmt.Errorf("%q is none of token, network, open", word)
	}
}
