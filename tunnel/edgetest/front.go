package edgetest

import (
	"bufio"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
)

// front is where visitors from outside the program come in: Cloudflare's side
// towards browsers.
type front struct {
	edge    *Edge
	plain   *http.Server
	secure  *http.Server
	plainL  net.Listener
	secureL net.Listener
	tasks   sync.WaitGroup
}

func startFront(e *Edge) (*front, error) {
	config, err := e.ca.serverConfig("localhost", "127.0.0.1", "::1")
	if err != nil {
		return nil, err
	}
	config.NextProtos = []string{"http/1.1"}
	f := &front{edge: e}
	if f.plainL, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	if f.secureL, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		f.plainL.Close()
		return nil, err
	}
	f.plain = f.server("http")
	f.secure = f.server("https")
	f.tasks.Go(func() { _ = f.plain.Serve(f.plainL) })
	f.tasks.Go(func() { _ = f.secure.Serve(tls.NewListener(f.secureL, config)) })
	return f, nil
}

func (f *front) server(scheme string) *http.Server {
	return &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f.serve(w, r, scheme)
		}),
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     log.New(io.Discard, "", 0),
	}
}

func (f *front) close() {
	f.plain.Close()
	f.secure.Close()
	f.tasks.Wait()
}

// URL is where browsers reach the front by plain HTTP: "http://127.0.0.1:port".
func (e *Edge) URL() string { return "http://" + e.front.plainL.Addr().String() }

// SecureURL is where browsers reach the front by HTTPS, with a certificate of
// the edge's own authority.
func (e *Edge) SecureURL() string { return "https://" + e.front.secureL.Addr().String() }

// serve sends one request through the tunnel.
func (f *front) serve(w http.ResponseWriter, r *http.Request, scheme string) {
	if r.Method == http.MethodConnect {
		// An edge opens no connections for visitors, and HTTP/2, which the tunnel
		// may speak, has no CONNECT with a path.
		http.Error(w, "405 Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	if !strings.HasPrefix(r.RequestURI, "/") {
		http.Error(w, "400 Bad Request", http.StatusBadRequest)
		return
	}
	_ = http.NewResponseController(w).EnableFullDuplex()
	c := &call{method: r.Method, target: r.RequestURI, host: r.Host, header: r.Header}
	if r.ContentLength != 0 {
		body := &frontBody{body: r.Body}
		defer body.end(w)
		c.body, c.length = body, r.ContentLength
	}
	a, err := f.edge.visit(r.Context(), f.edge.currentVisitor(), scheme, c)
	if err != nil {
		panic(http.ErrAbortHandler) // the visitor has gone
	}
	defer a.body.Close()
	copyHeader(w.Header(), a.header)
	w.Header().Set("Server", "cloudflare")
	w.Header().Set("Cf-Ray", c.header.Get("Cf-Ray"))
	if a.upgraded != nil {
		f.upgrade(w, a)
		return
	}
	w.WriteHeader(a.status)
	if err := stream(w, a.body); err != nil {
		panic(http.ErrAbortHandler) // cut here as it was cut there
	}
	for name, values := range a.trailer() {
		w.Header()[http.TrailerPrefix+name] = values
	}
}

// copyHeader copies the origin's headers as they are, and keeps net/http from
// adding a type of its own.
func copyHeader(to, from http.Header) {
	for name, values := range from {
		name = http.CanonicalHeaderKey(name)
		to[name] = append(to[name], values...)
	}
	if _, ok := to["Content-Type"]; !ok {
		to["Content-Type"] = nil
	}
}

// stream copies a body, letting nothing wait.
func stream(w http.ResponseWriter, body io.Reader) error {
	rc := http.NewResponseController(w)
	if err := rc.Flush(); err != nil {
		return err
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			if err := rc.Flush(); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// upgrade answers 101 and copies bytes both ways until one side ends.
func (f *front) upgrade(w http.ResponseWriter, a *answer) {
	defer a.upgraded.Close()
	header := w.Header()
	delete(header, "Content-Type")
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer conn.Close()
	if _, err := io.WriteString(rw, "HTTP/1.1 101 Switching Protocols\r\n"); err != nil {
		return
	}
	if err := header.Write(rw); err != nil {
		return
	}
	if _, err := io.WriteString(rw, "\r\n"); err != nil {
		return
	}
	if err := rw.Flush(); err != nil {
		return
	}
	done := make(chan struct{}, 2)
	go pump(a.upgraded, rw.Reader, done)
	go pump(conn, a.upgraded, done)
	<-done
}

func pump(to io.Writer, from io.Reader, done chan<- struct{}) {
	if r, ok := from.(*bufio.Reader); ok {
		from = struct{ io.Reader }{r} // bytes that came with the handshake first
	}
	_, _ = io.Copy(to, from)
	done <- struct{}{}
}
