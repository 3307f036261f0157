package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"

	"github.com/jellyward/jellyward/internal/apikey"
	"github.com/jellyward/jellyward/internal/secret"
)

type apikeyCommands struct {
	Add addKeyCommand `cmd:"" help:"Print the line that lets an API key of Jellyfin's pass; the key is read from standard input."`
}

// maxKey is more than any key has.
const maxKey = 4096

type addKeyCommand struct {
	Name string   `arg:"" help:"What to call the key, for example seerr."`
	From []string `placeholder:"NETWORK" help:"Addresses or networks that it may come from, with commas between; without it, from anywhere."`
}

// Run reads a key and prints its line. The key itself is kept nowhere.
func (c addKeyCommand) Run(p Process) error {
	from, err := apikey.ParseNetworks(c.From)
	if err != nil {
		return hinted{fmt.Errorf("--from: %w", err), "write it like 203.0.113.7 or 203.0.113.0/24, with commas between several"}
	}
	if _, err := apikey.New(c.Name, "", nil); err != nil {
		return hinted{err, "choose a short name, for example seerr"}
	}
	key, err := readKey(p)
	if err != nil {
		return err
	}
	if !apikey.LooksLikeKey(string(key)) {
		say(p.Stderr, "warning", "this is not 32 hexadecimal digits, as Jellyfin's keys are; it is taken as it is")
	}
	line, err := apikey.New(c.Name, key, from)
	if err != nil {
		return err
	}
	return sayKey(p.Stdout, line)
}

// readKey reads the key, without showing it at a terminal.
func readKey(p Process) (secret.Text, error) {
	typed, err := readSecret(p)
	if err != nil {
		return "", fmt.Errorf("read the key: %w", err)
	}
	key := strings.TrimRight(string(typed), "\r\n")
	odd := strings.ContainsFunc(key, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
	const hint = "copy one key from Jellyfin's dashboard, under API Keys, and give it to the command's standard input"
	switch {
	case key == "":
		return "", hinted{errors.New("no key came on standard input"), hint}
	case odd:
		return "", hinted{errors.New("what came on standard input is not one key: it has spaces, line breaks or other odd characters"), hint}
	case len(key) >= maxKey:
		return "", hinted{errors.New("what came on standard input is too long for a key"), hint}
	}
	return secret.Text(key), nil
}

func readSecret(p Process) ([]byte, error) {
	if p.Stdin == nil {
		return nil, nil
	}
	if f, ok := p.Stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(p.Stderr, "API key (it is not shown): ")
		defer fmt.Fprintln(p.Stderr)
		return term.ReadPassword(int(f.Fd()))
	}
	return io.ReadAll(io.LimitReader(p.Stdin, maxKey))
}

func sayKey(w io.Writer, line apikey.Key) error {
	where := "from anywhere; --from narrows that down"
	if len(line.From) > 0 {
		where = "from there alone"
	}
	_, err := fmt.Fprintf(w, `Put this into the settings file:

policy:
  api_keys:
    - %s

or into JELLYWARD_POLICY_API_KEYS, with semicolons between several. With
policy.tokens: here the key passes then, %s.
It is named by its hash: nobody can read it out of the line.
`, line, where)
	return err
}
