package grant

import "strings"

// ItemOf returns the id of the item that a path of Jellyfin's is about, 32
// hexadecimal digits in lower case, or "" if there is none. The path is in lower
// case and decoded, without Jellyfin's base path.
func ItemOf(path string) string {
	s := segments(path)
	switch s[0] {
	case "items", "videos", "audio", "mediasegments", "userplayeditems", "userfavoriteitems", "playingitems":
		return itemID(s[1])
	case "useritems":
		return itemID(s[1])
	case "livetv":
		return itemID(s[2])
	case "users":
		switch s[2] {
		case "items", "playeditems", "favoriteitems", "playingitems":
			return itemID(s[3])
		}
	}
	return ""
}

// OpenedBy returns the id of the item that a request with a token for path opens,
// or "". That is what apps ask before they play: an item's details, or how to
// play it. Whoever fetches the media itself with a token needs no other player,
// and a picture on a page of many opens nothing.
func OpenedBy(path string) string {
	s := segments(path)
	item, rest := "", ""
	switch s[0] {
	case "items":
		item, rest = s[1], s[2]
	case "users":
		if s[2] == "items" {
			item, rest = s[3], s[4]
		}
	case "livetv":
		item, rest = s[2], s[3]
	}
	switch rest {
	case "", "playbackinfo", "intros", "userdata":
		return itemID(item)
	}
	return ""
}

// segments cuts path into its first five segments; those that it lacks are "".
func segments(path string) (s [5]string) {
	path = strings.TrimPrefix(path, "/")
	for i := range s {
		s[i], path, _ = strings.Cut(path, "/")
	}
	return s
}

// itemID reads an id in one of the forms in which Jellyfin takes it: 32
// hexadecimal digits, also in groups, also in braces or parentheses.
func itemID(s string) string {
	if len(s) == 38 && (s[0] == '{' && s[37] == '}' || s[0] == '(' && s[37] == ')') {
		s = s[1:37]
		if !grouped(s) {
			return ""
		}
	}
	if grouped(s) {
		s = s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	}
	if len(s) != 32 || strings.Trim(s, "0123456789abcdef") != "" {
		return ""
	}
	return s
}

// grouped tells whether s has the shape 8-4-4-4-12.
func grouped(s string) bool {
	return len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-'
}
