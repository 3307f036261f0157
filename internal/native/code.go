package native

import "github.com/jellyward/jellyward/internal/secret"

// form is one way in which a code can stand behind a password. It takes the code
// off what was typed, if it ends in one. What stands between the two is for
// [unseparated] to take off.
type form func(typed string) (before, code string, ok bool)

// forms are all ways, the first that fits counts: what was typed is read in one
// way only, so that Jellyfin is asked about one password. A longer kind of code
// goes before a shorter one that it could end in.
func forms() []form { return []form{sixDigits} }

// split takes the code off the end of what was typed: the last six characters if
// all are ASCII digits, and one comma or one space before them if there is any.
// The separator is taken off always, so whoever has a password that ends in a
// comma or a space types a separator as well ("pw,,123456"). If there is no code,
// code is empty and password is what was typed.
func split(typed secret.Text) (password secret.Text, code string) {
	for _, read := range forms() {
		if before, code, ok := read(string(typed)); ok {
			return secret.Text(unseparated(before)), code
		}
	}
	return typed, ""
}

// sixDigits reads the code of an authenticator app.
func sixDigits(typed string) (before, code string, ok bool) {
	const digits = 6
	if len(typed) < digits {
		return "", "", false
	}
	before, code = typed[:len(typed)-digits], typed[len(typed)-digits:]
	for i := range len(code) {
		if code[i] < '0' || code[i] > '9' {
			return "", "", false
		}
	}
	return before, code, true
}

// unseparated takes one separator off the end.
func unseparated(password string) string {
	if last := len(password) - 1; last >= 0 && (password[last] == ',' || password[last] == ' ') {
		return password[:last]
	}
	return password
}
