package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/policy"
)

// maxPasswordChange bounds the body of a change of password, in bytes.
const maxPasswordChange = 16 << 10

// errBlanks ends the reading of a body that takes a password away.
var errBlanks = errors.New("the password is to be taken away")

// keepsPassword refuses to take a password away, and tells whether req may pass.
// Jellyfin takes it away for whoever has a token of the user's (UserController,
// ResetPassword), without the old password. From outside a stolen token would
// shut its owner out, since nobody signs in here with an empty password, or
// become the account of somebody who has no second factor yet. So it takes a
// browser that has just signed in, or somebody at home.
func (g *Gateway) keepsPassword(w http.ResponseWriter, req *request) bool {
	if req.visitor.Home || !changesPassword(req) || req.ContentLength == 0 {
		return true
	}
	body, err := jellyfin.ReadObject(req.Request, maxPasswordChange, func(name string, value json.RawMessage) error {
		if !jellyfin.FoldsTo(name, "resetpassword") || string(value) == "false" || string(value) == "null" {
			return nil
		}
		return errBlanks
	})
	if errors.Is(err, errBlanks) {
		err = g.hasJustSignedIn(req)
	}
	if err != nil {
		g.refuse(w, req.Request, g.noChange(req, err))
		return false
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	return true
}

// hasJustSignedIn returns errBlanks unless req comes from a browser that signed in
// a short while ago.
func (g *Gateway) hasJustSignedIn(req *request) error {
	_, recent, err := g.hasCookie(req, policy.Needs{})
	if err == nil && !recent {
		return errBlanks
	}
	return err
}

// noChange says why a password is not changed.
func (g *Gateway) noChange(req *request, why error) refusal {
	switch {
	case errors.Is(why, errBlanks):
		return refusal{
			status:  http.StatusForbidden,
			message: "Taking a password away needs a browser that has signed in within the last hour. Sign in again.",
			signIn:  g.SignInURL(req.visitor) + "?fresh=1",
		}
	case errors.Is(why, jellyfin.ErrNotJSON):
		return refusal{status: http.StatusUnsupportedMediaType, message: "Send JSON."}
	case errors.Is(why, jellyfin.ErrTooLong):
		return refusal{status: http.StatusRequestEntityTooLarge, message: "This is too long for a change of password."}
	case errors.Is(why, jellyfin.ErrMalformed):
		return refusal{status: http.StatusBadRequest, message: "This is not a change of password."}
	}
	g.Logger.ErrorContext(req.Context(), "visitor could not be checked", "error", why, "request_id", req.visitor.RequestID)
	return unavailable
}

// changesPassword tells whether req is one of the two operations that set a
// password.
func changesPassword(req *request) bool {
	path := req.path.Lower()
	return req.decision.Method == http.MethodPost && strings.HasPrefix(path, "/users/") && strings.HasSuffix(path, "/password")
}
