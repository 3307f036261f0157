package tunnel

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cloudflare/cloudflared/connection"
)

// maxRefusals is how often in a row the edge may refuse the token before Serve
// gives up. Once is not enough: a tunnel that was just created takes a few
// seconds to be known everywhere.
const maxRefusals = 3

// status keeps the books on connections, from cloudflared's events and, where
// it has none, from its log.
type status struct {
	logger  *slog.Logger
	metrics *metrics
	ready   chan struct{} // closed at the first connection
	refused chan string   // the edge's reason, when it is time to give up
	suspect chan struct{} // poked when a registration failed for a reason unknown
	changed chan struct{} // poked when a stop may be complete

	mu       sync.Mutex
	up       map[uint8]Connection
	leaving  map[uint8]bool // unregistered, but still there
	refusals int
}

func newStatus(logger *slog.Logger, m *metrics) *status {
	return &status{
		logger:  logger,
		metrics: m,
		ready:   make(chan struct{}),
		refused: make(chan string, 1),
		suspect: make(chan struct{}, 1),
		changed: make(chan struct{}, 1),
		up:      map[uint8]Connection{},
		leaving: map[uint8]bool{},
	}
}

// OnTunnelEvent hears of connections that come and go.
func (s *status) OnTunnelEvent(e connection.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e.EventType {
	case connection.Connected:
		s.connected(e)
	case connection.Disconnected, connection.Reconnecting:
		s.disconnected(e.Index)
	}
	s.metrics.countConnections(s.up)
}

func (s *status) connected(e connection.Event) {
	protocol := HTTP2
	if e.Protocol == connection.QUIC {
		protocol = QUIC
	}
	c := Connection{
		Index:    int(e.Index),
		Protocol: protocol,
		Location: e.Location,
		Edge:     e.EdgeAddress.String(),
		Since:    time.Now(),
	}
	s.up[e.Index] = c
	delete(s.leaving, e.Index)
	s.refusals = 0
	s.logger.Info("tunnel connected",
		"connection", c.Index, "protocol", c.Protocol.String(), "location", c.Location, "edge", c.Edge)
	select {
	case <-s.ready:
	default:
		close(s.ready)
	}
}

func (s *status) disconnected(index uint8) {
	c, ok := s.up[index]
	if !ok {
		return
	}
	delete(s.up, index)
	if !s.leaving[index] {
		s.logger.Warn("tunnel connection lost", "connection", c.Index, "protocol", c.Protocol.String())
	}
	s.poke()
}

// unregistered hears that the edge will send nothing more on a connection.
func (s *status) unregistered(index uint8) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaving[index] = true
	s.poke()
}

// refusal hears that the edge refused the token.
func (s *status) refusal(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals++
	s.metrics.refusals.Inc()
	s.logger.Warn("cloudflare refused the tunnel's token", "reason", reason, "times", s.refusals)
	if s.refusals < maxRefusals || len(s.up) > 0 {
		return
	}
	select {
	case s.refused <- reason:
	default:
	}
}

// suspicion hears that a registration failed, which matters if nothing is up.
func (s *status) suspicion() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.up) > 0 {
		return
	}
	select {
	case s.suspect <- struct{}{}:
	default:
	}
}

// quiet tells whether no connection is up that could bring another request.
func (s *status) quiet() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for index := range s.up {
		if !s.leaving[index] {
			return false
		}
	}
	return true
}

// connections is what is up, by index.
func (s *status) connections() []Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.up), func(a, b Connection) int { return a.Index - b.Index })
}

func (s *status) poke() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}
