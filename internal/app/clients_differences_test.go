package app_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
)

// difference is a case in which a client gets something else from the program
// than from a bare Jellyfin, on purpose.
type difference struct {
	name string
	why  string
	// is tells whether the case is given.
	is func(jellyfintest.Release, asked) bool
	// check says what the client gets instead; want is what a bare Jellyfin
	// answers.
	check func(t *testing.T, a asked, got, want reply)
}

// differences are all there are.
var differences = []difference{
	{
		name:  "password sign-in in a browser",
		why:   "a password alone signs nobody in; the answer says where to sign in with the second factor",
		is:    func(_ jellyfintest.Release, a asked) bool { return isSignIn(a) && isOwnWebClient(a) },
		check: checkSignInRefused,
	},
	{
		name: "sign-in with an empty password",
		why:  "there is no code in it, so that it is refused here, in words of our own",
		is:   func(_ jellyfintest.Release, a asked) bool { return isSignIn(a) && strings.Contains(a.body, `"Pw":""`) },
		check: func(t *testing.T, a asked, got, want reply) {
			if got.status != http.StatusUnauthorized || want.status != http.StatusUnauthorized || len(got.body) == 0 {
				t.Errorf("%s: %d %q where Jellyfin says %d, want 401 and a few words", a, got.status, got.body, want.status)
			}
		},
	},
	{
		name: "hint above the login form",
		why:  "apps show this text before the sign-in; it says how to type the code",
		is: func(_ jellyfintest.Release, a asked) bool {
			return a.path() == "/branding/configuration" && a.client != "jellyfin-web" && a.client != "xbox"
		},
		check: checkHint,
	},
	{
		name: "document without our cookie",
		why:  "a person who opens a page in an ordinary browser is led to the sign-in page",
		is: func(_ jellyfintest.Release, a asked) bool {
			return !a.signedIn && (a.client == "jellyfin-web" && a.path() == "/web/" || slices.Contains(ledToSignIn, a.client+"/"+a.step))
		},
		check: checkLedToSignIn,
	},
	{
		name: "document that the browser has already",
		why:  "documents are not kept by browsers, because a session that has ended must lead to the sign-in page: so never 304",
		is: func(_ jellyfintest.Release, a asked) bool {
			return a.signedIn && a.path() == "/web/" && a.header("If-None-Match") != ""
		},
		check: checkWholeDocument,
	},
	{
		name: "login page's texts in a browser",
		why:  "jellyfin-web shows its own login page without loading a document; a button on it leads to ours",
		is: func(_ jellyfintest.Release, a asked) bool {
			return a.path() == "/branding/configuration" && (a.client == "jellyfin-web" || a.client == "xbox")
		},
		check: checkButton,
	},
	{
		name: "login page's style in a browser",
		why:  "jellyfin-web of 10.10 reads by itself the style that hides the password form",
		is: func(_ jellyfintest.Release, a asked) bool {
			return a.path() == "/branding/css" && a.client == "jellyfin-web"
		},
		check: func(t *testing.T, a asked, got, want reply) {
			if got.status != want.status || got.media() != want.media() || !strings.Contains(string(got.body), "manualLoginForm") {
				t.Errorf("%s: %d %s %.100q, want a style that hides the form", a, got.status, got.media(), got.body)
			}
		},
	},
	{
		name: "two slashes in a row",
		why:  "such a path has no single meaning, so it is refused as malformed; Jellyfin finds nothing there either",
		is:   func(_ jellyfintest.Release, a asked) bool { return strings.HasPrefix(a.target, "//") },
		check: func(t *testing.T, a asked, got, want reply) {
			if got.status != http.StatusBadRequest || want.status != http.StatusNotFound {
				t.Errorf("%s: %d where Jellyfin says %d, want 400 and 404", a, got.status, want.status)
			}
		},
	},
	{
		name: "old prefix on Jellyfin 12",
		why:  "Jellyfin 12 has no /emby any more; it is taken off, so that apps which know nothing else go on working",
		is: func(release jellyfintest.Release, a asked) bool {
			return release == jellyfintest.V12 && strings.HasPrefix(a.path(), "/emby/")
		},
		check: func(t *testing.T, a asked, got, want reply) {
			if got.status != http.StatusOK || want.status != http.StatusNotFound || got.field(t, "ProductName") != "Jellyfin Server" {
				t.Errorf("%s: %d where Jellyfin says %d, want 200 and 404", a, got.status, want.status)
			}
		},
	},
	{
		name: "address at home",
		why:  "visitors from outside are not told where Jellyfin is at home; all else that it says of itself stays",
		is: func(_ jellyfintest.Release, a asked) bool {
			path := strings.TrimPrefix(strings.TrimPrefix(a.path(), "/emby"), "/mediabrowser")
			return a.method == http.MethodGet && path == "/system/info/public"
		},
		check: checkAddressHidden,
	},
	{
		name: "users to choose from",
		why:  "visitors from outside are not told who has an account before they sign in",
		is: func(_ jellyfintest.Release, a asked) bool {
			return a.method == http.MethodGet && a.path() == "/users/public"
		},
		check: func(t *testing.T, a asked, got, want reply) {
			users, isList := got.value(t).([]any)
			if got.status != want.status || got.media() != want.media() || !isList || len(users) > 0 {
				t.Errorf("%s: %d %s %.100q, want an empty list", a, got.status, got.media(), got.body)
			}
			if a.header("Origin") != "" && got.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s: a page of another origin cannot read the answer: %v", a, got.header)
			}
		},
	},
	{
		name: "document with a policy",
		why:  "a content security policy keeps scripts that somebody else wrote out of jellyfin-web",
		is: func(_ jellyfintest.Release, a asked) bool {
			return slices.Contains([]string{"/", "/web", "/web/", "/web/index.html"}, a.path()) && !withoutPolicy(a)
		},
		check: func(t *testing.T, a asked, got, want reply) {
			if got.status != want.status || want.body != nil && string(got.body) != string(want.body) {
				t.Errorf("%s: %d %.100q, want %d %.100q", a, got.status, got.body, want.status, want.body)
			}
			if csp := got.header.Get("Content-Security-Policy"); want.status == http.StatusOK && !strings.Contains(csp, "script-src 'self'") {
				t.Errorf("%s: the document's policy is %q", a, csp)
			}
		},
	},
	{
		name:  "our own pages",
		why:   "/sso/2fa is answered here and not by Jellyfin",
		is:    func(_ jellyfintest.Release, a asked) bool { return strings.HasPrefix(a.path(), "/sso/2fa") },
		check: checkOwnPage,
	},
}

