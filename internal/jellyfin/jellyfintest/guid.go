package jellyfintest

import (
	"encoding/hex"
	"strings"
)

// parseGUID reads a GUID in the formats that .NET's Guid.Parse takes (N, D, B,
// P and X) and returns 32 lower-case hex digits.
func parseGUID(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if len(s) > 1 && (s[0] == '{' && s[len(s)-1] == '}' || s[0] == '(' && s[len(s)-1] == ')') {
		if strings.HasPrefix(s, "{0x") || strings.HasPrefix(s, "{0X") {
			return parseGUIDFields(s)
		}
		s = s[1 : len(s)-1]
		if len(s) != 36 {
			return "", false
		}
	}
	if len(s) == 36 {
		if s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
			return "", false
		}
		s = s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	}
	if len(s) != 32 {
		return "", false
	}
	if _, err := hex.DecodeString(s); err != nil {
		return "", false
	}
	return strings.ToLower(s), true
}

// parseGUIDFields reads the form {0x00000000,0x0000,0x0000,{0x00,…,0x00}}.
func parseGUIDFields(s string) (string, bool) {
	if !strings.HasSuffix(s, "}}") || strings.Count(s, "{") != 2 || strings.Count(s, "}") != 2 {
		return "", false
	}
	fields := strings.Split(strings.NewReplacer("{", "", "}", "").Replace(s), ",")
	if len(fields) != 11 {
		return "", false
	}
	var b strings.Builder
	for i, f := range fields {
		width := 2
		switch i {
		case 0:
			width = 8
		case 1, 2:
			width = 4
		}
		digits, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(f)), "0x")
		if !ok || digits == "" || len(digits) > width {
			return "", false
		}
		b.WriteString(strings.Repeat("0", width-len(digits)) + digits)
	}
	return parseGUID(b.String())
}

func isGUID(s string) bool {
	_, ok := parseGUID(s)
	return ok
}
