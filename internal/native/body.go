package native

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
)

// maxBody bounds the body of a sign-in. Those of apps have a hundred bytes;
// Jellyfin's own limit is 30 MB.
const maxBody = 16 << 10

// credentials are what the body of a sign-in says.
type credentials struct {
	name     string
	password secret.Text
}

var (
	errNotJSON  = refusal{status: http.StatusUnsupportedMediaType, message: "Send JSON."}
	errTooLong  = refusal{status: http.StatusRequestEntityTooLarge, message: "This is too long for a sign-in."}
	errNoSignIn = refusal{status: http.StatusBadRequest, message: "This is not a sign-in."}
	errNoDevice = refusal{status: http.StatusBadRequest, message: "A sign-in needs an Authorization header with Client, Device, DeviceId and Version."}
	errNoName   = refusal{status: http.StatusBadRequest, message: "A sign-in needs a name."}
)

// readBody reads the body of a sign-in as Jellyfin does: a number or a boolean may
// stand where a text belongs. See [jellyfin.ReadObject].
func readBody(r *http.Request) (credentials, error) {
	var name, password string
	_, err := jellyfin.ReadObject(r, maxBody, func(key string, value json.RawMessage) error {
		ok := true
		switch {
		case jellyfin.FoldsTo(key, "username"):
			name, ok = jellyfin.ReadText(value)
		case jellyfin.FoldsTo(key, "pw"):
			password, ok = jellyfin.ReadText(value)
		}
		if !ok {
			return errNoSignIn
		}
		return nil
	})
	switch {
	case errors.Is(err, jellyfin.ErrNotJSON):
		return credentials{}, errNotJSON
	case errors.Is(err, jellyfin.ErrTooLong):
		return credentials{}, errTooLong
	case err != nil:
		return credentials{}, errNoSignIn
	case strings.TrimSpace(name) == "":
		return credentials{}, errNoName
	}
	return credentials{name: name, password: secret.Text(password)}, nil
}
