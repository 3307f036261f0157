package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// pollEvery is how often the television asks whether its digits were approved;
// real apps ask every one to five seconds.
const pollEvery = time.Second

// television pretends to be a television's app that signs in with Quick
// Connect: it asks through the tunnel like any other, and shows on a page of its
// own what a television would show.
type television struct {
	server string // where visitors come to
	client http.Client

	mu    sync.Mutex
	state screen
}

// screen is what the television shows.
type screen struct {
	Digits, Approve string
	SignedInAs      string
	Trouble         string
}

const televisionHeader = `MediaBrowser Client="Lab TV", Device="Television in the lab", DeviceId="lab-television", Version="1.0"`

var screenPage = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>A pretend television</title>
<meta http-equiv="refresh" content="1">
<style>
body { margin: 0; min-height: 100vh; display: flex; align-items: center; justify-content: center; text-align: center;
  background: #10131c; color: #f3f4f8; font: 1.3rem/1.5 system-ui, sans-serif; }
.digits { font-size: 5rem; letter-spacing: .15em; margin: 0; }
a { color: #1bb4ea; }
button { font: inherit; padding: .4rem 1rem; }
</style>
<main>
{{if .SignedInAs}}<h1>Welcome, {{.SignedInAs}}</h1><form method="post"><button>Sign out and start again</button></form>
{{else if .Trouble}}<h1>That did not work</h1><p>{{.Trouble}}</p>
{{else if .Digits}}<p>Quick Connect</p><p class="digits">{{.Digits}}</p><p>On your phone, open <a href="{{.Approve}}" target="_blank">{{.Approve}}</a></p>
{{else}}<p>One moment…</p>{{end}}
</main>
`))

// watchTelevision serves the television on the loopback until ctx ends, and
// returns its address.
func watchTelevision(ctx context.Context, server string) (address string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen for the television: %w", err)
	}
	t := &television{server: server, client: http.Client{Timeout: 10 * time.Second}}
	again := make(chan struct{}, 1)
	front := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			select {
			case again <- struct{}{}:
			default:
			}
			t.show(screen{})
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = screenPage.Execute(w, t.shown()) // nobody to tell if the browser has gone
	})}
	go func() { _ = front.Serve(listener) }() // ends with Close
	go func() {
		defer front.Close()
		t.run(ctx, again)
	}()
	return "http://" + listener.Addr().String() + "/", nil
}

func (t *television) show(s screen) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state = s
}

func (t *television) shown() screen {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state
}

// run signs in, and again whenever it is signed out.
func (t *television) run(ctx context.Context, again <-chan struct{}) {
	for ctx.Err() == nil {
		token, err := t.signIn(ctx)
		if err != nil {
			t.show(screen{Trouble: err.Error()})
			pause(ctx, 5*pollEvery)
			continue
		}
		t.stay(ctx, token, again)
	}
}

// stay stays signed in until it is told to begin again, or the token is dead.
func (t *television) stay(ctx context.Context, token string, again <-chan struct{}) {
	for {
		asked, stop := context.WithTimeout(ctx, pollEvery)
		select {
		case <-again:
			stop()
			_ = t.ask(ctx, http.MethodPost, "/Sessions/Logout", token, nil, nil) // the lab ends anyway
			return
		case <-asked.Done():
			stop()
		}
		if t.ask(ctx, http.MethodGet, "/Users/Me", token, nil, nil) != nil {
			return // signed out on the account page, or the lab ends
		}
	}
}

// signIn runs Quick Connect once, until somebody approves the digits.
func (t *television) signIn(ctx context.Context) (token string, err error) {
	var pending struct{ Code, Secret string }
	if err := t.ask(ctx, http.MethodPost, "/QuickConnect/Initiate", "", nil, &pending); err != nil {
		return "", err
	}
	t.show(screen{Digits: pending.Code, Approve: t.server + "/sso/2fa/connect?code=" + pending.Code})
	for {
		if !pause(ctx, pollEvery) {
			return "", ctx.Err()
		}
		var state struct{ Authenticated bool }
		if err := t.ask(ctx, http.MethodGet, "/QuickConnect/Connect?secret="+url.QueryEscape(pending.Secret), "", nil, &state); err != nil {
			return "", err
		}
		if state.Authenticated {
			break
		}
	}
	var result struct {
		AccessToken string
		User        struct{ Name string }
	}
	if err := t.ask(ctx, http.MethodPost, "/Users/AuthenticateWithQuickConnect", "", map[string]string{"Secret": pending.Secret}, &result); err != nil {
		return "", err
	}
	t.show(screen{SignedInAs: result.User.Name})
	return result.AccessToken, nil
}

// ask sends one request as an app would, and decodes the answer into out.
func (t *television) ask(ctx context.Context, method, target, token string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, t.server+target, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", televisionHeader)
	if token != "" {
		req.Header.Set("Authorization", televisionHeader+`, Token="`+token+`"`)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := t.client.Do(req)
	if err != nil {
		if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
			err = wrapped.Err // without the address, which holds a secret
		}
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// pause waits for d, and tells whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
