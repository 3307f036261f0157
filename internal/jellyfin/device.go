package jellyfin

import (
	"net/url"
	"strings"

	"github.com/jellyward/jellyward/internal/secret"
)

// Device says on whose behalf a token is asked for. Jellyfin wants all four
// fields to be present in a sign-in.
type Device struct {
	// Client is the program, for example "Jellyfin Web".
	Client string
	// Name is what people call the device, for example "Chrome".
	Name string
	// ID tells devices apart; a user has one token per device id.
	ID string
	// Version is the client's version.
	Version string
}

// Authorization renders the value of an Authorization header for d and token,
// either of which may be empty. Values are percent-encoded, because Jellyfin
// decodes them (AuthorizationContext.cs) and device names hold anything.
func (d Device) Authorization(token secret.Text) string {
	var b strings.Builder
	b.WriteString("MediaBrowser ")
	first := true
	for _, field := range []struct{ key, value string }{
		{"Client", d.Client}, {"Device", d.Name}, {"DeviceId", d.ID}, {"Version", d.Version}, {"Token", string(token)},
	} {
		if field.value == "" {
			continue
		}
		if !first {
			b.WriteString(", ")
		}
		first = false
		b.WriteString(field.key + `="` + url.QueryEscape(field.value) + `"`)
	}
	return b.String()
}
