package jellyfintest

import (
	"net/http"
)

// Branding is what an admin sets under Branding.
type Branding struct {
	LoginDisclaimer     string `json:",omitempty"` // Markdown with HTML
	CustomCSS           string `json:"CustomCss,omitempty"`
	SplashscreenEnabled bool
}

// SetBranding changes the branding.
func (s *Server) SetBranding(b Branding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.branding = b
}

func (c *call) brandingOptions() { c.json(http.StatusOK, c.st.branding) }

// brandingCSS is GET /Branding/Css and /Branding/Css.css; without any it was
// recorded to be an empty 200 in 10.11 and 12.
func (c *call) brandingCSS() {
	c.send(http.StatusOK, "text/css; charset=utf-8", []byte(c.st.branding.CustomCSS))
}
