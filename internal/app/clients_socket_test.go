package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// webSocket is a visitor's end of a WebSocket, spoken by hand so that it ends as
// RFC 6455 wants it: both sides say so, and the server closes first.
type webSocket struct {
	conn   io.ReadWriteCloser
	reader *bufio.Reader
}

// Opcodes of RFC 6455.
const (
	opText  = 0x1
	opClose = 0x8
)

// dialSocket opens a WebSocket, or returns the answer that refused it. It is
// closed with the test.
func dialSocket(t *testing.T, transport http.RoundTripper, target string, header http.Header) (*webSocket, *http.Response) {
	t.Helper()
	// The test's own context ends before the socket is closed.
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header.Clone()
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	} {
		req.Header.Set(name, value)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatalf("open %s: %v", target, err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, resp
	}
	if accept := resp.Header.Get("Sec-WebSocket-Accept"); accept != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("%s: Sec-WebSocket-Accept is %q", target, accept)
	}
	conn, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		t.Fatalf("%s: a 101 without a connection", target)
	}
	s := &webSocket{conn: conn, reader: bufio.NewReader(conn)}
	t.Cleanup(s.close)
	return s, resp
}

// read returns the next frame. Those of Jellyfin are short and in one piece.
func (s *webSocket) read() (op byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(s.reader, head[:]); err != nil {
		return 0, nil, err
	}
	if head[0]&0x80 == 0 || head[1] > 125 {
		return 0, nil, fmt.Errorf("a frame that begins with %x", head)
	}
	payload = make([]byte, head[1])
	_, err = io.ReadFull(s.reader, payload)
	return head[0] & 0xf, payload, err
}

// write sends a short frame, masked with zeros.
func (s *webSocket) write(op byte, payload []byte) error {
	frame := append([]byte{0x80 | op, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
	_, err := s.conn.Write(frame)
	return err
}

// message reads a message and returns its type in Jellyfin's terms.
func (s *webSocket) message(t *testing.T) string {
	t.Helper()
	op, payload, err := s.read()
	if err != nil || op != opText {
		t.Fatalf("read a message: opcode %d, %v", op, err)
	}
	var m struct{ MessageType string }
	if err := json.Unmarshal(payload, &m); err != nil {
		t.Errorf("message %q is not JSON", payload)
	}
	return m.MessageType
}

// close says goodbye and waits for the server to close.
func (s *webSocket) close() {
	if s.write(opClose, []byte{0x03, 0xe8}) == nil {
		_, _ = io.Copy(io.Discard, s.reader) // until the server has closed
	}
	_ = s.conn.Close()
}
