package tunnel_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/jellyward/jellyward/tunnel"
	"github.com/jellyward/jellyward/tunnel/edgetest"
)

// overBoth runs a test over both protocols.
func overBoth(t *testing.T, test func(t *testing.T, p tunnel.Protocol)) {
	for _, p := range []tunnel.Protocol{tunnel.HTTP2, tunnel.QUIC} {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

func config(e *edgetest.Edge, p tunnel.Protocol) tunnel.Config {
	cfg := e.Config()
	cfg.Protocol = p
	cfg.GracePeriod = patience
	return cfg
}

// say answers everything with text.
func say(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) })
}

func visit(t *testing.T, e *edgetest.Edge) string {
	t.Helper()
	return visitAs(t, e.Transport())
}

func visitAs(t *testing.T, rt http.RoundTripper) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "https://jellyfin.example.org/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return fmt.Sprintf("%d %s", resp.StatusCode, content(t, resp))
}

func TestTwoTunnelsInOneProcess(t *testing.T) {
	for _, p := range []tunnel.Protocol{tunnel.HTTP2, tunnel.QUIC} {
		t.Run(p.String(), func(t *testing.T) { // one after the other, as both read a global
			one, two := edgetest.Start(t, edgetest.Options{}), edgetest.Start(t, edgetest.Options{})
			before := prometheus.DefaultRegisterer
			startTunnel(t, config(one, p), say("one"))
			startTunnel(t, config(two, p), say("two"))
			if prometheus.DefaultRegisterer != before {
				t.Error("the default registerer was not put back")
			}
			for want, edge := range map[string]*edgetest.Edge{"200 one": one, "200 two": two} {
				if got := visit(t, edge); got != want {
					t.Errorf("visitor got %q, want %q", got, want)
				}
			}
		})
	}
}

// A pushed configuration must not route around the handler, open a listener, or
// give private networks their dialer back.
func TestPushedConfigurationChangesNothing(t *testing.T) {
	overBoth(t, func(t *testing.T, p tunnel.Protocol) {
		edge := edgetest.Start(t, edgetest.Options{})
		startTunnel(t, config(edge, p), say("handler"))
		pushed := []byte(`{"ingress":[{"hostname":"jellyfin.example.org","service":"http_status:418"},
			{"service":"hello_world"}],"warp-routing":{"enabled":true}}`)
		for _, version := range []int32{0, 1, 42, 1<<31 - 1} {
			applied, err := edge.PushConfig(t.Context(), version, pushed)
			if err != nil {
				t.Errorf("push version %d: %v", version, err)
			}
			if applied < version {
				t.Errorf("pushed version %d, connector says it has %d: an edge would push again", version, applied)
			}
		}
		if got := visit(t, edge); got != "200 handler" {
			t.Errorf("visitor got %q", got)
		}
		refusesRaw(t, edge, p)
	})
}

func TestRawSessionsAreRefused(t *testing.T) {
	overBoth(t, func(t *testing.T, p tunnel.Protocol) {
		edge := edgetest.Start(t, edgetest.Options{})
		startTunnel(t, config(edge, p), say("handler"))
		refusesRaw(t, edge, p)
	})
}

// refusesRaw asks for raw connections to servers that would answer.
func refusesRaw(t *testing.T, edge *edgetest.Edge, p tunnel.Protocol) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	touched := make(chan struct{})
	go func() {
		if conn, err := l.Accept(); err == nil {
			conn.Close()
			close(touched)
		}
	}()
	if conn, err := edge.RawTCP(t.Context(), l.Addr().String()); err == nil {
		conn.Close()
		t.Error("raw TCP was connected")
	}
	if p == tunnel.QUIC {
		if err := edge.RawUDP(t.Context(), net.IPv4(127, 0, 0, 1), 53); err == nil {
			t.Error("a UDP session was opened")
		}
	}
	select {
	case <-touched:
		t.Error("a socket was connected")
	default:
	}
}

func TestViaCannotBeForged(t *testing.T) {
	edge := edgetest.Start(t, edgetest.Options{})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, tunnel.Via(r)) })
	startTunnel(t, config(edge, tunnel.HTTP2), h)
	if got := visit(t, edge); got != "200 true" {
		t.Errorf("Via through the tunnel: %s", got)
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Cf-Connecting-Ip": {"203.0.113.9"}, "Cf-Ray": {"1"}, "Via": {"tunnel"}, "Cdn-Loop": {"cloudflare"}}
	if tunnel.Via(req) {
		t.Error("Via believes headers")
	}
}

