package tunnel

import (
	"fmt"
	"strings"
)

// Protocol is how a connector talks to the edge.
type Protocol uint8

const (
	// Auto begins with QUIC and falls back to HTTP/2 after some failures.
	Auto Protocol = iota
	// QUIC needs UDP to port 7844.
	QUIC
	// HTTP2 needs TCP to port 7844.
	HTTP2
)

// String is the protocol's name in settings: "auto", "quic" or "http2".
func (p Protocol) String() string {
	switch p {
	case Auto:
		return "auto"
	case QUIC:
		return "quic"
	case HTTP2:
		return "http2"
	default:
		return fmt.Sprintf("protocol(%d)", uint8(p))
	}
}

// MarshalText is [Protocol.String], for JSON and settings.
func (p Protocol) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads "auto", "quic" or "http2" in any case; an empty text is
// [Auto].
func (p *Protocol) UnmarshalText(text []byte) error {
	switch name := strings.ToLower(string(text)); name {
	case "", "auto":
		*p = Auto
	case "quic":
		*p = QUIC
	case "http2":
		*p = HTTP2
	default:
		return fmt.Errorf("tunnel: protocol %q: want auto, quic or http2", name)
	}
	return nil
}
