package jellyfintest

import (
	"encoding/json"
	"net/http"
)

type publicInfo struct {
	LocalAddress           string
	ServerName             string
	Version                string
	ProductName            string
	OperatingSystem        string
	ID                     string `json:"Id"`
	StartupWizardCompleted bool
}

type systemInfo struct {
	OperatingSystemDisplayName string
	HasPendingRestart          bool
	IsShuttingDown             bool
	SupportsLibraryMonitor     bool
	WebSocketPortNumber        int
	CompletedInstallations     []string
	CanSelfRestart             bool
	CanLaunchWebBrowser        bool
	ProgramDataPath            string
	WebPath                    string
	ItemsByNamePath            string
	CachePath                  string
	LogPath                    string
	InternalMetadataPath       string
	TranscodingTempPath        string
	CastReceiverApplications   json.RawMessage
	HasUpdateAvailable         bool
	EncoderLocation            string
	SystemArchitecture         string
	publicInfo
}

// publicInfo is what GET /System/Info/Public says. The local address is one
// inside the house, as it is in Jellyfin unless an admin publishes another.
func (c *call) publicInfo() publicInfo {
	return publicInfo{
		LocalAddress:           "http://127.0.0.1:8096" + c.s.opts.baseURL,
		ServerName:             c.s.opts.serverName,
		Version:                c.s.opts.release.String(),
		ProductName:            "Jellyfin Server",
		ID:                     c.st.serverID,
		StartupWizardCompleted: !c.st.wizardOpen,
	}
}

func (c *call) getPublicInfo() { c.json(http.StatusOK, c.publicInfo()) }

func (c *call) getInfo() {
	const root = "/var/lib/jellyfin"
	c.json(http.StatusOK, systemInfo{
		SupportsLibraryMonitor: true, WebSocketPortNumber: 8096, CompletedInstallations: []string{}, CanSelfRestart: true,
		ProgramDataPath: root, WebPath: root, ItemsByNamePath: root + "/metadata", CachePath: root + "/cache",
		LogPath: root + "/log", InternalMetadataPath: root + "/metadata", TranscodingTempPath: root + "/cache/transcodes",
		CastReceiverApplications: json.RawMessage(`[{"Id":"F007D354","Name":"Stable"},{"Id":"6F511C87","Name":"Unstable"}]`),
		EncoderLocation:          "System", SystemArchitecture: "X64",
		publicInfo: c.publicInfo(),
	})
}

// endpointInfo is GET /System/Endpoint: what Jellyfin takes the visitor for.
func (c *call) endpointInfo() {
	c.json(http.StatusOK, struct{ IsLocal, IsInNetwork bool }{c.local, c.inNetwork()})
}

func (c *call) ping() { c.json(http.StatusOK, "Jellyfin Server") }

func (c *call) utcTime() {
	now := stamp(c.s.opts.now())
	c.json(http.StatusOK, struct{ RequestReceptionTime, ResponseTransmissionTime string }{now, now})
}

// restart is POST /System/Restart. The fake stays up; it counts.
func (c *call) restart() {
	c.st.restarts++
	c.empty(http.StatusNoContent)
}

// Restarts returns how often somebody restarted the server.
func (s *Server) Restarts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.restarts
}

// ServerID returns the id that the server gives itself.
func (s *Server) ServerID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.serverID
}

// SetLegacyAuthorization switches the setting on a running server; 10.10 has
// none.
func (s *Server) SetLegacyAuthorization(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.legacy = on || s.opts.release == V10_10
}

// health is GET /health of a server that is up.
func (c *call) health() {
	h := c.w.Header()
	h.Set("Cache-Control", "no-store, no-cache")
	h.Set("Expires", "Thu, 01 Jan 1970 00:00:00 GMT")
	h.Set("Pragma", "no-cache")
	c.send(http.StatusOK, "text/plain", []byte("Healthy"))
}

// forgotPassword pretends, as real servers do, that a PIN file was written, and
// so tells where the data lies.
func (c *call) forgotPassword() {
	if _, ok := c.bind(); !ok {
		return
	}
	c.json(http.StatusOK, struct{ Action, PinFile, PinExpirationDate string }{
		"PinCode", "/var/lib/jellyfin/passwordreset" + newID() + ".json", stamp(c.s.opts.now().Add(pinTTL)),
	})
}

func (c *call) forgotPasswordPin() {
	fields, ok := c.bind()
	switch {
	case !ok:
	case text(fields, "Pin") == "":
		c.invalid("Pin", "The Pin field is required.")
	default:
		c.failed(http.StatusNotFound)
	}
}

// clientLog is POST /ClientLog/Document.
func (c *call) clientLog() {
	c.json(http.StatusOK, struct{ FileName string }{"upload_" + newID() + ".log"})
}

// apiDocs are the pages on Jellyfin's API, open to anybody.
func (c *call) apiDocs() bool {
	switch {
	case !equalFold(c.r.Method, http.MethodGet):
		return false
	case equalFold(c.res.path, "/api-docs/openapi.json"):
		c.send(http.StatusOK, "application/json;charset=utf-8", []byte(`{"openapi":"3.0.1","info":{"title":"Jellyfin API"},"paths":{}}`))
	case startsWithSegments(c.res.path, "/api-docs/swagger"), startsWithSegments(c.res.path, "/api-docs/redoc"):
		c.send(http.StatusOK, "text/html;charset=utf-8", []byte("<!DOCTYPE html><title>Jellyfin API</title>"))
	default:
		return false
	}
	return true
}