// ledToSignIn are the apps whose documents are an ordinary browser's and for
// which the sign-in page works.
var ledToSignIn = []string{"xbox/document", "jellium/document", "ios/document", "browser/guard-document"}

// seen remembers which differences were met, so that none is kept that is not.
type seen struct {
	mu    sync.Mutex
	names map[string]bool
}

// differs finds the difference that is given, if one is, and checks it.
func (s *seen) differs(t *testing.T, release jellyfintest.Release, a asked, got, want reply) bool {
	t.Helper()
	for _, d := range differences {
		if !d.is(release, a) {
			continue
		}
		s.mu.Lock()
		if s.names == nil {
			s.names = map[string]bool{}
		}
		s.names[d.name] = true
		s.mu.Unlock()
		d.check(t, a, got, want)
		return true
	}
	return false
}

// checkHint wants Jellyfin's own answer with a line of plain text in front.
func checkHint(t *testing.T, a asked, got, want reply) {
	t.Helper()
	hint, _ := got.field(t, "LoginDisclaimer").(string)
	if !strings.HasPrefix(hint, config.Default().Native.Hint) || strings.ContainsAny(hint, "<>") {
		t.Errorf("%s: the app shows %q", a, hint)
	}
	without := func(r reply) any {
		object, _ := shape(r.value(t)).(map[string]any)
		maps.DeleteFunc(object, func(key string, _ any) bool { return strings.EqualFold(key, "LoginDisclaimer") })
		return object
	}
	if diff := cmp.Diff(without(want), without(got)); got.status != want.status || diff != "" {
		t.Errorf("%s: %d where Jellyfin says %d (-bare +here):\n%s", a, got.status, want.status, diff)
	}
	if diff := cmp.Diff(want.told(), got.told()); diff != "" {
		t.Errorf("%s: headers (-bare +here):\n%s", a, diff)
	}
}

