package ui

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
)

// pages renders every page with values that are as hostile as they can get.
func pages(t *testing.T, hostile string) map[string]string {
	t.Helper()
	u := New()
	use := AppUse{App: hostile, Name: hostile, From: hostile, At: time.Unix(1, 0)}
	place := Place{Base: "/base", Next: "/base/web/", Return: "/base/web/"}
	rendered := map[string]string{}
	for name, render := range map[string]func(io.Writer) error{
		"signin": func(w io.Writer) error { return u.SignIn(w, SignIn{Place: place, Notice: hostile}) },
		"enrol":  func(w io.Writer) error { return u.Enrol(w, Enrol{Place: place, Notice: hostile}) },
		"account": func(w io.Writer) error {
			return u.Account(w, Account{
				Place: place, UserName: hostile, ServerID: hostile, UserID: hostile, Notice: hostile,
				Devices:      []Device{{ID: hostile, App: hostile, Name: hostile, Kind: hostile, From: hostile}, {Current: true}},
				AppPasswords: []AppPassword{{ID: hostile, Name: hostile, Last: use, SignedOut: use}},
			})
		},
		"connect": func(w io.Writer) error {
			return u.Connect(w, Connect{Place: place, UserName: hostile, Code: hostile, Notice: hostile})
		},
		"handoff": func(w io.Writer) error {
			return u.HandOff(w, HandOff{Place: place, ServerID: hostile, UserID: hostile, Token: hostile})
		},
	} {
		var b bytes.Buffer
		if err := render(&b); err != nil {
			t.Fatal(err)
		}
		rendered[name] = b.String()
	}
	return rendered
}

func TestPagesAreAccessible(t *testing.T) {
	label := regexp.MustCompile(`<label for="([^"]+)"`)
	input := regexp.MustCompile(`<input id="([^"]+)"`)
	for name, page := range pages(t, "") {
		for _, want := range []string{`<html lang="en">`, `<meta name="viewport"`, "<title>", `role="status" aria-live="polite"`, "<noscript>"} {
			if !strings.Contains(page, want) {
				t.Errorf("%s lacks %s", name, want)
			}
		}
		labelled := map[string]bool{}
		for _, m := range label.FindAllStringSubmatch(page, -1) {
			labelled[m[1]] = true
		}
		for _, m := range input.FindAllStringSubmatch(page, -1) {
			if !labelled[m[1]] {
				t.Errorf("%s: input %s has no label", name, m[1])
			}
		}
		for _, section := range strings.Split(page, "<section")[1:] {
			if strings.Count(section, "<h1") != 1 {
				t.Errorf("%s: a panel has not exactly one heading", name)
			}
		}
	}
}

func TestPagesEscape(t *testing.T) {
	for name, page := range pages(t, `"><script>alert(1)</script>`) {
		if strings.Contains(page, "<script>alert") {
			t.Errorf("%s lets markup through", name)
		}
	}
}

// TestNamesOfDevicesTurnNothingAround: an app calls its device anything, and
// characters that turn the direction of writing would reach on into our own words
// about it, such as where it is.
func TestNamesOfDevicesTurnNothingAround(t *testing.T) {
	const turning = "\u202e"
	var b bytes.Buffer
	use := AppUse{App: turning + "app", Name: "device", From: "203.0.113.9", At: time.Unix(1, 0)}
	err := New().Account(&b, Account{
		Devices:      []Device{{ID: "1", App: "app", Name: turning + "device", From: "203.0.113.9"}},
		AppPasswords: []AppPassword{{ID: "1", Name: "name", Last: use, SignedOut: use}},
	})
	if err != nil {
		t.Fatal(err)
	}
	page := regexp.MustCompile(` aria-label="[^"]*"`).ReplaceAllString(b.String(), "")
	isolated := regexp.MustCompile(`(?s)<bdi>.*?</bdi>`)
	if n := len(isolated.FindAllString(page, -1)); n != 3 {
		t.Errorf("%d names are kept apart, want 3", n)
	}
	if strings.Contains(isolated.ReplaceAllString(page, ""), turning) {
		t.Error("a name can turn what stands behind it")
	}
}

func TestFormsCannotPutPasswordsIntoAddresses(t *testing.T) {
	form := regexp.MustCompile(`<form [^>]*>`)
	for name, page := range pages(t, "") {
		for _, tag := range form.FindAllString(page, -1) {
			if !strings.Contains(tag, `method="post"`) {
				t.Errorf("%s: %s", name, tag)
			}
		}
	}
}

func TestFieldsHelpPasswordManagersAndPhones(t *testing.T) {
	page := pages(t, "")["signin"]
	for _, want := range []string{`autocomplete="username"`, `autocomplete="current-password"`, `autocomplete="one-time-code"`, `inputmode="numeric"`, `autocapitalize="none"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the sign-in page lacks %s", want)
		}
	}
}

func TestNothingComesFromThirdParties(t *testing.T) {
	address := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9-]+\.[a-z]`)
	for name, page := range pages(t, "") {
		if found := address.FindString(page); found != "" {
			t.Errorf("page %s refers to %s", name, found)
		}
	}
	for name, asset := range New().assets {
		text := strings.ReplaceAll(string(asset.Body), "http://www.w3.org/2000/svg", "")
		if found := address.FindString(text); found != "" {
			t.Errorf("asset %s refers to %s", name, found)
		}
	}
}

// Televisions of 2022 and web views of 2020 know no newer language.
func TestAssetsAreOldEnough(t *testing.T) {
	newer := map[string]*regexp.Regexp{
		".js":  regexp.MustCompile(`\?\.[\w(\[]|\?\?|\|\|=|&&=|\.replaceAll\(|\.at\(|\.matchAll\(|\bimport\b|\bstatic\b|Promise\.any|structuredClone|\d_\d|\.#\w`),
		".css": regexp.MustCompile(`\bgap:|\binset:|aspect-ratio|:focus-visible|:is\(|:where\(|:has\(|@layer|@container|\bdvh\b|accent-color|oklch|color-mix|&:`),
	}
	seen := 0
	for name, asset := range New().assets {
		for ext, pattern := range newer {
			if !strings.HasSuffix(name, ext) {
				continue
			}
			seen++
			comments := regexp.MustCompile(`(?m)//.*$|/\*[\s\S]*?\*/`)
			if found := pattern.FindString(comments.ReplaceAllString(string(asset.Body), "")); found != "" {
				t.Errorf("%s uses %s", name, found)
			}
		}
	}
	if seen < 5 {
		t.Errorf("only %d assets were looked at", seen)
	}
}

func TestAssetNamesTellTheirContent(t *testing.T) {
	u := New()
	name := regexp.MustCompile(`^[a-z]+\.[0-9a-f]{16}\.(css|js|svg)$`)
	for hashed, asset := range u.assets {
		if !name.MatchString(hashed) {
			t.Errorf("asset name %q", hashed)
		}
		if asset.ContentType == "application/octet-stream" || len(asset.Body) == 0 {
			t.Errorf("asset %s has type %s and %d bytes", hashed, asset.ContentType, len(asset.Body))
		}
	}
	for _, page := range pages(t, "") {
		for _, m := range regexp.MustCompile(`/base/sso/2fa/assets/([^"]+)"`).FindAllStringSubmatch(page, -1) {
			if _, ok := u.Asset(m[1]); !ok {
				t.Errorf("a page refers to %s, which is not there", m[1])
			}
		}
	}
	if _, ok := u.Asset("app.css"); ok {
		t.Error("an asset can be asked for without its hash, and would be stored for ever")
	}
}
