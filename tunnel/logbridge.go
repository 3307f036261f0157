package tunnel

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"

	"github.com/cloudflare/cloudflared/connection"
	"github.com/rs/zerolog"
)

// logBridge turns cloudflared's log (zerolog's JSON lines) into slog records,
// and listens in it for two things of which there is no event.
//
// cloudflared logs whole URLs and headers with requests that fail. So only
// fields known to be harmless pass, and lines about single requests lose their
// text as well.
type logBridge struct {
	logger *slog.Logger
	status *status
}

func newLogBridge(logger *slog.Logger, s *status) *zerolog.Logger {
	l := zerolog.New(&logBridge{logger: logger, status: s}).Level(zerolog.InfoLevel)
	return &l
}

// What cloudflared says when the edge refuses a registration over HTTP/2, when
// one fails over QUIC, and when one is withdrawn.
const (
	saysRefused      = "Register tunnel error from server side"
	saysFailed       = "Serve tunnel error"
	saysUnregistered = "Unregistered tunnel connection"
)

// echoes are lines that only repeat what another one says.
var echoes = map[string]bool{
	saysRefused:                                 true, // status says so itself
	"failed to run the datagram handler":        true,
	"failed to serve tunnel connection":         true,
	"failed to accept incoming stream requests": true,
	"initial tunnel connection failed":          true,
}

// logFields are the fields that pass, by their names here.
var logFields = map[string]string{
	"connIndex":  "connection",
	"ip":         "edge",
	"location":   "location",
	"protocol":   "protocol",
	"connection": "connection_id",
	"error":      "error",
}

// Write takes one line. It never fails: a line that is not understood is lost.
func (b *logBridge) Write(line []byte) (int, error) {
	var fields map[string]any
	if json.Unmarshal(line, &fields) != nil {
		return len(line), nil
	}
	text, _ := fields[zerolog.MessageFieldName].(string)
	index, _ := fields["connIndex"].(float64)
	reason, _ := fields[zerolog.ErrorFieldName].(string)
	switch {
	case text == saysUnregistered:
		b.status.unregistered(uint8(index))
	case text == saysRefused && strings.Contains(reason, unauthorized):
		b.status.refusal(reason)
	case text == saysFailed && reason == new(connection.ControlStreamError).Error():
		b.status.suspicion()
	}
	b.log(fields, text)
	return len(line), nil
}

func (b *logBridge) log(fields map[string]any, text string) {
	level := slogLevel(fields[zerolog.LevelFieldName])
	if echoes[text] {
		level = slog.LevelDebug
	}
	if aboutRequest(fields, text) {
		b.logger.Debug("cloudflared failed a request")
		return
	}
	if !b.logger.Enabled(context.Background(), level) {
		return
	}
	attrs := []slog.Attr{slog.String("text", text)}
	for from, to := range logFields {
		if v, ok := fields[from]; ok {
			attrs = append(attrs, slog.Any(to, v))
		}
	}
	b.logger.LogAttrs(context.Background(), level, "cloudflared", attrs...)
}

// aboutRequest tells whether a line is about a single request or session.
func aboutRequest(fields map[string]any, text string) bool {
	for _, name := range []string{"dest", "destAddr", "originService", "headers", "flowID"} {
		if _, ok := fields[name]; ok {
			return true
		}
	}
	return text == "failed to serve incoming request" || text == ""
}

// slogLevel is one step down from cloudflared's: its Info is chatter here, and
// its errors mend themselves.
func slogLevel(level any) slog.Level {
	switch level {
	case "warn", "error", "fatal", "panic":
		return slog.LevelWarn
	default:
		return slog.LevelDebug
	}
}
