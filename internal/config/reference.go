package config

import "strings"

// Reference renders the settings as a Markdown table, from the tags of
// [Config]. The README contains it.
func Reference() string {
	var b strings.Builder
	b.WriteString("| key | environment | default | what it is for |\n")
	b.WriteString("|---|---|---|---|\n")
	for _, s := range settings() {
		row := []string{code(s.Key), s.variables(), s.shownDefault(), s.Doc}
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	return b.String()
}

// variables lists the setting's environment variables.
func (s setting) variables() string {
	var names []string
	for _, name := range s.Env {
		names = append(names, code(name))
	}
	text := strings.Join(names, ", ")
	if s.Secret {
		text += "; or " + code("…"+fileSuffix) + " with a file's name"
	}
	return text
}

func (s setting) shownDefault() string {
	if s.Default != "" {
		return code(s.Default)
	}
	return s.Otherwise
}

func code(text string) string { return "`" + text + "`" }
