package gateway

import (
	"context"
	"net/netip"

	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/proxy"
	"github.com/jellyward/jellyward/internal/secret"
)

// Issued knows the tokens that were given out here; [issued.Registry] does.
type Issued interface {
	Ended(token secret.Text) (bool, error)
	Admitted(ctx context.Context, token secret.Text) (bool, error)
	Touch(token secret.Text, visitor netip.Addr)
	Dead(token secret.Text)
	Forget(ctx context.Context, token secret.Text) error
	RecordAnswer(ctx context.Context, kind issued.Kind, body []byte, visitor netip.Addr) (issued.Token, error)
}

// APIKeys knows the keys that may pass although they were not given out here;
// [apikey.Keys] does.
type APIKeys interface {
	Allows(token secret.Text, visitor netip.Addr) (name string, ok bool)
}

// countToken takes the token off a request on which it does not count: because
// it was ended here, though Jellyfin may not know yet, or was not given out here
// where that is asked for. What could not be found out counts as a no, and is
// told to whom it concerns.
func (g *Gateway) countToken(req *request) {
	if g.Issued == nil || !req.presented.HasToken() {
		return
	}
	remark, err := g.counts(req)
	if remark != "" {
		req.presented, req.doubt, req.remark = req.presented.WithoutToken(), err, remark
	}
}

// counts says why the token on req does not count, "" if it does. With an error
// nobody knows.
func (g *Gateway) counts(req *request) (remark string, err error) {
	const unknown = "token could not be checked"
	token := req.presented.Token
	switch ended, err := g.Issued.Ended(token); {
	case err != nil:
		return unknown, err
	case ended:
		return "token was ended here", nil
	case !g.OnlyIssued, req.visitor.Home:
		return "", nil
	}
	if g.APIKeys != nil {
		if _, ok := g.APIKeys.Allows(token, req.visitor.Addr); ok {
			return "", nil
		}
	}
	switch admitted, err := g.Issued.Admitted(req.Context(), token); {
	case err != nil:
		return unknown, err
	case !admitted:
		return "token was not given out here", nil
	}
	return "", nil
}

// used notes that Jellyfin has accepted the token of req.
func (g *Gateway) used(req *request) {
	if g.Issued != nil {
		g.Issued.Touch(req.presented.Token, req.visitor.Addr)
	}
}

// doubted notes that Jellyfin has refused the token of req.
func (g *Gateway) doubted(req *request) {
	if g.Issued != nil {
		g.Issued.Dead(req.presented.Token)
	}
}

// forgotten notes that the token of req was logged out.
func (g *Gateway) forgotten(req *request) {
	if g.Issued == nil {
		return
	}
	ctx := lasting(req)
	if err := g.Issued.Forget(ctx, req.presented.Token); err != nil {
		g.Logger.ErrorContext(ctx, "record of a token was not removed after a log-out", "error", err, "request_id", req.visitor.RequestID)
	}
}

// recorded makes sure that the token in an answer is written down before it is
// given out.
func (g *Gateway) recorded(req *request, kind issued.Kind) proxy.Treatment {
	t := proxy.Treatment{Private: true}
	if g.Issued != nil {
		t.Read = func(body []byte) error {
			_, err := g.Issued.RecordAnswer(req.Context(), kind, body, req.visitor.Addr)
			return err
		}
	}
	return t
}
