package totp

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"net/url"
	"strings"

	"github.com/pquerna/otp"
)

// URI returns the otpauth:// address that carries the secret into an
// authenticator app, by link or QR code, in the format that Google's wiki
// describes. Apps show issuer and account and keep several accounts apart by
// them. Every character is allowed in both and arrives as it is, but for a colon
// in the issuer, which the format cannot carry there and which becomes a space.
func (s Secret) URI(issuer, account string) string {
	issuer = strings.TrimSpace(strings.ReplaceAll(issuer, ":", " "))
	label := escape(account)
	query := "secret=" + s.Base32()
	if issuer != "" {
		label = escape(issuer) + ":" + label
		query += "&issuer=" + escape(issuer)
	}
	return "otpauth://totp/" + label + "?" + query + "&algorithm=SHA1&digits=6&period=30"
}

// escape escapes everything but letters, digits and "-_.~", in paths and queries
// alike: apps differ in what they take ":", "+" and "/" for. It is url.QueryEscape
// but for the space, which several apps understand as %20 only.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// The QR image's measures in pixels. A typical address makes a code of about 50
// modules, so one is seven pixels wide: enough for a poor camera, and the image
// is small enough for a phone. The margin is the four modules that scanners need.
const (
	qrSide   = 384
	qrMargin = 32
)

// QR draws uri as a black and white PNG image that can be scanned from a screen.
// A text that does not fit into a QR code (about 2300 bytes) is an error.
func QR(uri string) ([]byte, error) {
	key, err := otp.NewKeyFromURL(uri)
	if err != nil {
		return nil, errors.New("draw QR code: the address cannot be parsed")
	}
	code, err := key.Image(qrSide, qrSide)
	if err != nil {
		return nil, errors.New("draw QR code: the address is too long")
	}
	side := qrSide + 2*qrMargin
	canvas := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	draw.Draw(canvas, code.Bounds().Add(image.Pt(qrMargin, qrMargin)), code, code.Bounds().Min, draw.Src)
	var out bytes.Buffer
	if err := png.Encode(&out, canvas); err != nil {
		return nil, fmt.Errorf("encode QR code: %w", err)
	}
	return out.Bytes(), nil
}
