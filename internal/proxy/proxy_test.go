package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/visitor"
)

// always is a readiness that can be set.
type always struct{ state atomic.Uint32 }

func ready() *always {
	var a always
	a.state.Store(uint32(jellyfin.Ready))
	return &a
}

func (a *always) Readiness(context.Context) jellyfin.Readiness {
	return jellyfin.Readiness(a.state.Load())
}
func (a *always) Fresh(ctx context.Context) jellyfin.Readiness { return a.Readiness(ctx) }
func (a *always) Suspect()                                     {}

var anyone = visitor.Visitor{Addr: netip.MustParseAddr("203.0.113.9"), Scheme: "https", Host: "jellyfin.example.org", Tunnelled: true}

// serve starts upstream and a proxy before it, and returns the proxy's URL.
func serve(t *testing.T, upstream http.HandlerFunc, change func(*Options), treatment Treatment) string {
	t.Helper()
	behind := httptest.NewServer(upstream)
	t.Cleanup(behind.Close)
	target, err := url.Parse(behind.URL)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Upstream:  target,
		SignIn:    "/sso/2fa",
		Readiness: ready(),
		Failed:    func(w http.ResponseWriter, _ *http.Request, status int) { w.WriteHeader(status) },
		Cookies:   []string{"__Host-jellyward", "jellyward"},
	}
	if change != nil {
		change(&o)
	}
	p := New(o)
	t.Cleanup(p.Close)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.Forward(w, r.WithContext(visitor.With(r.Context(), anyone)), treatment)
	}))
	t.Cleanup(front.Close)
	return front.URL
}

func get(t *testing.T, url string, header http.Header) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestJellyfinIsToldTheTruth(t *testing.T) {
	var seen http.Header
	var host, target string
	front := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		seen, host, target = r.Header.Clone(), r.Host, r.RequestURI
	}, nil, Treatment{})
	get(t, front+"/Artists/AC%2FDC?a=%zz;b&ApiKey=1", http.Header{
		"X-Forwarded-For":    {"192.168.1.5", "10.0.0.1"},
		"X-Forwarded-Host":   {`"><script>`},
		"X-Forwarded-Prefix": {"/x"},
		"Forwarded":          {"for=127.0.0.1"},
		"X-Real-Ip":          {"127.0.0.1"},
		"X_forwarded_for":    {"127.0.0.1"},
		"X-Real_ip":          {"127.0.0.1"},
		"Cf-Connecting-Ip":   {"203.0.113.9"},
		"X-Original-Url":     {"/Users/AuthenticateByName"},
		"Cookie":             {"a=1; __Host-jellyward=secret; b=2", "jellyward=x"},
		"X-Emby-Token":       {"kept"},
	})
	want := http.Header{
		"Accept-Encoding":   {"gzip"},
		"Cookie":            {"a=1; b=2"},
		"X-Emby-Token":      {"kept"},
		"X-Forwarded-For":   {"203.0.113.9"},
		"X-Forwarded-Host":  {"jellyfin.example.org"},
		"X-Forwarded-Proto": {"https"},
		"User-Agent":        {"Go-http-client/1.1"},
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("headers at Jellyfin (-want +got):\n%s", diff)
	}
	if host != "jellyfin.example.org" {
		t.Errorf("Host at Jellyfin = %q", host)
	}
	if target != "/Artists/AC%2FDC?a=%zz;b&ApiKey=1" {
		t.Errorf("target at Jellyfin = %q", target)
	}
}

func TestOurCookiesAreOurs(t *testing.T) {
	front := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Set-Cookie", "plugin=1")
		w.Header().Add("Set-Cookie", "__Host-jellyward=stolen")
	}, nil, Treatment{})
	resp, _ := get(t, front, nil)
	if diff := cmp.Diff([]string{"plugin=1"}, resp.Header["Set-Cookie"]); diff != "" {
		t.Errorf("Set-Cookie (-want +got):\n%s", diff)
	}
}

func TestACutIsSeenAsACut(t *testing.T) {
	front := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half a film")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}, nil, Treatment{})
	resp, err := http.Get(front)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("the cut body %q looks complete", body)
	}
}

