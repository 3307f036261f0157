package app_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// pipeline sends requests byte for byte over a few connections, many at once,
// without waiting for the answers in between.
type pipeline struct {
	t    *testing.T
	base string
	from string // the address to come from; "" leaves it to the system
}

// all sends every request once and returns the status of each. The requests have
// no body.
func (p *pipeline) all(requests []string) []int {
	p.t.Helper()
	const lanes = 8
	statuses := make([]int, len(requests))
	var wait sync.WaitGroup
	for lane := range lanes {
		wait.Go(func() {
			var rows []int
			for row := lane; row < len(requests); row += lanes {
				rows = append(rows, row)
			}
			for tries := 0; len(rows) > 0; tries++ {
				answered, err := p.once(requests, rows, statuses)
				rows = rows[answered:]
				if answered > 0 {
					tries = 0
				}
				if tries == 3 {
					p.t.Errorf("%q is not answered: %v", requests[rows[0]], err)
					return
				}
			}
		})
	}
	wait.Wait()
	return statuses
}

// once sends rows over one connection until the server closes it, as it does
// after what it cannot read, and returns how many were answered. Those behind
// them were not read.
func (p *pipeline) once(requests []string, rows, statuses []int) (answered int, err error) {
	const most = 64 // as much as fits into what the system buffers
	dialer := net.Dialer{}
	if p.from != "" {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(p.from), 0))
	}
	conn, err := dialer.DialContext(p.t.Context(), "tcp", strings.TrimPrefix(p.base, "http://"))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return 0, err
	}
	reader := bufio.NewReader(conn)
	for answered < len(rows) {
		batch := rows[answered:min(len(rows), answered+most)]
		var text strings.Builder
		for _, row := range batch {
			text.WriteString(requests[row])
		}
		if _, err := io.WriteString(conn, text.String()); err != nil {
			return answered, err
		}
		for _, row := range batch {
			method, _, _ := strings.Cut(requests[row], " ")
			resp, err := http.ReadResponse(reader, &http.Request{Method: method})
			if err != nil {
				return answered, err
			}
			statuses[row] = resp.StatusCode
			answered++
			// A "head" in other letters has a length and no body, and ends the connection.
			if _, err := io.Copy(io.Discard, resp.Body); resp.Close || err != nil {
				return answered, err
			}
		}
	}
	return answered, nil
}
