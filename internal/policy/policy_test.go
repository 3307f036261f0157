package policy

import "testing"

func TestDecide(t *testing.T) {
	p := New()
	for _, tt := range []struct {
		method, target string
		want           Action
	}{
		{"POST", "/Users/AuthenticateByName", SignIn},
		{"post", "/emby/Users/%2541uthenticateByName/", SignIn},
		{"GET", "/Users/AuthenticateByName", Token},
		{"POST", "/Users/%2541uthenticateByName", SignIn},
		{"POST", "/U%C5%BFers/AuthenticateByName", SignIn},
		{"GET", "/web/", Page},
		{"GET", "/", Page},
		{"GET", "/web/main.js", Public},
		{"GET", "/SSO/2FA", Portal},
		{"GET", "/sso/oid/start/x", Deny},
		{"OPTIONS", "/Items", Public},
		{"TRACE", "/Items", Deny},
		{"GET", "/Videos/42/stream.mkv", Media},
		{"GET", "/Plugin/Thing", Token},
	} {
		path, err := ParsePath(tt.target, Base{})
		if err != nil {
			t.Errorf("ParsePath(%s): %v", tt.target, err)
			continue
		}
		if got := p.Decide(tt.method, path).Action; got != tt.want {
			t.Errorf("Decide(%s %s) = %v, want %v", tt.method, tt.target, got, tt.want)
		}
	}
}
