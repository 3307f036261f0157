package proxy

import (
	"encoding/json"
	"fmt"
	"html"
	"mime"
	"net/http"
	"strings"
)

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

// words are what is added to a branding.
type words struct {
	// signIn is the path to which jellyfin-web's login page leads; empty leaves
	// that page alone.
	signIn string
	// hint is a line for native apps, or empty.
	hint string
}

// brand adds words to an answer of /Branding/Configuration, /Branding/Css or
// /Branding/Css.css. What the admin wrote stays. An answer that cannot be
// understood stays as it is.
func brand(resp *http.Response, w words) error {
	if resp.Request.Method == http.MethodHead || isEncoded(resp.Header) ||
		resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNoContent {
		return nil
	}
	body, whole, err := readBody(resp)
	if err != nil || !whole {
		return err
	}
	switch rewritten, ok := rewriteBranding(resp, body, w); {
	case ok:
		setBody(resp, rewritten)
	case resp.StatusCode == http.StatusOK:
		putBody(resp, body)
	}
	return nil
}

func rewriteBranding(resp *http.Response, body []byte, w words) ([]byte, bool) {
	if resp.StatusCode == http.StatusNoContent {
		if w.signIn == "" {
			return nil, false
		}
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
		return append(body, hideForm...), w.signIn != ""
	case kind == "application/json":
		return rewriteConfiguration(body, strings.EqualFold(parameters["profile"], "CamelCase"), w)
	}
	return nil, false
}

func rewriteConfiguration(body []byte, camel bool, w words) ([]byte, bool) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil || fields == nil {
		return nil, false
	}
	disclaimer, css := "LoginDisclaimer", "CustomCss"
	if _, lower := fields["splashscreenEnabled"]; camel || lower {
		disclaimer, css = "loginDisclaimer", "customCss"
	}
	if w.hint != "" {
		// A blank line, since some apps read the disclaimer as Markdown.
		if !changeText(fields, disclaimer, func(before string) string { return join(w.hint, "\n\n", before) }) {
			return nil, false
		}
	}
	if w.signIn != "" {
		form := fmt.Sprintf(button, html.EscapeString(w.signIn))
		if !changeText(fields, disclaimer, func(before string) string { return join(before, "\n\n", form) }) ||
			!changeText(fields, css, func(before string) string { return before + hideForm }) {
			return nil, false
		}
	}
	rewritten, err := json.Marshal(fields)
	return rewritten, err == nil
}

func join(first, separator, second string) string {
	if first == "" || second == "" {
		return first + second
	}
	return first + separator + second
}

// changeText changes the string in fields[key], which may be missing or null.
func changeText(fields map[string]json.RawMessage, key string, change func(string) string) bool {
	var before *string
	if raw, present := fields[key]; present {
		if err := json.Unmarshal(raw, &before); err != nil {
			return false
		}
	}
	text := ""
	if before != nil {
		text = *before
	}
	encoded, err := json.Marshal(change(text))
	if err != nil {
		return false
	}
	fields[key] = encoded
	return true
}