func TestAStartingServerShowsNoLog(t *testing.T) {
	front := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "[ERR] /config/secret-path")
	}, nil, Treatment{})
	resp, body := get(t, front, nil)
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	if strings.Contains(body, "ERR") {
		t.Errorf("body shows the log: %q", body)
	}
}

func TestCachesAreToldWhatIsPrivate(t *testing.T) {
	for _, tt := range []struct {
		treatment      Treatment
		from, want     string
		cdn, keepsETag bool
	}{
		{Treatment{}, "public, max-age=60", "public, max-age=60", false, true},
		{Treatment{Private: true}, "public, max-age=60, s-maxage=9", "private, max-age=60", true, true},
		{Treatment{Private: true}, "", "private", true, true},
		{Treatment{Private: true}, "no-store", "no-store", true, true},
		{Treatment{Document: true}, "no-cache", "no-store", true, false},
	} {
		front := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if tt.from != "" {
				w.Header().Set("Cache-Control", tt.from)
			}
			w.Header().Set("ETag", `"1"`)
			if r.Header.Get("If-None-Match") != "" {
				w.WriteHeader(http.StatusNotModified)
			}
		}, nil, tt.treatment)
		resp, _ := get(t, front, http.Header{"If-None-Match": {`"1"`}})
		if got := resp.Header.Get("Cache-Control"); got != tt.want {
			t.Errorf("%+v: Cache-Control of %q = %q, want %q", tt.treatment, tt.from, got, tt.want)
		}
		if got := resp.Header.Get("CDN-Cache-Control") == "no-store"; got != tt.cdn {
			t.Errorf("%+v: CDN-Cache-Control: no-store = %v, want %v", tt.treatment, got, tt.cdn)
		}
		if got := resp.Header.Get("ETag") != ""; got != tt.keepsETag {
			t.Errorf("%+v: ETag kept = %v", tt.treatment, got)
		}
		if tt.treatment.Document && resp.StatusCode != http.StatusOK {
			t.Errorf("a document answered %d to a conditional request", resp.StatusCode)
		}
	}
}

func TestAwayIsSaidAsSuch(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	target, _ := url.Parse(closed.URL)
	closed.Close()
	for _, tt := range []struct {
		name     string
		upstream http.HandlerFunc
		change   func(*Options)
		want     int
	}{
		{"down", nil, func(o *Options) { o.Upstream = target }, http.StatusBadGateway},
		{"slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, func(o *Options) { o.AnswerWithin = 1 }, http.StatusGatewayTimeout},
		{"unfinished", nil, func(o *Options) {
			a := ready()
			a.state.Store(uint32(jellyfin.Unfinished))
			o.Readiness = a
		}, http.StatusServiceUnavailable},
		{"nonsense", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, "hello\r\n\r\n")
				_ = conn.Close()
			}
		}, nil, http.StatusBadGateway},
	} {
		t.Run(tt.name, func(t *testing.T) {
			front := serve(t, tt.upstream, tt.change, Treatment{})
			if resp, _ := get(t, front, nil); resp.StatusCode != tt.want {
				t.Errorf("status = %d, want %d", resp.StatusCode, tt.want)
			}
		})
	}
}

func TestAHeldRequestOutlastsARestart(t *testing.T) {
	var tries atomic.Int32
	upstream := func(w http.ResponseWriter, _ *http.Request) {
		if tries.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "served")
	}
	front := serve(t, upstream, nil, Treatment{Hold: true})
	if resp, body := get(t, front, nil); resp.StatusCode != http.StatusOK || body != "served" {
		t.Errorf("held request got %d %q", resp.StatusCode, body)
	}
	tries.Store(0)
	front = serve(t, upstream, nil, Treatment{})
	if resp, _ := get(t, front, nil); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a request that is not held got %d", resp.StatusCode)
	}
}

func TestHoldingEndsInTime(t *testing.T) {
	front := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		func(o *Options) { o.HoldFor = 1 }, Treatment{Hold: true})
	if resp, _ := get(t, front, nil); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status = %d", resp.StatusCode)
	}
}

func TestErrorsShowNoURL(t *testing.T) {
	err := &url.Error{Op: "Get", URL: "http://h/?ApiKey=s3cret", Err: errors.New("refused")}
	if got := causeOf(err).Error(); strings.Contains(got, "s3cret") {
		t.Errorf("causeOf = %q", got)
	}
}