func TestVisitorsAddress(t *testing.T) {
	overBoth(t, func(t *testing.T, p tunnel.Protocol) {
		edge := edgetest.Start(t, edgetest.Options{})
		startTunnel(t, config(edge, p), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, r.RemoteAddr)
		}))
		forge := func(values ...string) edgetest.Visitor {
			return edgetest.Visitor{EditHeader: func(h http.Header) { h["Cf-Connecting-Ip"] = values }}
		}
		for _, tt := range []struct {
			visitor edgetest.Visitor
			want    string
		}{
			{edgetest.Visitor{}, "203.0.113.9:0"},
			{edgetest.Visitor{Addr: netip.MustParseAddr("198.51.100.7")}, "198.51.100.7:0"},
			{edgetest.Visitor{Addr: netip.MustParseAddr("2001:db8::1")}, "[2001:db8::1]:0"},
			{forge("::ffff:192.0.2.1"), "192.0.2.1:0"},
			{forge(), "0.0.0.0:0"},
			{forge(""), "0.0.0.0:0"},
			{forge("garbage"), "0.0.0.0:0"},
			{forge("[2001:db8::1]:80"), "0.0.0.0:0"},
			{forge("fe80::1%eth0"), "0.0.0.0:0"},
			{forge("192.0.2.1", "192.0.2.2"), "0.0.0.0:0"},
			{forge("192.0.2.1, 192.0.2.2"), "0.0.0.0:0"},
		} {
			if got := visitAs(t, edge.TransportFor(tt.visitor)); got != "200 "+tt.want {
				t.Errorf("%+v: RemoteAddr %s, want %s", tt.visitor, got, tt.want)
			}
		}
	})
}

// An edge that sends no more than the target over QUIC gets by, unless the target
// cannot be told for certain.
func TestTargetsWithoutHost(t *testing.T) {
	edge := edgetest.Start(t, edgetest.Options{PathOnly: true})
	startTunnel(t, config(edge, tunnel.QUIC), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.RequestURI)
	}))
	for target, want := range map[string]string{
		"/a%2fb?c":    "200 /a%2fb?c",
		"//../Users":  "200 //../Users",
		"//a/b?c":     "200 //a/b?c",
		"//a:80//b":   "200 //a:80//b",
		"//":          "200 //",
		"//?x":        "200 //?x",
		"///a":        "200 ///a",
		"//u@h/a":     "400 400 Bad Request",
		"//%e2%82/a":  "400 400 Bad Request",
		"//a%2fb/c":   "502 error code: 502",
		"//[::1%25]x": "502 error code: 502",
	} {
		got := visitAs(t, roundTripTo(edge, target))
		if got != want {
			t.Errorf("%s arrived as %s, want %s", target, got, want)
		}
	}
}

// roundTripTo asks for target, whatever the request says.
func roundTripTo(e *edgetest.Edge, target string) http.RoundTripper {
	return roundTripFunc(func(req *http.Request) (*http.Response, error) {
		req.URL = &url.URL{Scheme: "https", Host: req.URL.Host, Opaque: target}
		return e.Transport().RoundTrip(req)
	})
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestSeveralConnections(t *testing.T) {
	overBoth(t, func(t *testing.T, p tunnel.Protocol) {
		edge := edgetest.Start(t, edgetest.Options{Connections: 2})
		tun := startTunnel(t, config(edge, p), say("any"))
		if err := edge.WaitConnections(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		var indices []int
		for _, c := range tun.Status() {
			indices = append(indices, c.Index)
		}
		if len(indices) == 0 || indices[0] != 0 || !slices.IsSorted(indices) {
			t.Errorf("Status has connections %v", indices)
		}
		for range 6 {
			if got := visit(t, edge); got != "200 any" {
				t.Errorf("visitor got %q", got)
			}
		}
	})
}

func TestMetrics(t *testing.T) {
	edge := edgetest.Start(t, edgetest.Options{})
	tun := startTunnel(t, config(edge, tunnel.HTTP2), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic("counted")
	}))
	if got := visit(t, edge); got != "502 error code: 502" {
		t.Errorf("visitor of a handler that panics got %q", got)
	}
	got := map[string]float64{}
	families, err := tun.Metrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += "," + l.GetValue()
			}
			got[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	want := map[string]float64{
		"tunnel_connections,http2":           1,
		"tunnel_connections,quic":            0,
		"tunnel_requests_total":              1,
		"tunnel_requests_running":            0,
		"tunnel_handler_panics_total":        1,
		"tunnel_registrations_refused_total": 0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}
