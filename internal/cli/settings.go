package cli

import (
	"errors"

	"github.com/jellyward/jellyward/internal/apikey"
	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/store"
	"github.com/jellyward/jellyward/tunnel"
)

// further asks the packages that use the settings whether they understand them.
func further(c config.Config) config.Problems {
	var problems config.Problems
	if c.Tunnel.Token != "" {
		if _, err := tunnel.ParseToken(string(c.Tunnel.Token)); err != nil {
			problems = append(problems, config.TokenProblem())
		}
	}
	if err := (*store.URLError)(nil); errors.As(store.CheckURL(string(c.Redis.URL)), &err) {
		problems = append(problems, config.Problem{Setting: "redis.url", Cause: err.Problem, Hint: err.Hint})
	}
	if _, err := policy.ParseBase(c.BasePath); err != nil {
		problems = append(problems, config.Problem{
			Setting: "base_path",
			Cause:   "is no base path: " + err.Error(),
			Hint:    "write it as Jellyfin's networking page has it: /jellyfin",
		})
	}
	if _, err := apikey.ParseKeys(c.Policy.APIKeys); err != nil {
		problems = append(problems, config.Problem{
			Setting: "policy.api_keys",
			Cause:   "has a bad line: " + err.Error(),
			Hint:    "jellyward apikey add NAME prints such a line",
		})
	}
	return problems
}

// loadFor loads the settings for a command that needs only those with the given
// keys; mistakes in others are not its business.
func (a *arguments) loadFor(p Process, keys ...string) (config.Config, error) {
	c, err := a.load(p)
	if problems := config.Problems(nil); errors.As(err, &problems) {
		return c, problems.About(keys...)
	}
	return c, err
}

// concerns tells whether err says that the setting key is wrong.
func concerns(err error, key string) bool {
	problems := config.Problems(nil)
	if !errors.As(err, &problems) {
		return false
	}
	for _, p := range problems {
		if p.Setting == key {
			return true
		}
	}
	return false
}
