// Package ui holds what people see: templates, style sheet and scripts, all
// embedded, with one typed view and one method for each page.
//
// The pages work at 320 pixels and on a television ten feet away, by touch,
// keyboard, remote control and screen reader; they need scripts, but no newer
// language than ES2019 (a television from 2022, an Android web view from 2020),
// and ask nothing of third parties. They carry no inline code, so that they can
// be served under the strictest content security policy.
package ui

import (
	"embed"
	"fmt"
	"html/template"
	"io"
)

//go:embed templates/*.tmpl
var templates embed.FS

// UI renders the pages. It is safe for concurrent use. See [New].
type UI struct {
	pages  map[string]*template.Template
	assets map[string]Asset
}

// New parses what is embedded.
func New() *UI {
	assets, names := loadAssets()
	u := &UI{pages: map[string]*template.Template{}, assets: assets}
	for _, page := range []string{"signin", "enrol", "account", "connect", "handoff", "notice"} {
		t := template.New("layout.tmpl").Funcs(template.FuncMap{
			"asset": func(name string) (string, error) {
				if hashed, ok := names[name]; ok {
					return hashed, nil
				}
				return "", fmt.Errorf("no asset %q", name)
			},
		})
		u.pages[page] = template.Must(t.ParseFS(templates, "templates/layout.tmpl", "templates/panels.tmpl", "templates/"+page+".tmpl"))
	}
	return u
}

// Place says where a page stands and leads.
type Place struct {
	// Base is the base path: empty, or like "/jellyfin".
	Base string
	// Next is the local path that opens after signing in.
	Next string
	// Return is Next if the visitor asked for it, to be kept on the way through
	// our own pages; else empty.
	Return string
}

// SignIn is the page with name, password and code.
type SignIn struct {
	Place
	// Notice is said above the form, if there is something to say.
	Notice string
}

// Enrol is the page on which a second factor is set up or replaced.
type Enrol struct {
	Place
	Notice string
}

// HandOff is the page that tells jellyfin-web, in its own storage, who is
// signed in, and goes on to it. It carries a live token and must not be stored.
type HandOff struct {
	Place
	ServerID, UserID, Token string
}

// SignIn writes the sign-in page.
func (u *UI) SignIn(w io.Writer, v SignIn) error { return u.render(w, "signin", v) }

// Enrol writes the enrolment page.
func (u *UI) Enrol(w io.Writer, v Enrol) error { return u.render(w, "enrol", v) }

// HandOff writes the hand-off page.
func (u *UI) HandOff(w io.Writer, v HandOff) error { return u.render(w, "handoff", v) }

func (u *UI) render(w io.Writer, page string, view any) error {
	if err := u.pages[page].Execute(w, view); err != nil {
		return fmt.Errorf("render page %s: %w", page, err)
	}
	return nil
}
