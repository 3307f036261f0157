package app_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/jellyward/jellyward/internal/stage"
)

// TestWhoHangsUpLeavesNoToken breaks the connection while Jellyfin checks the
// password. The token that it makes is logged out, and the code is not spent.
func TestWhoHangsUpLeavesNoToken(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			jellyfin, m := meddled(t)
			s, _ := w.play(t, stage.Options{Server: jellyfin, Logger: discard()})
			s.Jellyfin.AddUser("alice", "wonderland")
			base, client := visitor(s)
			alice := &person{name: "alice", password: "wonderland", base: base, http: client, device: "home"}
			alice.enrol(t)
			before := len(s.Jellyfin.LiveTokens())
			const logout = "SessionController.ReportSessionEnded"
			ended := s.Jellyfin.Count(logout)

			asked, gone := make(chan struct{}), make(chan struct{})
			left := sync.OnceFunc(func() { close(gone) })
			defer left()
			meddling(m, byNamePath, func() {
				close(asked)
				<-gone
			})
			code := alice.code(t)
			ctx, hangUp := context.WithCancel(t.Context())
			defer hangUp()
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/sso/2fa/authenticate",
				strings.NewReader(fmt.Sprintf(`{"Username":"alice","Password":"wonderland","Otp":%q}`, code)))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", jsonKind)
			req.Header.Set("X-DeviceId", "in a tunnel")
			done := make(chan error)
			go func() {
				resp, err := client.Do(req)
				if err == nil {
					_ = resp.Body.Close()
				}
				done <- err
			}()
			<-asked
			hangUp()
			if err := <-done; err == nil {
				t.Fatal("the answer came before the visitor could hang up")
			}
			newAsker(s, "").status(t, "/sso/2fa") // on the same way as the hanging up, and behind it
			left()
			eventually(t, "the log-out", func() bool { return s.Jellyfin.Count(logout) == ended+1 })
			eventually(t, "the token's end", func() bool { return len(s.Jellyfin.LiveTokens()) == before })
			if status, a, _ := alice.post(t, "authenticate", alice.fields("Otp", code)); status != http.StatusOK {
				t.Errorf("the code of the visitor who hung up: %d %+v, want 200", status, a)
			}
		})
	}
}

// TestWhoHangsUpMidwayAsksNothing breaks off in the middle of a request.
func TestWhoHangsUpMidwayAsksNothing(t *testing.T) {
	t.Parallel()
	var log ledger
	s := play(t, stage.Options{NoTunnel: true, Logger: log.logger()})
	s.Jellyfin.AddUser("alice", "wonderland")
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.Local, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(conn, "POST /sso/2fa/authenticate HTTP/1.1\r\nHost: "+publicHost+"\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n"+
		`{"Username":"alice","Password":"wonderland"}`)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	eventually(t, "the line about the broken request", func() bool { return log.holds("path=/sso/2fa/authenticate") })
	if n := s.Jellyfin.Count(authenticateByName); n != 0 {
		t.Errorf("half a request asked Jellyfin for a password %d times", n)
	}
}
