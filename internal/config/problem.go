package config

import (
	"slices"
	"strings"
)

// Problem is one thing that is wrong with the settings, in words for whoever
// can put it right. It never contains a secret.
type Problem struct {
	// Setting is the key ("tunnel.token"), the variable or the file that is
	// wrong.
	Setting string
	// Cause continues a sentence that Setting begins: "is not a tunnel token".
	Cause string
	// Hint is what to do about it.
	Hint string
	// Where is the place of the value, when Setting alone does not tell it:
	// "jellyward.yaml:3".
	Where string
	// Excerpt is the line of the file with a caret below, or empty.
	Excerpt string
}

// Error returns the problem in one line, without its hint and excerpt.
func (p Problem) Error() string {
	text := p.Setting + " " + p.Cause
	if p.Where != "" {
		text += " (" + p.Where + ")"
	}
	return text
}

// Problems is the error of [Load]: everything that is wrong, at once.
type Problems []Problem

// Error returns the problems, one a line, with their hints.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Error()
		if problem.Hint != "" {
			lines[i] += ": " + problem.Hint
		}
	}
	return strings.Join(lines, "\n")
}

// About returns the problems for a command that needs only the settings keys:
// those with them, and those with the file or the environment as a whole, since
// a mistyped key may be meant for one of them. It is nil when there are none.
func (p Problems) About(keys ...string) error {
	known := settings()
	var rest Problems
	for _, problem := range p {
		isSetting := slices.ContainsFunc(known, func(s setting) bool { return s.Key == problem.Setting })
		if !isSetting || slices.Contains(keys, problem.Setting) {
			rest = append(rest, problem)
		}
	}
	if len(rest) == 0 {
		return nil
	}
	return rest
}

// with adds further problems, with the places that their values come from.
// What is wrong with a setting already is not said again: it follows.
func (p Problems) with(more Problems, values map[string]value) Problems {
	all := p
	for _, next := range more {
		if !p.about(next.Setting) {
			next.Where = values[next.Setting].where
			all = append(all, next)
		}
	}
	return all
}

// about tells whether one of the problems concerns the setting key.
func (p Problems) about(key string) bool {
	return slices.ContainsFunc(p, func(problem Problem) bool { return problem.Setting == key })
}
