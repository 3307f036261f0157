package policy

import "fmt"

// Action is what a request needs before it may pass.
type Action uint8

const (
	// Deny never passes, whoever asks: 403.
	Deny Action = iota
	// SignIn is one of Jellyfin's own password endpoints. It never passes
	// either; the answer says where to sign in.
	SignIn
	// Portal is answered by the gateway's own sign-in pages and never reaches
	// Jellyfin.
	Portal
	// Public passes for everybody: what an app asks before it signs in, and
	// jellyfin-web's files, which are public code.
	Public
	// Page is one of jellyfin-web's documents. It is public code too; a browser
	// without our cookie is led to the sign-in page instead.
	Page
	// Token passes with a Jellyfin token on it or with a signed-in browser's
	// cookie, else 401.
	Token
	// Media is a stream or subtitle that Jellyfin itself gives to anybody who
	// knows an id.
	Media
	// Image is artwork or a user's picture, which Jellyfin gives to anybody and
	// most apps load without a token.
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

// parseAction is the inverse of String for the names that exist.
func parseAction(name string) (Action, error) {
	for a := Deny; a <= Image; a++ {
		if a.String() == name {
			return a, nil
		}
	}
	return Deny, fmt.Errorf("unknown action %q", name)
}
