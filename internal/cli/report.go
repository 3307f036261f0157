package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/jellyward/jellyward/internal/app"
	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/seal"
	"github.com/jellyward/jellyward/internal/store"
	"github.com/jellyward/jellyward/tunnel"
)

// hinted is an error with a way out.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// report prints an error as people read it: what is wrong, and what to do.
func report(w io.Writer, err error) {
	problems := config.Problems(nil)
	if !errors.As(err, &problems) {
		text, hint := explain(err)
		say(w, "error", text)
		say(w, "hint", hint)
		return
	}
	for _, p := range problems {
		say(w, "error", p.Error())
		if p.Excerpt != "" {
			fmt.Fprintln(w, p.Excerpt)
		}
		say(w, "hint", p.Hint)
	}
}

func say(w io.Writer, kind, text string) {
	if text != "" {
		fmt.Fprintf(w, "jellyward: %s: %s\n", kind, text)
	}
}

// explain turns an error into a sentence and a hint.
func explain(err error) (text, hint string) {
	var (
		withHint hinted
		key      *seal.KeyError
		address  *store.URLError
		refused  *tunnel.RefusedError
	)
	switch {
	case errors.As(err, &withHint):
		return err.Error(), withHint.hint
	case errors.As(err, &key):
		return "key_file " + key.Path + " " + key.Problem, key.Hint
	case errors.As(err, &address):
		return "redis.url " + address.Problem, address.Hint
	case errors.As(err, &refused):
		return err.Error(), "copy the token again from the Cloudflare dashboard; if the tunnel was deleted there, make a new one"
	case errors.Is(err, app.ErrToken):
		p := config.TokenProblem()
		return p.Error(), p.Hint
	case errors.Is(err, store.ErrUnavailable):
		return err.Error(), "see that Redis runs, and that redis.url names it with the right user and password"
	case errors.Is(err, jellyfin.ErrUnavailable):
		return err.Error(), "see that Jellyfin runs, and that jellyfin.url and base_path name it"
	case errors.Is(err, syscall.EADDRINUSE):
		return err.Error(), "another program listens there, perhaps another jellyward; stop it or choose another address"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return err.Error(), "run jellyward as the user that owns data_dir and key_file"
	}
	return splitHint(err.Error())
}

// splitHint takes the way out that our packages put into brackets at the end
// of an error.
func splitHint(text string) (cause, hint string) {
	start := strings.LastIndex(text, " (")
	if start < 0 || !strings.HasSuffix(text, ")") {
		return text, ""
	}
	return text[:start], strings.TrimSuffix(text[start+2:], ")")
}
