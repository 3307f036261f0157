package grant_test

import (
	"os"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/grant"
)

const (
	film   = "11111111111111111111111111111111"
	song   = "22222222222222222222222222222222"
	source = "33333333333333333333333333333333"
	user   = "44444444444444444444444444444444"
	mixed  = "0123456789abcdef0123456789abcdef"
	dashed = "01234567-89ab-cdef-0123-456789abcdef"
)

func TestWhatNativeClientsAskFor(t *testing.T) {
	text, err := os.ReadFile("testdata/native.txt")
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{"-": "", "movie": film, "song": song, "source": source}
	rows := 0
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if words[0] == "#" {
			continue
		}
		rows++
		path := strings.ToLower(strings.Replace(words[3], "//", "/", 1)) // as the policy makes it
		if got := grant.ItemOf(path); got != ids[words[0]] {
			t.Errorf("ItemOf(%s) = %q, want %s", path, got, words[0])
		}
		if got := grant.OpenedBy(path); got != ids[words[1]] {
			t.Errorf("OpenedBy(%s) = %q, want %s", path, got, words[1])
		}
	}
	if rows < 60 {
		t.Errorf("only %d requests", rows)
	}
}

func TestItemOfAPath(t *testing.T) {
	for path, want := range map[string]string{
		"":                           "",
		"/":                          "",
		"/items":                     "",
		"/items/":                    "",
		"/items/" + mixed:            mixed,
		"/items/" + dashed:           mixed,
		"/items/{" + dashed + "}":    mixed,
		"/items/(" + dashed + ")":    mixed,
		"/items/{" + dashed + ")":    "",
		"/items/{" + mixed + "}":     "",
		"/items/(" + mixed + "....)": "",
		"/items/" + mixed + "0":      "",
		"/items/" + mixed[1:]:        "",
		"/items/" + mixed[1:] + "g":  "",
		"/items/" + mixed[1:] + "F":  "", // not in lower case
		"/items/0123456789ab-cdef-0123-4567-89abcdef": "",
		"/items/01234567-89ab-cdef-0123-45678-abcdef": "",
		"/items/counts":                                                "",
		"/users/" + user:                                               "",
		"/users/" + user + "/items":                                    "",
		"/users/" + user + "/items/resume":                             "",
		"/users/" + user + "/items/" + dashed:                          mixed,
		"/users/" + user + "/items/" + mixed + "/intros":               mixed,
		"/users/" + user + "/playeditems/" + mixed:                     mixed,
		"/users/" + user + "/playingitems/" + mixed + "/progress":      mixed,
		"/users/" + user + "/images/" + mixed:                          "",
		"/videos/" + dashed + "/stream.mkv":                            mixed,
		"/videos/" + film + "/" + source + "/subtitles/2/0/stream.srt": film,
		"/videos/" + film + "/" + source + "/attachments/1":            film,
		"/videos/" + film + "/hls/" + mixed + "/0.ts":                  film,
		"/audio/" + song + "/hls/0/stream.mp3":                         song,
		"/livetv/channels/" + mixed:                                    mixed,
		"/livetv/liverecordings/" + mixed + "/stream":                  mixed,
		"/livetv/livestreamfiles/" + mixed + "/stream.ts":              mixed,
		"/livetv/livestreamfiles/native_" + mixed + "/stream":          "",
		"/web/items/" + mixed:                                          "",
		"/jellyfin/items/" + mixed:                                     "", // with a base path
		"items/" + mixed:                                               mixed,
	} {
		if got := grant.ItemOf(path); got != want {
			t.Errorf("ItemOf(%s) = %q, want %q", path, got, want)
		}
	}
}

func TestOnlyWhatComesBeforePlayingOpens(t *testing.T) {
	for path, want := range map[string]string{
		"/items/" + dashed:                                mixed,
		"/items/" + mixed + "/playbackinfo":               mixed,
		"/users/" + user + "/items/" + mixed:              mixed,
		"/users/" + user + "/items/" + mixed + "/intros":  mixed,
		"/users/" + user:                                  "",
		"/items/" + mixed + "/images/primary":             "",
		"/items/" + mixed + "/download":                   "",
		"/items/" + mixed + "/file":                       "",
		"/videos/" + mixed + "/stream":                    "",
		"/videos/" + mixed + "/hls1/main/0.mp4":           "",
		"/audio/" + mixed + "/universal":                  "",
		"/livetv/channels/" + mixed:                       mixed,
		"/livetv/livestreamfiles/" + mixed + "/stream.ts": "",
		"/userfavoriteitems/" + mixed:                     "",
		"/sessions/playing":                               "",
	} {
		if got := grant.OpenedBy(path); got != want {
			t.Errorf("OpenedBy(%s) = %q, want %q", path, got, want)
		}
	}
}
