package edgetest_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/tunnel"
	"github.com/jellyward/jellyward/tunnel/edgetest"
)

// publish serves h through edge until the test ends.
func publish(t *testing.T, edge *edgetest.Edge, p tunnel.Protocol, h http.HandlerFunc) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	cfg := edge.Config()
	cfg.Protocol = p
	cfg.GracePeriod = -1
	done := make(chan error, 1)
	go func() { done <- tunnel.Serve(ctx, cfg, h) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if err := edge.WaitConnections(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
}

func overBoth(t *testing.T, test func(t *testing.T, p tunnel.Protocol)) {
	for _, p := range []tunnel.Protocol{tunnel.HTTP2, tunnel.QUIC} {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

func get(t *testing.T, c *http.Client, url string, header http.Header) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, body)
}

// What the connector sees is what Cloudflare would send, not what the visitor
// would like it to.
func TestHeadersThatCloudflareAdds(t *testing.T) {
	overBoth(t, func(t *testing.T, p tunnel.Protocol) {
		headers := make(chan http.Header, 1)
		edge := edgetest.Start(t, edgetest.Options{})
		publish(t, edge, p, func(_ http.ResponseWriter, r *http.Request) { headers <- r.Header.Clone() })
		client := &http.Client{Transport: edge.TransportFor(edgetest.Visitor{
			Addr: netip.MustParseAddr("2001:db8::7"), Country: "DE",
		})}
		get(t, client, "https://jellyfin.example.org/", http.Header{
			"Cf-Connecting-Ip":  {"10.0.0.1"},
			"X-Forwarded-For":   {"10.0.0.1", "127.0.0.1"},
			"X-Forwarded-Proto": {"http"},
			"Cdn-Loop":          {"other"},
			"Cf-Ipcountry":      {"T1"},
			"Cf-Cloudflared-Proxy-Connection-Upgrade": {"control-stream"},
			"Cf-Cloudflared-Proxy-Src":                {"x"},
			"Connection":                              {"close, X-Hop"},
			"X-Hop":                                   {"1"},
			"X-End":                                   {"2"},
		})
		seen := <-headers
		if seen.Get("Cf-Ray") == "" {
			t.Error("no Cf-Ray")
		}
		seen.Del("Cf-Ray")
		want := http.Header{
			"Cf-Connecting-Ip":  {"2001:db8::7"},
			"X-Forwarded-For":   {"10.0.0.1, 127.0.0.1, 2001:db8::7"},
			"X-Forwarded-Proto": {"https"},
			"Cf-Visitor":        {`{"scheme":"https"}`},
			"Cf-Ipcountry":      {"DE"},
			"Cdn-Loop":          {"other, cloudflare; loops=1"},
			"X-End":             {"2"},
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("headers (-want +got):\n%s", diff)
		}
	})
}

func TestFrontKnowsItsVisitors(t *testing.T) {
	edge := edgetest.Start(t, edgetest.Options{})
	publish(t, edge, tunnel.HTTP2, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("Cf-Connecting-Ip"), " ", r.Header.Get("X-Forwarded-Proto"), " ", r.Host)
	})
	secure := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: edge.RootCAs()}}}
	t.Cleanup(secure.CloseIdleConnections)
	for _, tt := range []struct {
		client  *http.Client
		url     string
		visitor edgetest.Visitor
		want    string
	}{
		{http.DefaultClient, edge.URL(), edgetest.Visitor{}, "203.0.113.9 http"},
		{secure, edge.SecureURL(), edgetest.Visitor{}, "203.0.113.9 https"},
		{secure, edge.SecureURL(), edgetest.Visitor{Addr: netip.MustParseAddr("198.51.100.1")}, "198.51.100.1 https"},
	} {
		edge.SetVisitor(tt.visitor)
		_, host, _ := strings.Cut(tt.url, "://")
		if got := get(t, tt.client, tt.url, nil); got != "200 "+tt.want+" "+host {
			t.Errorf("%s: handler saw %s, want %s", tt.url, got, tt.want)
		}
	}
}

