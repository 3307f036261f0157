package portal

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/internal/throttle"
)

// refusedAs is what differs between the refusals of the posts: the key of the
// verdict, "Ok" or "Success", and the key that the code came under.
type refusedAs struct {
	verdict string
	code    string
}

// failure is a refusal. Visitors are told what they can do about it, never a
// cause.
type failure struct {
	verdict            string // "Ok" unless set
	Message            string
	EnrollmentRequired bool
	Fields             map[string]string
	RetryAfter         int // seconds
	Locked             bool
	SignInAgain        bool // what was asked needs a fresh sign-in
}

// MarshalJSON writes the verdict and what is set.
func (f failure) MarshalJSON() ([]byte, error) {
	verdict := f.verdict
	if verdict == "" {
		verdict = "Ok"
	}
	out := map[string]any{verdict: false, "ErrorMessage": f.Message}
	if f.EnrollmentRequired {
		out["EnrollmentRequired"] = true
	}
	if len(f.Fields) > 0 {
		out["Fields"] = f.Fields
	}
	if f.RetryAfter > 0 {
		out["RetryAfter"] = f.RetryAfter
	}
	if f.Locked {
		out["Locked"] = true
	}
	if f.SignInAgain {
		out["SignInAgain"] = true
	}
	return json.Marshal(out)
}

// unavailableFor is when to come back after trouble of ours, in seconds.
const unavailableFor = 5

// refuse answers with what err means to the visitor.
func (p *portal) refuse(w http.ResponseWriter, r *http.Request, as refusedAs, err error) {
	status, f := p.failureOf(as, err)
	f.verdict = as.verdict
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	p.answer(w, r, status, f)
}

func (p *portal) failureOf(as refusedAs, err error) (status int, f failure) {
	var input *inputError
	var invalid *signin.ValidationError
	var limit *throttle.LimitError
	switch {
	case errors.As(err, &input):
		return input.status, failure{Message: input.message}
	case errors.As(err, &invalid):
		return http.StatusBadRequest, invalidFields(as, invalid)
	case errors.As(err, &limit):
		return http.StatusTooManyRequests, limited(limit)
	case errors.Is(err, signin.ErrRefused):
		return http.StatusUnauthorized, failure{Message: "That did not work. Check your name, your password and the code; each code works only once."}
	case errors.Is(err, signin.ErrEnrolmentRequired):
		return http.StatusUnauthorized, failure{Message: "You have not set up an authenticator app yet.", EnrollmentRequired: true}
	case errors.Is(err, signin.ErrCodeRequired):
		return http.StatusForbidden, failure{Message: "An authenticator app is set up already. To replace it, enter a new code from it; each code works only once."}
	case errors.Is(err, signin.ErrWrongCode):
		return http.StatusBadRequest, failure{Message: "This code is not right, or was used already, or the key is older than 10 minutes. Wait for the next code, or start again."}
	}
	return http.StatusServiceUnavailable, failure{Message: noticeStore, RetryAfter: unavailableFor}
}

// invalidFields names the fields as the sender spelled them.
func invalidFields(as refusedAs, invalid *signin.ValidationError) failure {
	f := failure{Fields: map[string]string{}}
	for _, field := range []struct {
		field signin.Field
		key   string
	}{{signin.FieldName, "Username"}, {signin.FieldPassword, "Password"}, {signin.FieldCode, as.code}} {
		text, ok := invalid.Fields[field.field]
		if !ok {
			continue
		}
		f.Fields[field.key] = text
		if f.Message != "" {
			f.Message += " "
		}
		f.Message += text
	}
	return f
}

func limited(limit *throttle.LimitError) failure {
	seconds := int(math.Ceil(max(limit.RetryAfter, time.Second).Seconds()))
	if limit.Locked {
		return failure{Message: "There were too many wrong codes in a row. Ask whoever runs this server to unlock your account.", RetryAfter: seconds, Locked: true}
	}
	wait := strconv.Itoa(seconds) + " seconds"
	if seconds == 1 {
		wait = "1 second"
	}
	return failure{Message: "Too many tries. Please wait " + wait + ".", RetryAfter: seconds}
}

// answer writes v as JSON.
func (p *portal) answer(w http.ResponseWriter, r *http.Request, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // Jellyfin's answer is passed on as it is
	if err := encoder.Encode(v); err != nil && r.Context().Err() == nil {
		p.trouble(r, "answer not written", err)
	}
}
