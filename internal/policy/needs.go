package policy

// Asker is who makes a request, as far as the gateway has found out. What was
// not looked up, because [Needs] does not ask for it, is false.
type Asker struct {
	// Token tells that a token is on the request; one that lives, if
	// [Needs.Live].
	Token bool
	// Cookie tells that the request comes from a browser with a session of ours;
	// one whose token lives, if [Needs.Live].
	Cookie bool
	// Recent tells that the browser's session began within the last hour, and
	// that the token on the request, if any, is the session's own.
	Recent bool
	// Granted tells that the network has shown a live token lately.
	Granted bool
	// Home tells that the request came from a home network to the local
	// listener, and not through the tunnel.
	Home bool
}

// Outcome is what becomes of a request. The zero value refuses it.
type Outcome uint8

const (
	// Refused: 403, whoever asks.
	Refused Outcome = iota
	// SignInElsewhere: 403, with a few words on where to sign in.
	SignInElsewhere
	// MethodUnknown: 405.
	MethodUnknown
	// NotBelowBase: the way to the web client, or 404.
	NotBelowBase
	// OwnPages: our sign-in pages answer.
	OwnPages
	// Unauthorized: 401.
	Unauthorized
	// NotRecent: 403, with the advice to sign in again in a browser.
	NotRecent
	// NotHome: 403, since this is for home only.
	NotHome
	// Guided: people in browsers are led to the sign-in page; apps that show
	// jellyfin-web get the document, which is public code.
	Guided
	// NoUsers: we answer in Jellyfin's place that there is nobody to choose.
	NoUsers
	// NoAddress: it is forwarded to Jellyfin, and its address at home is taken out
	// of the answer.
	NoAddress
	// Passes: it is forwarded to Jellyfin.
	Passes
)

// String is the outcome in a word or two, for lists.
func (o Outcome) String() string {
	switch o {
	case Refused:
		return "403"
	case SignInElsewhere:
		return "403 sign-in"
	case MethodUnknown:
		return "405"
	case NotBelowBase:
		return "302"
	case OwnPages:
		return "own pages"
	case Unauthorized:
		return "401"
	case NotRecent:
		return "403 recent"
	case NotHome:
		return "403 home"
	case Guided:
		return "guided"
	case NoUsers:
		return "empty list"
	case NoAddress:
		return "no address"
	case Passes:
		return "passes"
	default:
		return "?"
	}
}

// Needs is what a decision comes to under the admin's switches. The gateway
// looks up what it asks for, nothing else, and goes by [Needs.For], as
// explanations do: so the two cannot disagree.
type Needs struct {
	// Fixed is the answer to everybody, unless it is Passes; then the other
	// fields count. It is Guided where all that counts is a browser's cookie.
	Fixed Outcome
	// Credential tells that a token or our cookie is needed.
	Credential bool
	// Live tells that the gateway must know that the token lives, since
	// Jellyfin does not look at it here.
	Live bool
	// Network tells that a granted network will do in place of a credential.
	// That somebody seems to be at home will not: a careless proxy or a port that
	// is forwarded would make everybody so.
	Network bool
	// Recent tells that it takes the cookie of a session younger than an hour,
	// and no other token than that session's.
	Recent bool
	// Home tells that it takes a visitor at home.
	Home bool
	// Withheld is what only visitors at home are told.
	Withheld Withheld
}

// Needs is what the decision comes to under the switches s.
func (d Decision) Needs(s Switches) Needs {
	if d.Method == "" {
		return Needs{Fixed: MethodUnknown}
	}
	if d.Outside {
		return Needs{Fixed: NotBelowBase}
	}
	n := Needs{Fixed: Passes}
	switch d.Action {
	case Portal:
		return Needs{Fixed: OwnPages}
	case SignIn:
		return Needs{Fixed: SignInElsewhere}
	case Public:
		if s.withholds(d.Withheld) {
			n.Withheld = d.Withheld
		}
	case Page:
		n.Fixed = Guided
	case Token:
		n.Credential, n.Live = true, d.Rule.Anonymous
	case Media:
		n = s.Media.needs()
	case Image:
		n = s.Images.needs()
	default:
		return Needs{Fixed: Refused}
	}
	if d.Elevated {
		n.Recent, n.Home = s.Admin == AdminRecent, s.Admin == AdminHome
	}
	return n
}

func (o Openness) needs() Needs {
	if o == Open {
		return Needs{Fixed: Passes}
	}
	return Needs{Fixed: Passes, Credential: true, Live: true, Network: o == WithNetwork}
}

// For is what becomes of a request that a makes.
func (n Needs) For(a Asker) Outcome {
	switch {
	case n.Fixed == Guided && a.Cookie:
		return Passes
	case n.Fixed != Passes:
		return n.Fixed
	case n.Credential && !a.Token && !a.Cookie && !(n.Network && a.Granted):
		return Unauthorized
	case n.Home && !a.Home:
		return NotHome
	case n.Recent && !(a.Cookie && a.Recent):
		return NotRecent
	case n.Withheld == Users && !a.Home:
		return NoUsers
	case n.Withheld == Address && !a.Home:
		return NoAddress
	}
	return Passes
}

// For is what becomes of the request that was decided on, if a makes it.
func (d Decision) For(a Asker, s Switches) Outcome { return d.Needs(s).For(a) }