func TestFrontRefusesWhatIsNoPath(t *testing.T) {
	edge := edgetest.Start(t, edgetest.Options{})
	for line, want := range map[string]string{"OPTIONS *": "400", "GET http://other/": "400", "CONNECT other:443": "405", "CONNECT /": "405"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(edge.URL(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", line)
		status, err := bufio.NewReader(conn).ReadString('\n')
		conn.Close()
		if err != nil || !strings.Contains(status, want) {
			t.Errorf("%s: %q, %v", line, status, err)
		}
	}
}

func TestNoConnector(t *testing.T) {
	edge := edgetest.Start(t, edgetest.Options{})
	if got := get(t, &http.Client{Transport: edge.Transport()}, "https://x/", nil); got != "530 error code: 1033" {
		t.Errorf("visitor got %s", got)
	}
	if got := get(t, http.DefaultClient, edge.URL(), nil); got != "530 error code: 1033" {
		t.Errorf("visitor of the front got %s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := edge.WaitConnections(ctx, 1); err == nil {
		t.Error("WaitConnections found a connection")
	}
	if _, err := edge.PushConfig(t.Context(), 1, []byte(`{}`)); err == nil {
		t.Error("PushConfig found a connection")
	}
	if _, err := edge.RawTCP(t.Context(), "127.0.0.1:1"); err == nil {
		t.Error("RawTCP found a connection")
	}
	if err := edge.RawUDP(t.Context(), net.IPv4zero, 1); err == nil {
		t.Error("RawUDP found a connection")
	}
}

func TestConnectionsSayWhoTheyAre(t *testing.T) {
	overBoth(t, func(t *testing.T, p tunnel.Protocol) {
		edge := edgetest.Start(t, edgetest.Options{})
		publish(t, edge, p, func(http.ResponseWriter, *http.Request) {})
		all := edge.Connections()
		if len(all) != 1 || all[0].Protocol != p || all[0].Index != 0 || all[0].Version == "" || len(all[0].Features) == 0 {
			t.Errorf("Connections = %+v", all)
		}
	})
}

// The transport takes WebSocket clients, as http.Transport does.
func TestTransportUpgrades(t *testing.T) {
	overBoth(t, func(t *testing.T, p tunnel.Protocol) {
		edge := edgetest.Start(t, edgetest.Options{})
		publish(t, edge, p, func(w http.ResponseWriter, r *http.Request) {
			c, err := websocket.Accept(w, r, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.CloseNow()
			if err := c.Write(r.Context(), websocket.MessageText, []byte("hello")); err != nil {
				t.Error(err)
			}
			c.Read(r.Context())
		})
		c, _, err := websocket.Dial(t.Context(), "wss://jellyfin.example.org/socket", &websocket.DialOptions{
			HTTPClient: &http.Client{Transport: edge.Transport()},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		if _, p, err := c.Read(t.Context()); err != nil || string(p) != "hello" {
			t.Errorf("read %q, %v", p, err)
		}
	})
}

// Two edges are two worlds: other secrets, other authorities.
func TestEdgesAreApart(t *testing.T) {
	one, two := edgetest.Start(t, edgetest.Options{}), edgetest.Start(t, edgetest.Options{})
	if one.Token() == two.Token() || string(one.CACert()) == string(two.CACert()) || one.Addr() == two.Addr() {
		t.Error("two edges share something")
	}
	token, err := tunnel.ParseToken(one.Token())
	if err != nil || token.ID() != one.Config().Token.ID() {
		t.Errorf("Token is %v, %v", token, err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: one.RootCAs()}}}
	if resp, err := client.Get(two.SecureURL()); err == nil {
		resp.Body.Close()
		t.Error("one's authority vouches for two")
	}
}
