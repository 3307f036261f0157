package portal

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/internal/visitor"
)

const (
	// maxBody bounds what is posted, in bytes.
	maxBody = 64 << 10
	// maxDeviceID and maxDeviceText bound what a device says of itself, in
	// bytes. jellyfin-web's ids are made of the browser's User-Agent.
	maxDeviceID   = 2048
	maxDeviceText = 256
)

// body is what the three posts carry; each uses the keys that it knows.
type body struct {
	Username string
	Password secret.Text
	Otp      string
	Code     string
}

// inputError refuses a request for its form.
type inputError struct {
	status  int
	message string
}

func (e *inputError) Error() string { return e.message }

// readBody reads what a sign-in or an enrolment posts.
func readBody(w http.ResponseWriter, r *http.Request) (b body, err error) {
	err = readJSON(w, r, &b)
	return b, err
}

// readJSON reads a JSON object of at most [maxBody] into the struct that into
// points to.
func readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	if mediaType(r) != "application/json" {
		return &inputError{http.StatusUnsupportedMediaType, "Send JSON, with the content type application/json."}
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return &inputError{http.StatusRequestEntityTooLarge, "This is more than 64 KB."}
	case err != nil:
		return &inputError{http.StatusBadRequest, "The request broke off."}
	}
	// Null is no object, though it can be read into one.
	isObject := bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{"))
	if !utf8.Valid(raw) || !isObject || json.Unmarshal(raw, into) != nil {
		return &inputError{http.StatusBadRequest, "This is not a JSON object with texts in it."}
	}
	return nil
}

// mediaType returns the request's content type without parameters, or nothing
// if it cannot be read.
func mediaType(r *http.Request) string {
	values := r.Header.Values("Content-Type")
	if len(values) != 1 {
		return ""
	}
	kind, parameters, err := mime.ParseMediaType(values[0])
	if err != nil {
		return ""
	}
	if charset, ok := parameters["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return ""
	}
	return kind
}

// request makes the ceremony's request of what was posted.
func request(r *http.Request, b body, code string) (signin.Request, error) {
	device, err := deviceOf(r.Header)
	if err != nil {
		return signin.Request{}, err
	}
	v, _ := visitor.From(r.Context())
	return signin.Request{Name: b.Username, Password: b.Password, Code: code, Device: device, Visitor: v.Addr}, nil
}

// deviceOf reads what the sender says of its device. Our page sends the
// browser's facts as jellyfin-web would, or those of the app that hosts it, so
// that the token belongs to the device that will use it. A program that says
// nothing gets a device of its own.
func deviceOf(h http.Header) (jellyfin.Device, error) {
	d := jellyfin.Device{
		Client:  deviceText(h, "X-Client"),
		Name:    deviceText(h, "X-DeviceName"),
		ID:      deviceText(h, "X-DeviceId"),
		Version: deviceText(h, "X-Client-Version"),
	}
	switch {
	case len(d.ID) > maxDeviceID:
		return jellyfin.Device{}, &inputError{http.StatusBadRequest, "The header X-DeviceId is too long."}
	case len(d.Name) > maxDeviceText || len(d.Client) > maxDeviceText || len(d.Version) > maxDeviceText:
		return jellyfin.Device{}, &inputError{http.StatusBadRequest, "A header that describes the device is too long."}
	}
	if d.ID == "" {
		d.ID = "jellyward-" + rand.Text()
	}
	if d.Name == "" {
		d.Name = "Web Browser"
	}
	if d.Client == "" {
		// Its version is the server's, which the ceremony fills in.
		d.Client, d.Version = "Jellyfin Web", ""
	}
	return d, nil
}

// deviceText reads a header that may be percent-encoded, since headers carry no
// other characters than ASCII, and drops what cannot be printed.
func deviceText(h http.Header, name string) string {
	text := h.Get(name)
	if decoded, err := url.PathUnescape(text); err == nil {
		text = decoded
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text))
}
