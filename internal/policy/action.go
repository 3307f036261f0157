package policy

import "fmt"

// Action is what a request needs before it may pass.
//
// What jellyfin-web and the apps need is let through with no more than that;
// what Jellyfin gives to anybody and should not is where the actions differ from
// Jellyfin's own questions.
type Action uint8

// The actions, as an admin may want to know them.
const (
	// Deny never passes, whoever asks: 403. It is for what is no use from outside
	// and harms there (the start-up wizard, password resets by a file at home,
	// plugins that sign in with a password alone, descriptions and numbers of the
	// server), and for what an admin closes by policy.deny, or by policy.unknown:
	// deny.
	Deny Action = iota
	// SignIn is one of Jellyfin's own password endpoints. It never passes as it
	// was sent: an app's password is looked at by the gateway itself, which asks
	// for the second factor too, and anybody else is told where to sign in. In
	// whatever spelling Jellyfin would take, a password alone gets nobody in.
	SignIn
	// Portal is answered by the gateway's own sign-in pages, below /sso/2fa, and
	// never reaches Jellyfin. No line of an admin's opens or closes it.
	Portal
	// Public passes for everybody: what an app asks before it signs in (is this
	// a Jellyfin, which version, may I use Quick Connect), and jellyfin-web's
	// files, which are public code. Nothing of the library is in it.
	Public
	// Page is one of jellyfin-web's documents. It is public code too, so apps
	// that show it get it; a person who opens it in a browser without our cookie
	// is led to the sign-in page instead. That is a guide and no barrier: the
	// barrier is on what the page asks for then.
	Page
	// Token passes with a Jellyfin token on it or with a signed-in browser's
	// cookie, else 401. Where Jellyfin asks for a token itself it also judges it,
	// and whether its user may do this; where it does not, the gateway finds out
	// first whether the token lives. What asks for an administrator in Jellyfin
	// ([Decision.Elevated]) may need more by policy.admin: with token (the
	// default) it does not; with recent it takes a browser that has signed in with
	// its second factor within the last hour; with lan it takes a visitor at home
	// on the local listener, and administration from outside is off.
	Token
	// Media is a stream, a subtitle or an attachment that Jellyfin itself gives
	// to anybody who knows an id. It passes with a token that lives or our
	// cookie. By policy.media: network (the default) it passes without them from
	// a network that has shown such a token lately, at home as elsewhere, since
	// televisions, external players and Chromecast fetch films bare; with token it
	// does not, and those players stay dark; with open it passes for everybody, as
	// without a gateway.
	Media
	// Image is artwork or a user's picture, which Jellyfin gives to anybody and
	// most apps load without a token, some of them before sign-in. By
	// policy.images: open (the default) it passes for everybody who knows or
	// guesses an id; with network or token it is as with media, and apps show
	// grey boxes where they ask without a token.
	Image
)

// String is the action's name as it stands in routes.txt.
func (a Action) String() string {
	switch a {
	case Deny:
		return "deny"
	case SignIn:
		return "signin"
	case Portal:
		return "portal"
	case Public:
		return "public"
	case Page:
		return "page"
	case Token:
		return "token"
	case Media:
		return "media"
	case Image:
		return "image"
	default:
		return fmt.Sprintf("action(%d)", uint8(a))
	}
}

// ParseAction is the inverse of String for the names that exist.
func ParseAction(name string) (Action, error) {
	for a := Deny; a <= Image; a++ {
		if a.String() == name {
			return a, nil
		}
	}
	return Deny, fmt.Errorf("unknown action %q", name)
}