// withoutPolicy tells the apps that a content security policy would break.
func withoutPolicy(a asked) bool {
	agent := a.header("User-Agent")
	return strings.Contains(agent, "Web0S") || strings.HasPrefix(agent, "JellyfinMediaPlayer ")
}

// checkAddressHidden wants Jellyfin's own answer but for the one field.
func checkAddressHidden(t *testing.T, a asked, got, want reply) {
	t.Helper()
	here, _ := shape(got.value(t)).(map[string]any)
	bare := maps.Clone(here) // of recorded answers only the status is known
	if want.body != nil {
		bare, _ = shape(want.value(t)).(map[string]any)
	}
	maps.DeleteFunc(bare, func(key string, _ any) bool { return strings.EqualFold(key, "LocalAddress") })
	if diff := cmp.Diff(bare, here); diff != "" || got.status != want.status || got.media() != want.media() {
		t.Errorf("%s: %d %s, want %d %s; differs from a bare Jellyfin (-bare +here):\n%s", a, got.status, got.media(), want.status, want.media(), diff)
	}
}

func checkSignInRefused(t *testing.T, a asked, got, _ reply) {
	t.Helper()
	if got.status != http.StatusForbidden {
		t.Errorf("%s: %d, want 403", a, got.status)
	}
	if !strings.Contains(string(got.body), "https://"+publicHost+"/sso/2fa") {
		t.Errorf("%s: the answer does not say where to sign in: %q", a, got.body)
	}
	if a.header("Origin") != "" && got.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%s: a page of another origin cannot read the refusal: %v", a, got.header)
	}
}

func checkLedToSignIn(t *testing.T, a asked, got, _ reply) {
	t.Helper()
	if got.status != http.StatusFound || got.header.Get("Location") != "/sso/2fa?return=%2Fweb%2F" {
		t.Errorf("%s: %d to %q, want 302 to the sign-in page", a, got.status, got.header.Get("Location"))
	}
	checkNotStored(t, a, got)
}

func checkWholeDocument(t *testing.T, a asked, got, want reply) {
	t.Helper()
	if got.status != http.StatusOK || want.status != http.StatusNotModified {
		t.Errorf("%s: %d where Jellyfin says %d, want 200 and 304", a, got.status, want.status)
	}
	if !strings.Contains(string(got.body), "<html") {
		t.Errorf("%s: no document: %.100q", a, got.body)
	}
	checkNotStored(t, a, got)
}

func checkNotStored(t *testing.T, a asked, got reply) {
	t.Helper()
	for name, want := range map[string]string{"Cache-Control": "no-store", "CDN-Cache-Control": "no-store", "ETag": "", "Last-Modified": ""} {
		if value := got.header.Get(name); value != want {
			t.Errorf("%s: header %s is %q, want %q", a, name, value, want)
		}
	}
}

func checkButton(t *testing.T, a asked, got, want reply) {
	t.Helper()
	if got.status != want.status || got.media() != want.media() {
		t.Errorf("%s: %d %s, want %d %s", a, got.status, got.media(), want.status, want.media())
	}
	disclaimer, _ := got.field(t, "LoginDisclaimer").(string)
	css, _ := got.field(t, "CustomCss").(string)
	if !strings.Contains(disclaimer, `<form action="/sso/2fa"`) || !strings.Contains(css, "manualLoginForm") {
		t.Errorf("%s: no way to the sign-in page in %.300q", a, got.body)
	}
	if _, kept := got.field(t, "SplashscreenEnabled").(bool); !kept {
		t.Errorf("%s: Jellyfin's own fields are gone: %.300q", a, got.body)
	}
}

func checkOwnPage(t *testing.T, a asked, got, want reply) {
	t.Helper()
	switch {
	case a.signedIn:
		if got.status != http.StatusSeeOther || got.header.Get("Location") != "/web/" {
			t.Errorf("%s: %d to %q, want 303 to /web/", a, got.status, got.header.Get("Location"))
		}
	case a.path() != "/sso/2fa":
		// Nothing is there; people are led to the page that is.
		if got.status != http.StatusSeeOther || want.status != http.StatusNotFound {
			t.Errorf("%s: %d where Jellyfin says %d, want 303 and 404", a, got.status, want.status)
		}
	case got.status != http.StatusOK || !strings.Contains(string(got.body), "<form"):
		t.Errorf("%s: %d %.100q, want the page with 200", a, got.status, got.body)
	}
}
