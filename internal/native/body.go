package native

import (
	"net/http"

	"github.com/jellyward/jellyward/internal/secret"
)

// credentials are what the body of a sign-in says.
type credentials struct {
	name     string
	password secret.Text
}

// readBody reads the body of a sign-in as Jellyfin does.
func readBody(r *http.Request) (credentials, error) {
	return credentials{}, refusal{status: http.StatusBadRequest, message: "This is not a sign-in."}
}
