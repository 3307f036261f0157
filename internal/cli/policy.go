package cli

import (
	"fmt"
	"strings"

	"github.com/jellyward/jellyward/internal/policy"
)

type policyCommands struct {
	Explain explainCommand `cmd:"" help:"Tell what happens to a request, and why."`
}

type explainCommand struct {
	Request []string `arg:"" placeholder:"REQUEST" help:"Method and target, for example \"POST /users/authenticatebyname\"; a target alone is taken for a GET."`
}

// Run explains the request below the base path that the settings name. It
// needs no other setting, so that it works anywhere.
func (c explainCommand) Run(p Process, args *arguments) error {
	cfg, err := args.loadFor(p, "base_path")
	if err != nil {
		return err
	}
	base, err := policy.ParseBase(cfg.BasePath)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(p.Stdout, policy.New().Explain(strings.Join(c.Request, " "), base))
	return err
}
