package proxy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// maxBranding bounds the answers that are rewritten; a longer one passes as it
// is.
const maxBranding = 1 << 20

// hideForm hides jellyfin-web's password form, which cannot succeed through
// the gateway. Quick Connect stays.
const hideForm = "\n#loginPage .manualLoginForm, #loginPage .visualLoginForm, #loginPage .btnManual, " +
	"#loginPage .btnForgotPassword { display: none !important; }\n"

// button is a form, because a link in the disclaimer would open a new tab
// (jellyfin-web gives every anchor there target=_blank), and sends again=1,
// because whoever sees it is signed out in jellyfin-web's eyes.
const button = "<form action=\"%s\" method=\"get\">\n" +
	"<input type=\"hidden\" name=\"again\" value=\"1\">\n" +
	"<button type=\"submit\" class=\"raised button-submit block emby-button\"><span>Sign in with two factors</span></button>\n" +
	"</form>"

// brand rewrites an answer of /Branding/Configuration, /Branding/Css or
// /Branding/Css.css so that jellyfin-web's login page leads to signIn. What the
// admin wrote stays. An answer that cannot be understood stays as it is.
func brand(resp *http.Response, signIn string) error {
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNoContent || resp.Header.Get("Content-Encoding") != "" {
		return nil
	}
	body, whole, err := readBranding(resp)
	if err != nil || !whole {
		return err
	}
	if rewritten, ok := rewriteBranding(resp, body, signIn); ok {
		body = rewritten
		resp.Header.Del("ETag")
		resp.Header.Del("Last-Modified")
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if resp.StatusCode == http.StatusOK {
		resp.ContentLength = int64(len(body))
		resp.TransferEncoding = nil
		resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	return nil
}

func readBranding(resp *http.Response) (body []byte, whole bool, err error) {
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxBranding+1))
	if err != nil {
		return nil, false, fmt.Errorf("read branding: %w", err)
	}
	if len(body) <= maxBranding {
		return body, true, resp.Body.Close()
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
	return nil, false, nil
}

func rewriteBranding(resp *http.Response, body []byte, signIn string) ([]byte, bool) {
	if resp.StatusCode == http.StatusNoContent {
		// No custom CSS at all.
		resp.StatusCode, resp.Status = http.StatusOK, ""
		resp.Header.Set("Content-Type", "text/css; charset=utf-8")
		return []byte(hideForm), true
	}
	kind, parameters, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case err != nil:
		return nil, false
	case kind == "text/css":
		return append(body, hideForm...), true
	case kind == "application/json":
		return rewriteConfiguration(body, strings.EqualFold(parameters["profile"], "CamelCase"), signIn)
	}
	return nil, false
}

func rewriteConfiguration(body []byte, camel bool, signIn string) ([]byte, bool) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil || fields == nil {
		return nil, false
	}
	disclaimer, css := "LoginDisclaimer", "CustomCss"
	if _, lower := fields["splashscreenEnabled"]; camel || lower {
		disclaimer, css = "loginDisclaimer", "customCss"
	}
	form := fmt.Sprintf(button, html.EscapeString(signIn))
	if !appendText(fields, disclaimer, "\n\n", form) || !appendText(fields, css, "", hideForm) {
		return nil, false
	}
	rewritten, err := json.Marshal(fields)
	return rewritten, err == nil
}

// appendText adds text to the string in fields[key], after separator if there
// was one already.
func appendText(fields map[string]json.RawMessage, key, separator, text string) bool {
	var before *string
	if raw, present := fields[key]; present {
		if err := json.Unmarshal(raw, &before); err != nil {
			return false
		}
	}
	if before != nil && *before != "" {
		text = *before + separator + text
	}
	encoded, err := json.Marshal(text)
	if err != nil {
		return false
	}
	fields[key] = encoded
	return true
}
