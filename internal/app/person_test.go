package app_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/totp"
)

// person is somebody who signs in with JSON, as a script does.
type person struct {
	name, password string
	// base is where the program is reached, base path included.
	base string
	http *http.Client
	// device is the device id that is sent along.
	device string
	secret totp.Secret
	// spent is the highest step whose code was used.
	spent totp.Step
}

// answer is the union of what the JSON endpoints answer.
type answer struct {
	Ok, Success        bool
	EnrollmentRequired bool
	ErrorMessage       string
	ServerAddress      string
	Secret, OtpAuthUri string
	QrPng              string
	AuthenticatedUser  struct {
		AccessToken, ServerId string
		User                  struct{ Id, Name string }
	}
}

// post sends fields to an endpoint below /sso/2fa.
func (p *person) post(t testing.TB, endpoint string, fields map[string]string) (int, answer, *http.Response) {
	t.Helper()
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.base+"/sso/2fa/"+endpoint, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-DeviceId", p.device)
	req.Header.Set("X-DeviceName", "Test browser")
	resp, err := p.http.Do(req)
	if err != nil {
		t.Errorf("post %s: %v", endpoint, err)
		return 0, answer{}, &http.Response{Header: http.Header{}}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("post %s: %v", endpoint, err)
	}
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		t.Errorf("post %s: %d with %q, which is not JSON", endpoint, resp.StatusCode, raw)
	}
	return resp.StatusCode, a, resp
}

func (p *person) fields(more ...string) map[string]string {
	fields := map[string]string{"Username": p.name, "Password": p.password}
	for i := 0; i < len(more); i += 2 {
		fields[more[i]] = more[i+1]
	}
	return fields
}

// code is the next code that was not used yet: that of now, or of one step ahead.
func (p *person) code(t testing.TB) string {
	t.Helper()
	// Not the step before, which could end while its code is on the way.
	step := max(p.spent+1, totp.StepAt(time.Now()))
	if ahead := totp.StepAt(time.Now()) + 1; step > ahead {
		t.Fatal("all codes that are valid now are used up")
	}
	p.spent = step
	return p.secret.At(timeOf(step)).Digits()
}

// enrol sets up a second factor and returns the answer of its confirmation,
// which has signed the person in.
func (p *person) enrol(t testing.TB) answer {
	t.Helper()
	status, a, _ := p.post(t, "enroll", p.fields())
	if status != http.StatusOK {
		t.Fatalf("enroll: %d %+v", status, a)
	}
	secret, err := totp.ParseSecret(a.Secret)
	if err != nil {
		t.Fatal(err)
	}
	p.secret = secret
	status, a, _ = p.post(t, "confirm", p.fields("Code", p.code(t)))
	if status != http.StatusOK || !a.Success {
		t.Fatalf("confirm: %d %+v", status, a)
	}
	return a
}

// signIn signs in with a fresh code.
func (p *person) signIn(t testing.TB) (int, answer, *http.Response) {
	t.Helper()
	return p.post(t, "authenticate", p.fields("Otp", p.code(t)))
}
