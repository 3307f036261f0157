package visitor

import "strings"

// Clip bounds a text that a visitor has chosen, so that it can be kept, shown and
// logged: it returns at most that many bytes of it, in valid UTF-8.
func Clip(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}
