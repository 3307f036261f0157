package jellyfintest

import (
	"maps"
	"net/http"
	"slices"
)

// Request is a request that reached the server.
type Request struct {
	Method     string
	Target     string // as sent
	Host       string
	Header     http.Header
	RemoteAddr string
	Action     string // "405" or "-" where there is none
}

// Record starts to keep requests, and forgets the ones kept so far.
func (s *Server) Record() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.recording, s.state.requests = true, nil
}

// Requests returns the requests that came since [Server.Record], in order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.state.requests)
}

// Count returns how often an action was reached, whether or not it then refused
// the caller. Actions are named as Jellyfin does:
// "UserController.AuthenticateUserByName". A path that has no such method counts
// as "405", any other that leads to no action as "-", and an upgrade to a
// WebSocket, on whatever path, as "WebSocket".
func (s *Server) Count(action string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.calls[action]
}

// Calls returns the counts of all actions that were reached.
func (s *Server) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.state.calls)
}

// Reset sets all counts to zero and forgets the requests kept. Users, tokens
// and everything else stay.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.calls = map[string]int{}
	s.state.requests = nil
}

func (s *Server) record(c *call, target, action string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.calls[action]++
	if !s.state.recording {
		return
	}
	s.state.requests = append(s.state.requests, Request{
		Method:     c.r.Method,
		Target:     target,
		Host:       c.r.Host,
		Header:     c.r.Header.Clone(),
		RemoteAddr: c.r.RemoteAddr,
		Action:     action,
	})
}
