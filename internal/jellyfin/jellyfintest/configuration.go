package jellyfintest

import (
	"net/http"
)

// serverConfiguration is the part of Jellyfin's ServerConfiguration that matters
// to who may come in; GET /System/Configuration shows it to any token.
type serverConfiguration struct {
	IsStartupWizardCompleted  bool
	EnableMetrics             bool
	QuickConnectAvailable     bool
	ServerName                string
	UICulture                 string
	PreferredMetadataLanguage string
	MetadataCountryCode       string
	RemoteClientBitrateLimit  int
	CorsHosts                 []string
	EnableLegacyAuthorization *bool `json:",omitempty"` // 10.10 has no such setting
}

// configuration is GET /System/Configuration.
func (c *call) configuration() {
	answer := serverConfiguration{
		IsStartupWizardCompleted: !c.st.wizardOpen,
		QuickConnectAvailable:    c.st.quick,
		ServerName:               c.s.opts.serverName,
		UICulture:                "en-US", PreferredMetadataLanguage: "en", MetadataCountryCode: "US",
		CorsHosts: []string{"*"},
	}
	if c.s.opts.release != V10_10 {
		legacy := c.st.legacy
		answer.EnableLegacyAuthorization = &legacy
	}
	c.json(http.StatusOK, answer)
}

// setConfiguration is POST /System/Configuration. It takes the whole
// configuration: what is left out falls back to its default.
func (c *call) setConfiguration() {
	fields, ok := c.bind()
	if !ok {
		return
	}
	switchOf := func(name string, otherwise bool) bool {
		if text(fields, name) == "" {
			return otherwise
		}
		return flag(fields, name)
	}
	c.st.quick = switchOf("QuickConnectAvailable", true)
	c.st.wizardOpen = !switchOf("IsStartupWizardCompleted", false)
	if c.s.opts.release != V10_10 {
		c.st.legacy = switchOf("EnableLegacyAuthorization", c.s.opts.release != V12)
	}
	c.empty(http.StatusNoContent)
}

// networkConfiguration is the part of network.xml that tells whom the server
// believes.
type networkConfiguration struct {
	BaseURL               string `json:"BaseUrl"`
	EnableHTTPS           bool   `json:"EnableHttps"`
	RequireHTTPS          bool   `json:"RequireHttps"`
	InternalHTTPPort      int    `json:"InternalHttpPort"`
	InternalHTTPSPort     int    `json:"InternalHttpsPort"`
	PublicHTTPPort        int    `json:"PublicHttpPort"`
	PublicHTTPSPort       int    `json:"PublicHttpsPort"`
	AutoDiscovery         bool
	EnableIPv4            bool
	EnableIPv6            bool
	EnableRemoteAccess    bool
	LocalNetworkSubnets   []string
	LocalNetworkAddresses []string
	KnownProxies          []string
	RemoteIPFilter        []string
}

// namedConfiguration is GET /System/Configuration/{key}; of the keys only
// "network" is known here.
func (c *call) namedConfiguration() {
	if !equalFold(c.param("key"), "network") {
		c.failed(http.StatusNotFound)
		return
	}
	proxies := []string{}
	for _, p := range c.s.opts.knownProxies {
		proxies = append(proxies, p.String())
	}
	c.json(http.StatusOK, networkConfiguration{
		BaseURL: c.s.opts.baseURL, InternalHTTPPort: 8096, InternalHTTPSPort: 8920, PublicHTTPPort: 8096, PublicHTTPSPort: 8920,
		AutoDiscovery: true, EnableIPv4: true, EnableRemoteAccess: true,
		LocalNetworkSubnets: []string{}, LocalNetworkAddresses: []string{}, KnownProxies: proxies, RemoteIPFilter: []string{},
	})
}
