package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/policy"
)

type policyCommands struct {
	Explain explainCommand `cmd:"" help:"Tell what happens to a request, and why."`
	List    routesCommand  `cmd:"" help:"Print the table of routes, the admin's own lines first."`
}

type explainCommand struct {
	As      []string `placeholder:"WHO" help:"Who asks: stranger, browser (signed in), app (with a token), network (that has shown a token lately) or home; with commas. Default: all."`
	Client  string   `placeholder:"NAME" help:"What the app calls itself, for lines of policy.allow and policy.deny that name clients."`
	Socket  bool     `help:"The request asks for a WebSocket."`
	Request []string `arg:"" placeholder:"REQUEST" help:"Method and target, for example \"POST /users/authenticatebyname\"; a target alone is taken for a GET."`
}

// policySettings are the settings that decisions hang on.
var policySettings = []string{"base_path", "policy.unknown", "policy.allow", "policy.deny", "policy.media", "policy.images", "policy.admin"}

// Run explains the request as the settings would have it decided. It needs no
// settings, so that it works anywhere.
func (c explainCommand) Run(p Process, args *arguments) error {
	visitors, err := c.visitors()
	if err != nil {
		return err
	}
	q := policy.Question{Client: c.Client, Socket: c.Socket, Visitors: visitors}
	q.Method, q.Target = splitRequest(strings.Join(c.Request, " "))
	cfg, rules, err := args.loadPolicy(p)
	if err != nil {
		return err
	}
	if q.Base, err = policy.ParseBase(cfg.BasePath); err != nil {
		return err
	}
	if q.Switches, err = cfg.Policy.Switches(); err != nil {
		return err
	}
	_, err = fmt.Fprint(p.Stdout, rules.Explain(q))
	return err
}

func (c explainCommand) visitors() ([]policy.Visitor, error) {
	var all []policy.Visitor
	for _, name := range c.As {
		v, err := policy.ParseVisitor(name)
		if err != nil {
			return nil, usage{hinted{err, "write one of stranger, browser, app, network and home"}}
		}
		all = append(all, v)
	}
	return all, nil
}

// splitRequest reads "POST /Users/Me", or a target alone.
func splitRequest(request string) (method, target string) {
	method, target, two := strings.Cut(strings.TrimSpace(request), " ")
	if !two {
		return "", method
	}
	return method, strings.TrimSpace(target)
}

type routesCommand struct {
	Action string `placeholder:"ACTION" help:"Only rows with this action: deny, signin, portal, public, page, token, media or image."`
}

// Run prints the admin's lines and then the table, one rule a line.
func (c routesCommand) Run(p Process, args *arguments) error {
	only := policy.Deny
	if c.Action != "" {
		var err error
		if only, err = policy.ParseAction(c.Action); err != nil {
			return usage{hinted{err, "write one of deny, signin, portal, public, page, token, media and image"}}
		}
	}
	_, rules, err := args.loadPolicy(p)
	if err != nil {
		return err
	}
	for _, r := range append(rules.Lines(), rules.Rules()...) {
		if c.Action != "" && r.Action != only {
			continue
		}
		if _, err := fmt.Fprintln(p.Stdout, r); err != nil {
			return err
		}
	}
	return nil
}

// loadPolicy loads the settings as far as decisions hang on them.
func (a *arguments) loadPolicy(p Process) (config.Config, *policy.Policy, error) {
	cfg, err := a.loadFor(p, policySettings...)
	if err != nil {
		return cfg, nil, err
	}
	rules, err := policy.Compile(cfg.Policy.Options())
	return cfg, rules, err
}

// usage is a mistake on the command line.
type usage struct{ error }

func (u usage) Unwrap() error { return u.error }

// isUsage tells whether err is a mistake on the command line or in the settings.
func isUsage(err error) bool {
	problems, mistake := config.Problems(nil), usage{}
	return errors.As(err, &problems) || errors.As(err, &mistake)
}
