package policy

import "strings"

// LineError tells what is wrong with a line of the admin's lists.
type LineError struct {
	// List is the setting that the line stands in, policy.allow or policy.deny.
	List string
	// Line is the line as written.
	Line string
	// Cause continues a sentence that the line begins, Hint is the way out.
	Cause, Hint string
}

func (e LineError) Error() string { return e.List + ": " + quoteLine(e.Line) + " " + e.Cause }

// LineErrors is the error of [Compile]: every line that is wrong, at once.
type LineErrors []LineError

func (e LineErrors) Error() string {
	lines := make([]string, len(e))
	for i, line := range e {
		lines[i] = line.Error()
	}
	return strings.Join(lines, "\n")
}

func quoteLine(line string) string { return `"` + line + `"` }
