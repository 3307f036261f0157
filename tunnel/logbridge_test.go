package tunnel

import (
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/cloudflare/cloudflared/connection"
)

func TestLogBridgeLetsNoRequestThrough(t *testing.T) {
	var out strings.Builder
	logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	log := newLogBridge(logger, newStatus(logger, newMetrics()))
	const secret = "ApiKey=s3cret"
	fail := errors.New("parse \"https://host/?" + secret + "\": no")

	log.Error().Err(fail).Str("type", "http").Str("dest", "https://host/?"+secret).Msg("Request failed")
	log.Error().Err(fail).Msg("failed to serve incoming request")
	log.Error().Err(fail).Str("originService", "handler").Send()
	log.Error().Err(fail).Send()
	log.Info().Interface("headers", map[string]string{"Cookie": secret}).Msg("GET /?" + secret)
	log.Info().Str("config", secret).Msg("Updated to new configuration")
	log.Debug().Msg(secret)
	if strings.Contains(out.String(), "s3cret") {
		t.Errorf("the log has a secret:\n%s", out.String())
	}
	if n := strings.Count(out.String(), "cloudflared failed a request"); n != 5 {
		t.Errorf("%d lines tell of requests, want 5:\n%s", n, out.String())
	}
}

func TestLogBridgeLevels(t *testing.T) {
	var out strings.Builder
	logger := slog.New(slog.NewTextHandler(&out, nil))
	log := newLogBridge(logger, newStatus(logger, newMetrics()))
	log.Info().Msg("chatter")
	log.Warn().Err(net.ErrClosed).Uint8("connIndex", 3).Msg("trouble")
	log.Error().Msg("failed to serve tunnel connection")
	got := out.String()
	for _, want := range []string{"level=WARN msg=cloudflared text=trouble", "connection=3", `error="use of closed network connection"`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
	if strings.Count(got, "\n") != 1 {
		t.Errorf("more than the warning came through: %s", got)
	}
	if n, err := (&logBridge{logger: logger}).Write([]byte("no JSON")); n != 7 || err != nil {
		t.Errorf("a strange line: %d, %v", n, err)
	}
}

// Refusals count in a row, and only while nothing is up.
func TestStatusRefusals(t *testing.T) {
	s := newStatus(slog.New(slog.DiscardHandler), newMetrics())
	up := connection.Event{Index: 1, EventType: connection.Connected, Protocol: connection.QUIC, EdgeAddress: net.IPv4(192, 0, 2, 1)}
	gaveUp := func() bool {
		select {
		case <-s.refused:
			return true
		default:
			return false
		}
	}
	s.refusal("no")
	s.refusal("no")
	s.OnTunnelEvent(up)
	for range 5 {
		s.refusal("no")
	}
	s.suspicion()
	if gaveUp() || len(s.suspect) > 0 {
		t.Error("gave up although a connection is up")
	}
	s.OnTunnelEvent(connection.Event{Index: 1, EventType: connection.Disconnected})
	s.suspicion()
	s.refusal("no")
	if !gaveUp() || len(s.suspect) != 1 {
		t.Error("did not give up after many refusals")
	}
}
