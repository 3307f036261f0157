package signin

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jellyward/jellyward/internal/totp"
)

// Bounds of what may be typed. Jellyfin keeps names of up to 255 characters; a
// longer password than this is not one that someone has set.
const (
	maxName     = 255  // characters
	maxPassword = 4096 // bytes
	maxCode     = 64   // bytes
)

// Field names one input of a [Request].
type Field string

// The fields of a [Request] that a visitor can get wrong.
const (
	FieldName     Field = "name"
	FieldPassword Field = "password"
	FieldCode     Field = "code"
)

// ValidationError says what is wrong with the form of a request. It depends on
// nothing but the request itself, so it tells nothing about who exists.
type ValidationError struct {
	// Fields holds one sentence for each field that is wrong.
	Fields map[Field]string
}

// Error lists the fields.
func (e *ValidationError) Error() string {
	var parts []string
	for _, f := range []Field{FieldName, FieldPassword, FieldCode} {
		if text, ok := e.Fields[f]; ok {
			parts = append(parts, string(f)+": "+text)
		}
	}
	return "invalid request: " + strings.Join(parts, "; ")
}

// validate trims the name and reads the code. The code is present only if one
// was typed.
func validate(req *Request, needCode bool) (code totp.Code, present bool, err error) {
	fields := map[Field]string{}
	req.Name = strings.TrimSpace(req.Name)
	switch {
	case req.Name == "":
		fields[FieldName] = "Enter your user name."
	case utf8.RuneCountInString(req.Name) > maxName:
		fields[FieldName] = "This user name is too long."
	case !utf8.ValidString(req.Name) || strings.ContainsFunc(req.Name, unicode.IsControl):
		fields[FieldName] = "This user name contains characters that no user name has."
	}
	switch {
	case req.Password == "":
		fields[FieldPassword] = "Enter your password."
	case len(req.Password) > maxPassword:
		fields[FieldPassword] = "This password is too long."
	case !utf8.ValidString(string(req.Password)):
		fields[FieldPassword] = "This password contains characters that cannot be typed."
	}
	typed := strings.TrimSpace(req.Code)
	switch {
	case typed == "" && needCode:
		fields[FieldCode] = "Enter the six digits that your authenticator app shows."
	case typed == "":
	case len(typed) > maxCode:
		fields[FieldCode] = "A code has six digits."
	default:
		if code, err = totp.ParseCode(typed); err != nil {
			fields[FieldCode] = "A code has six digits."
		}
		present = true
	}
	if len(fields) > 0 {
		return code, false, &ValidationError{Fields: fields}
	}
	return code, present, nil
}
