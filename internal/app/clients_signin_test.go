package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
)

// separators are what people may type between password and code.
var separators = []string{"", ",", " "}

// isSignIn tells whether a request is a sign-in by password.
func isSignIn(a asked) bool {
	return a.method == http.MethodPost && a.path() == "/users/authenticatebyname"
}

// isOwnWebClient tells whether a request comes from jellyfin-web in a browser,
// where the sign-in page does it better; LG's televisions run it, too.
func isOwnWebClient(a asked) bool {
	header, err := url.QueryUnescape(a.header("Authorization"))
	return err == nil && strings.Contains(header, `Client="Jellyfin Web"`) && !strings.Contains(a.header("User-Agent"), "Web0S")
}

// typesPassword tells whether a request is an app's sign-in with what its user
// typed.
func typesPassword(a asked) bool {
	return isSignIn(a) && !isOwnWebClient(a) && strings.Contains(a.body, "{{password}}")
}

// newcomer gives the client a user of its own for the next sign-in, so that codes
// last. Behind the program the user has a second factor and types its code right
// behind the password; at a bare Jellyfin there is only the password.
func (s *site) newcomer(t *testing.T, behind bool) {
	t.Helper()
	s.signIns++
	s.user = s.jellyfin.AddUser(fmt.Sprintf("%s, sign-in %d", s.user.Name, s.signIns), "wonderland", jellyfintest.Admin)
	s.rename(s.token())
	if !behind {
		return
	}
	visitor := visiting(t, s.user.Name, s.transport)
	visitor.enrol(t)
	s.names["{{password}}"] = "wonderland" + separators[s.signIns%len(separators)] + visitor.code(t)
}
