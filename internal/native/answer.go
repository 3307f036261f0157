package native

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

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
		return signin.Request{}, refusal{
			status:  http.StatusBadRequest,
			message: "A sign-in needs an Authorization header with Client, Device, DeviceId and Version.",
		}
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

// signIn asks whoever the password is for. What has the form of an app password
// and is none carries no code either, and ends like that.
func (h *Handler) signIn(ctx context.Context, req signin.Request) (jellyfin.Session, Kind, error) {
	if h.o.AppPasswords != nil && isAppPassword(req.Password) {
		session, handled, err := h.o.AppPasswords.Redeem(ctx, req)
		if handled || err != nil {
			return session, AppPassword, err
		}
	}
	req.Password, req.Code = split(req.Password)
	session, err := h.o.SignIn.SignInApp(ctx, req)
	return session, Code, err
}

// handOut gives the app Jellyfin's answer as it is.
func (h *Handler) handOut(w http.ResponseWriter, r *http.Request, session jellyfin.Session, kind Kind, device jellyfin.Device) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), finishFor)
	defer cancel()
	v, _ := visitor.From(r.Context())
	if h.o.Issued != nil {
		if err := h.o.Issued(ctx, Issue{Kind: kind, Session: session, Device: device, Visitor: v}); err != nil {
			h.log.ErrorContext(ctx, "token not recorded, so not handed out", "user_id", session.UserID, "request_id", v.RequestID, "error", err)
			h.o.SignIn.Discard(ctx, session.Token)
			h.fail(w, r, signin.ErrUnavailable)
			return
		}
	}
	err := r.Context().Err()
	if err == nil {
		head(w, r, session.ContentType, len(session.Raw))
		_, err = w.Write(session.Raw)
	}
	if err == nil {
		return
	}
	h.o.SignIn.Discard(ctx, session.Token)
	if h.o.Withdrawn != nil {
		h.o.Withdrawn(ctx, session.Token)
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

// fail answers err. Seerr sends everything again that is not a 401; of two
// sign-ins with one code one succeeds.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	var refused refusal
	var limit *throttle.LimitError
	switch {
	case errors.As(err, &refused):
	case errors.As(err, &limit):
		refused = refusal{status: http.StatusTooManyRequests, message: "Too many tries. Please wait.", retryAfter: limit.RetryAfter}
	case errors.Is(err, signin.ErrRefused):
		refused = refusal{status: http.StatusUnauthorized, message: "Name, password or code is wrong."}
	default:
		refused = refusal{
			status: http.StatusServiceUnavailable, message: "Sign-ins cannot be checked just now. Please try again in a moment.", retryAfter: comeBack,
		}
	}
	h.refuse(w, r, refused)
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
