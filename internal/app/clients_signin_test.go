package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	visitor.device = "a browser"
	visitor.enrol(t)
	s.browser = visitor
	s.names["{{app password}}"] = visitor.appPassword(t, "One app")
	s.names["{{password}}"] = "wonderland" + separators[s.signIns%len(separators)] + visitor.code(t)
}

// signsInWithAnAppPassword sends an app's sign-in once more, with the password
// that was made for it in place of the user's and a code. It gets a session of
// its own, of the same user, app and device, which ends the former; the client goes on
// with it. Jellyfin does not know yet from where it is used, so the answer has no
// RemoteEndPoint.
func (s *site) signsInWithAnAppPassword(t *testing.T, a asked, before reply) reply {
	t.Helper()
	a.body = strings.ReplaceAll(a.body, "{{password}}", "{{app password}}")
	got := s.ask(t, a)
	if got.status != http.StatusOK {
		t.Errorf("%s: with an app password it gets %d %s", a, got.status, got.body)
		return got
	}
	if diff := cmp.Diff(before.told(), got.told()); diff != "" {
		t.Errorf("%s: headers with an app password (-code +app password):\n%s", a, diff)
	}
	if token := got.field(t, "AccessToken"); token == before.field(t, "AccessToken") {
		t.Errorf("%s: an app password gets the same token again", a)
	}
	for _, name := range []string{"ServerId", "User.Id", "User.Name", "SessionInfo.Client", "SessionInfo.DeviceId", "SessionInfo.DeviceName", "SessionInfo.UserId"} {
		if is, was := fmt.Sprint(got.part(t, name)), fmt.Sprint(before.part(t, name)); is != was || is == "<nil>" {
			t.Errorf("%s: with an app password %s is %s, with a code %s", a, name, is, was)
		}
	}
	return got
}

// part is a value in the JSON in a reply, or in an object there.
func (r reply) part(t *testing.T, name string) any {
	t.Helper()
	outer, inner, nested := strings.Cut(name, ".")
	value := r.field(t, outer)
	if !nested {
		return value
	}
	object, _ := value.(map[string]any)
	for key, value := range object {
		if strings.EqualFold(key, inner) {
			return value
		}
	}
	return nil
}
