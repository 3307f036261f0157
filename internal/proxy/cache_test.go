package proxy

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestPrivateAnswersStayPrivate(t *testing.T) {
	for _, tt := range []struct {
		said []string // Cache-Control, line by line
		want string
	}{
		// Recorded from Jellyfin: films, pictures, the API's description, health.
		{nil, "private"},
		{[]string{"public"}, "private"},
		{[]string{"public, max-age=604800"}, "private, max-age=604800"},
		{[]string{"no-cache"}, "private, no-cache"},
		{[]string{"max-age=0, private"}, "private, max-age=0"},
		{[]string{"no-store, no-cache"}, "no-store, no-cache"},
		// What else might be said.
		{[]string{""}, "private"},
		{[]string{"private", "public, s-maxage=60"}, "private"},
		{[]string{"public, private, max-age=9"}, "private, max-age=9"},
		{[]string{`private="Set-Cookie, X", max-age=9`}, "private, max-age=9"},
		{[]string{"must-understand, no-store"}, "no-store"},
		{[]string{"PUBLIC ,, S-MaxAge=9 , Max-Age=9, immutable"}, "private, max-age=9, immutable"},
		{[]string{`x="no-store", max-age=9`}, "private, max-age=9"},
		{[]string{`x="public, max-age=9`}, "private"},
		{[]string{"proxy-revalidate, must-revalidate"}, "private, must-revalidate"},
	} {
		h := http.Header{}
		if tt.said != nil {
			h["Cache-Control"] = tt.said
		}
		keepPrivate(h)
		if got := strings.Join(h["Cache-Control"], " | "); got != tt.want {
			t.Errorf("%q became %q, want %q", tt.said, got, tt.want)
		}
	}
}

// TestNothingOpensASharedCache asks in each way that gives another kind of
// answer, of a server that wants everything stored.
func TestNothingOpensASharedCache(t *testing.T) {
	upstream := func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Cache-Control": "public, s-maxage=600", "CDN-Cache-Control": "max-age=600", "Cloudflare-CDN-Cache-Control": "max-age=600",
			"Surrogate-Control": "max-age=600", "Surrogate-Key": "a", "Cache-Tag": "a", "Edge-Control": "cache-maxage=600",
			"X-Accel-Expires": "600", "Age": "2064", "Vary": "Accept", "ETag": `"1"`,
		} {
			w.Header().Set(name, value)
		}
		switch {
		case strings.HasSuffix(r.URL.Path, "/500"):
			w.WriteHeader(http.StatusInternalServerError)
		case strings.HasSuffix(r.URL.Path, "/503"):
			w.WriteHeader(http.StatusServiceUnavailable)
		case strings.HasSuffix(r.URL.Path, "/302"):
			http.Redirect(w, r, "/web/", http.StatusFound)
		case strings.HasSuffix(r.URL.Path, "/401"):
			w.WriteHeader(http.StatusUnauthorized)
		default:
			http.ServeContent(w, r, "film.mp4", time.Unix(1_780_000_000, 0), strings.NewReader("0123456789"))
		}
	}
	for _, treatment := range []Treatment{{Private: true}, {Document: true}, {Document: true, CSP: StrictCSP}, {Branding: true}, {Hint: "x"}} {
		front := serve(t, upstream, nil, treatment)
		for _, ask := range []struct {
			method, path string
			header       http.Header
			want         int
		}{
			{http.MethodGet, "/film.mp4", nil, 200},
			{http.MethodHead, "/film.mp4", nil, 200},
			{http.MethodGet, "/film.mp4", http.Header{"Range": {"bytes=0-3"}}, 206},
			{http.MethodGet, "/film.mp4", http.Header{"Range": {"bytes=99-"}}, 416},
			{http.MethodGet, "/film.mp4", http.Header{"If-None-Match": {`"1"`}}, 304},
			{http.MethodGet, "/500", nil, 500},
			{http.MethodGet, "/503", nil, 503},
			{http.MethodGet, "/302", nil, 302},
			{http.MethodGet, "/401", nil, 401},
		} {
			r, err := http.NewRequestWithContext(t.Context(), ask.method, front+ask.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			for name, values := range ask.header {
				r.Header[name] = values
			}
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if treatment.Private && resp.StatusCode != ask.want {
				t.Errorf("%s %s: %d, want %d", ask.method, ask.path, resp.StatusCode, ask.want)
			}
			want := map[string]bool{"private": !treatment.Document && resp.StatusCode != 503, "no-store": treatment.Document || resp.StatusCode == 503}
			if got := resp.Header.Get("Cache-Control"); !want[got] {
				t.Errorf("%+v: %s %s %v: Cache-Control %q", treatment, ask.method, ask.path, ask.header, got)
			}
			if got := resp.Header["Cdn-Cache-Control"]; len(got) != 1 || got[0] != "no-store" {
				t.Errorf("%+v: %s %s %v: CDN-Cache-Control %q", treatment, ask.method, ask.path, ask.header, got)
			}
			for _, name := range []string{"Cloudflare-CDN-Cache-Control", "Surrogate-Control", "Surrogate-Key", "Cache-Tag", "Edge-Control", "X-Accel-Expires", "Age"} {
				if got := resp.Header.Get(name); got != "" {
					t.Errorf("%+v: %s %s %v: %s: %s", treatment, ask.method, ask.path, ask.header, name, got)
				}
			}
		}
	}
}

// TestSharedAnswersStayShared has jellyfin-web's bundles and open pictures
// stored where they are stored today.
func TestSharedAnswersStayShared(t *testing.T) {
	front := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		w.Header().Set("ETag", `"1"`)
	}, nil, Treatment{})
	resp, _ := get(t, front+"/web/main.jellyfin.bundle.js", nil)
	if resp.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || resp.Header.Get("ETag") != `"1"` || resp.Header.Get("CDN-Cache-Control") != "" {
		t.Errorf("headers %v", resp.Header)
	}
}
