package native

import "github.com/jellyward/jellyward/internal/secret"

// split takes the code off the end of what was typed.
func split(typed secret.Text) (password secret.Text, code string) { return typed, "" }

// isAppPassword tells whether what was typed has the form of an app password.
func isAppPassword(typed secret.Text) bool { return false }
