package config

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

const (
	variablePrefix = "JELLYWARD_"
	fileSuffix     = "_FILE"
	// maxSecretFile is far above any token or address, and far below a file
	// that was named by mistake.
	maxSecretFile = 64 << 10
)

// serviceLink matches what Kubernetes and Docker put into the environment of
// every container beside a service called "jellyward". It is no setting, and
// nobody's mistake.
var serviceLink = regexp.MustCompile(`^JELLYWARD_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_.+)?|NAME|ENV_.+)$`)

// environ turns NAME=value pairs into a map; of a name given twice the last
// one holds.
func environ(pairs []string) map[string]string {
	env := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		if name, text, ok := strings.Cut(pair, "="); ok {
			env[name] = text
		}
	}
	return env
}

// readEnviron finds the settings in the environment.
func readEnviron(known []setting, env map[string]string) (map[string]value, Problems) {
	values := make(map[string]value)
	var problems Problems
	for _, s := range known {
		v, found, problem := s.lookup(env)
		if problem != nil {
			problems = append(problems, *problem)
			continue
		}
		if found {
			values[s.Key] = v
		}
	}
	return values, append(problems, unknownVariables(known, env)...)
}

// lookup finds the setting under any of its names, or in the file that one of
// them with _FILE names.
func (s setting) lookup(env map[string]string) (v value, found bool, problem *Problem) {
	for _, name := range s.Env {
		text, set := env[name]
		path := ""
		if s.Secret {
			path = env[name+fileSuffix]
		}
		if text != "" && path != "" {
			return value{}, false, &Problem{
				Setting: s.Key,
				Cause:   fmt.Sprintf("is given twice, as %s and %s", name, name+fileSuffix),
				Hint:    "keep one of them",
			}
		}
		next := value{text: text, where: s.whereOf(name)}
		if path != "" {
			content, err := readSecretFile(path)
			if err != nil {
				return value{}, false, &Problem{
					Setting: s.Key,
					Cause:   "cannot be read from " + path + ": " + reason(err),
					Hint:    "put the value alone into that file, readable for the user that runs jellyward",
					Where:   name + fileSuffix,
				}
			}
			next, set = value{text: content, where: name + fileSuffix}, true
		}
		if !set || (found && next.text == "") {
			continue
		}
		if found && v.text != "" && v.text != next.text {
			return value{}, false, &Problem{
				Setting: s.Key,
				Cause:   fmt.Sprintf("is given twice and differs, in %s and %s", s.Env[0], name),
				Hint:    "keep one of them",
			}
		}
		if v.text == "" {
			v, found = next, true
		}
	}
	return v, found, nil
}

// whereOf leaves the setting's own variable out: its name says it.
func (s setting) whereOf(name string) string {
	if name == s.Env[0] {
		return ""
	}
	return name
}

func readSecretFile(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if len(data) > maxSecretFile {
		return "", fmt.Errorf("larger than %d bytes", maxSecretFile)
	}
	text := strings.TrimSpace(string(data))
	if text == "" {
		return "", fmt.Errorf("empty")
	}
	return text, nil
}

// unknownVariables reports variables that look like ours and are not.
func unknownVariables(known []setting, env map[string]string) Problems {
	names := []string{FileVariable}
	for _, s := range known {
		names = append(names, s.Env...)
		if !s.Secret {
			continue
		}
		for _, name := range s.Env {
			names = append(names, name+fileSuffix)
		}
	}
	var problems Problems
	for name := range env {
		if !strings.HasPrefix(name, variablePrefix) || slices.Contains(names, name) || serviceLink.MatchString(name) {
			continue
		}
		problems = append(problems, Problem{
			Setting: name,
			Cause:   "is not a setting",
			Hint:    suggest(name, names, "take it out of the environment"),
		})
	}
	slices.SortFunc(problems, func(a, b Problem) int { return strings.Compare(a.Setting, b.Setting) })
	return problems
}
