// Package cli is the command line: it reads the arguments, loads the settings
// and runs one command. Everything that a process brings along is passed in, so
// that tests can run commands without being one.
//
// An error is printed with a way out:
//
//	jellyward: error: jellyfin.url has no scheme
//	jellyward: hint: write http://192.168.1.5:8096 or https://192.168.1.5:8096
//
// The exit code is 0, or 1 when something failed, or 2 when the command line
// or the settings are wrong.
package cli

import (
	"context"
	"io"

	"github.com/alecthomas/kong"

	"github.com/jellyward/jellyward/internal/config"
)

// Exit codes of [Run].
const (
	exitFailed = 1
	exitUsage  = 2
)

// Process is what the commands have of the process that they run in.
type Process struct {
	// Args are the arguments after the program's name.
	Args []string
	// Environ is the environment, as from os.Environ.
	Environ []string
	// Stdin is what a secret is read from; nil is empty.
	Stdin io.Reader
	// Stdout and Stderr must not be nil.
	Stdout, Stderr io.Writer
	// Terminal tells whether Stderr is one, for log.format auto.
	Terminal bool
	// UID is the effective user, or negative where there is none.
	UID int
}

// arguments is the grammar of the command line.
type arguments struct {
	Config   string  `short:"c" placeholder:"FILE" help:"Settings file (YAML). Default: $$JELLYWARD_CONFIG, else ${file} if it exists."`
	Listen   *string `placeholder:"ADDRESS" help:"Address for plain HTTP; empty for none. Overrides the setting listen."`
	LogLevel *string `placeholder:"LEVEL" help:"debug, info, warn or error. Overrides the setting log.level."`

	Serve   serveCommand   `cmd:"" default:"1" help:"Publish Jellyfin behind the sign-in page (the default)."`
	Check   checkCommand   `cmd:"" help:"Check settings, key, Redis, Jellyfin and tunnel token, and say what is wrong."`
	User    userCommands   `cmd:"" help:"See users, sign them out, and reset second factors."`
	Policy  policyCommands `cmd:"" help:"See what may pass and why."`
	Apikey  apikeyCommands `cmd:"" help:"Let API keys of Jellyfin's pass."`
	Health  healthCommand  `cmd:"" help:"Ask the running program whether it is ready."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// Run runs the command that p's arguments name, until it is done or ctx ends,
// and returns the exit code.
func Run(ctx context.Context, p Process) int {
	var args arguments
	exited, code := false, 0
	parser, err := kong.New(&args,
		kong.Name("jellyward"),
		kong.Description("A Cloudflare tunnel to Jellyfin that asks for a second factor."),
		kong.Vars{"file": config.DefaultFile},
		kong.Writers(p.Stdout, p.Stderr),
		kong.Exit(func(c int) { exited, code = true, c }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(p),
	)
	if err != nil {
		report(p.Stderr, err)
		return exitFailed
	}
	command, err := parser.Parse(p.Args)
	if exited { // it was asked for help, and has printed it
		return code
	}
	if err != nil {
		report(p.Stderr, hinted{err, "jellyward --help lists commands and flags"})
		return exitUsage
	}
	err = command.Run(&args)
	if err == nil {
		return 0
	}
	report(p.Stderr, err)
	if isUsage(err) {
		return exitUsage
	}
	return exitFailed
}

// flags are the settings that the command line overrides.
func (a *arguments) flags() map[string]string {
	flags := make(map[string]string)
	for key, text := range map[string]*string{"listen": a.Listen, "log.level": a.LogLevel} {
		if text != nil {
			flags[key] = *text
		}
	}
	return flags
}

// load loads the settings, with the checks that only other packages can make.
func (a *arguments) load(p Process) (config.Config, error) {
	return config.Load(config.Options{File: a.Config, Environ: p.Environ, Flags: a.flags(), Further: further})
}
