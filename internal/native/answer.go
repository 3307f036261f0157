package native

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/jellyward/jellyward/internal/apppass"
	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/visitor"
)

const (
	// bodyWithin bounds the time in which a body must arrive.
	bodyWithin = 15 * time.Second
	// finishFor bounds what is done with a token when the app has gone.
	finishFor = 10 * time.Second
	// comeBack is when to ask again if nothing could be decided.
	comeBack = 5 * time.Second
)

// read reads what r asks for. Device fields come first, as Jellyfin refuses a
// sign-in without them whatever else it says.
func (h *Handler) read(w http.ResponseWriter, r *http.Request) (signin.Request, error) {
	v, ok := visitor.From(r.Context())
	if !ok {
		return signin.Request{}, signin.ErrUnavailable
	}
	device := h.o.Present(r.Header, r.URL.RawQuery).Device
	if device.Client == "" || device.Name == "" || device.ID == "" || device.Version == "" {
		return signin.Request{}, errNoDevice
	}
	c, err := readBodyWithin(w, r)
	if err != nil {
		return signin.Request{}, err
	}
	return signin.Request{
		Name:     c.name,
		Password: c.password,
		Device:   device,
		Visitor:  v.Addr,
		Profile:  jellyfin.ReadProfile(r.Header),
	}, nil
}

// readBodyWithin reads the body while it may take its time, and lifts the limit
// again: it would end a ceremony that waits for its turn. Through the tunnel there
// is no such limit to set, and the edge does not send a body byte by byte.
func readBodyWithin(w http.ResponseWriter, r *http.Request) (credentials, error) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyWithin))
	defer func() { _ = control.SetReadDeadline(time.Time{}) }()
	return readBody(r)
}

// signIn asks whoever the password is for.
func (h *Handler) signIn(ctx context.Context, req signin.Request) (jellyfin.Session, error) {
	if h.o.AppPasswords != nil {
		claimed, err := h.o.AppPasswords.Claims(ctx, req.Password)
		switch {
		case err != nil:
			return jellyfin.Session{}, err
		case claimed:
			return h.o.AppPasswords.Redeem(ctx, jellyfin.Credentials{
				Device: req.Device, Name: req.Name, Password: req.Password, Visitor: req.Visitor, Profile: req.Profile,
			})
		}
	}
	req.Password, req.Code = split(req.Password)
	session, err := h.o.SignIn.SignInApp(ctx, req)
	if err != nil {
		return jellyfin.Session{}, err
	}
	return session, h.record(ctx, session, req)
}

// record remembers the session's token. A token that cannot be is logged out.
func (h *Handler) record(ctx context.Context, session jellyfin.Session, req signin.Request) error {
	if h.o.Issued == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishFor)
	defer cancel()
	_, err := h.o.Issued.Record(ctx, session, issued.Details{Kind: issued.Code, Device: req.Device, Visitor: req.Visitor})
	if err != nil {
		h.discard(ctx, session)
		return fmt.Errorf("record an app's token: %w", err)
	}
	return nil
}

// discard logs out a token that the app shall not have, or did not get.
func (h *Handler) discard(ctx context.Context, session jellyfin.Session) {
	if h.o.Issued != nil {
		h.o.Issued.Discard(ctx, session.Token)
		return
	}
	h.o.SignIn.Discard(ctx, session.Token)
}

// handOut gives the app Jellyfin's answer as it is.
func (h *Handler) handOut(w http.ResponseWriter, r *http.Request, session jellyfin.Session) {
	err := r.Context().Err()
	if err == nil {
		head(w, r, session.ContentType, len(session.Raw))
		_, err = w.Write(session.Raw)
	}
	if err != nil {
		h.discard(context.WithoutCancel(r.Context()), session)
	}
}

// refusal is an answer of our own, in a status that apps understand. None shows
// its words: they are for whoever looks at the traffic.
type refusal struct {
	status  int
	message string
	// retryAfter, if not zero, says when to ask again.
	retryAfter time.Duration
}

// Error gives the words.
func (r refusal) Error() string { return r.message }

// closed refuses what no app sends, and what browsers should do elsewhere.
func (h *Handler) closed(r *http.Request) refusal {
	message := "A password alone does not sign in here. Sign in with your second factor."
	if v, ok := visitor.From(r.Context()); ok && h.o.Where != nil {
		message = "A password alone does not sign in here. Sign in with your second factor at " + h.o.Where(v)
	}
	return refusal{status: http.StatusForbidden, message: message}
}

// fail answers err.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	refused := refusalFor(err)
	if unheard(err) && r.Context().Err() == nil {
		v, _ := visitor.From(r.Context())
		h.log.WarnContext(r.Context(), "app not signed in", "request_id", v.RequestID, "error", err)
	}
	h.refuse(w, r, refused)
}

// unheard tells whether err is one that nobody else has put into the log.
func unheard(err error) bool {
	for _, heard := range []error{signin.ErrRefused, signin.ErrUnavailable, apppass.ErrRefused} {
		if errors.Is(err, heard) {
			return false
		}
	}
	return !errors.As(err, new(refusal)) && !errors.As(err, new(*throttle.LimitError))
}

// refusalFor chooses the answer to err. Seerr sends everything again that is not
// a 401; of two sign-ins with one code one succeeds.
func refusalFor(err error) refusal {
	var refused refusal
	var limit *throttle.LimitError
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &limit):
		return refusal{status: http.StatusTooManyRequests, message: "Too many tries. Please wait.", retryAfter: limit.RetryAfter}
	case errors.Is(err, signin.ErrRefused), errors.Is(err, apppass.ErrRefused):
		return refusal{status: http.StatusUnauthorized, message: "Name, password or code is wrong."}
	case errors.Is(err, apppass.ErrNoKeeper):
		return refusal{status: http.StatusForbidden, message: "Sign in with a browser once more, so that app passwords work again."}
	case errors.Is(err, jellyfin.ErrQuickConnectOff):
		return refusal{status: http.StatusForbidden, message: "App passwords need Quick Connect, which is switched off at this Jellyfin."}
	case errors.Is(err, jellyfin.ErrForbidden):
		return refusal{status: http.StatusForbidden, message: "Jellyfin does not let this account in now."}
	case errors.Is(err, jellyfin.ErrDevice):
		return errNoDevice
	}
	return refusal{
		status: http.StatusServiceUnavailable, message: "Sign-ins cannot be checked just now. Please try again in a moment.", retryAfter: comeBack,
	}
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, rf refusal) {
	if rf.retryAfter > 0 {
		seconds := (rf.retryAfter + time.Second - 1) / time.Second
		w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
	}
	head(w, r, "text/plain; charset=utf-8", len(rf.message))
	w.WriteHeader(rf.status)
	_, _ = w.Write([]byte(rf.message)) // nobody to tell if the app has gone
}

// head sets the headers that all answers have. Pages of other origins may read
// them, as they may read Jellyfin's own: some apps are such pages.
func head(w http.ResponseWriter, r *http.Request, contentType string, length int) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("CDN-Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Header.Get("Origin") != "" {
		h.Set("Access-Control-Allow-Origin", "*")
	}
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(length))
}
