package jellyfintest

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"strconv"
	"strings"
)

// masterPlaylist and mainPlaylist are HLS as Jellyfin writes it: every address
// in it carries the token of whoever asked.
func (c *call) masterPlaylist() {
	if c.missing("mediaSourceId") {
		return
	}
	if _, ok := c.item("itemId"); !ok {
		return
	}
	c.send(http.StatusOK, "application/x-mpegURL", fmt.Appendf(nil, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=2000000\nmain.m3u8?%s=%s\n", c.tokenName(), c.who.token))
}

func (c *call) mainPlaylist() {
	if _, ok := c.item("itemId"); !ok {
		return
	}
	var b strings.Builder
	b.WriteString("#EXTM3U\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:0\n")
	for i := range 3 {
		fmt.Fprintf(&b, "#EXTINF:6.0000, nodesc\nhls1/main/%d.ts?%s=%s&runtimeTicks=%d&actualSegmentLengthTicks=60000000\n", i, c.tokenName(), c.who.token, i*60000000)
	}
	b.WriteString("#EXT-X-ENDLIST\n")
	c.send(http.StatusOK, "application/x-mpegURL", []byte(b.String()))
}

// tokenName is what the server calls the token in the addresses that it makes.
func (c *call) tokenName() string {
	if c.s.opts.release == V10_10 {
		return "api_key"
	}
	return "ApiKey"
}

// segmentSize is the length of every HLS segment.
const segmentSize = 188 * 1000

// hlsSegment is a segment of a transcode, with a token.
func (c *call) hlsSegment() {
	if c.missing("runtimeTicks", "actualSegmentLengthTicks") {
		return
	}
	if _, ok := c.item("itemId"); !ok {
		return
	}
	c.file("video/mp2t", "", &film{size: segmentSize}, segmentSize)
}

// legacySegment is a segment of a running legacy transcode, for anybody who
// knows the playlist. "Running" here is every playlist of the film and song.
func (c *call) legacySegment() {
	id, ok := parseGUID(c.param("itemId"))
	if !ok || id != MovieID && id != SongID {
		c.generic()
		return
	}
	contentType := "video/mp2t"
	if id == SongID {
		contentType = "audio/mpeg"
	}
	c.file(contentType, "", &film{size: segmentSize}, segmentSize)
}

// subtitle is one subtitle stream in the format asked for, for anybody.
func (c *call) subtitle() {
	id, ok := parseGUID(c.param("routeItemId"))
	if !ok || id != MovieID {
		c.generic()
		return
	}
	const srt = "1\n00:00:01,000 --> 00:00:03,000\nA line of text.\n"
	switch strings.ToLower(c.param("routeFormat")) {
	case "js", "json":
		c.json(http.StatusOK, struct{ TrackEvents []trackEvent }{[]trackEvent{{"1", "A line of text.", 10000000, 30000000}}})
	case "vtt":
		c.send(http.StatusOK, "text/vtt", []byte("WEBVTT\n\n"+strings.ReplaceAll(srt, ",", ".")))
	default:
		c.send(http.StatusOK, "application/x-subrip", []byte(srt))
	}
}

type trackEvent struct {
	ID                 string `json:"Id"`
	Text               string
	StartPositionTicks int64
	EndPositionTicks   int64
}

// bitrateTest is GET /Playback/BitrateTest?size=.
func (c *call) bitrateTest() {
	size := int64(102400)
	if _, err := fmt.Sscan(c.query.get("size"), &size); c.query.has("size") && (err != nil || size < 1 || size > 100_000_000) {
		c.failed(http.StatusBadRequest)
		return
	}
	c.file("application/octet-stream", "", &film{size: size}, size)
}

// postedPlaybackInfo is the POST, whose body describes the client. It is not
// read: what clients send there was recorded shortened.
func (c *call) postedPlaybackInfo() {
	if _, ok := c.sentJSON(); ok {
		c.playbackInfo()
	}
}

// playbackInfo says how the item can be played: as it is.
func (c *call) playbackInfo() {
	id, ok := c.item("itemId")
	if !ok {
		return
	}
	c.json(http.StatusOK, struct {
		MediaSources  []mediaSource
		PlaySessionID string `json:"PlaySessionId"`
	}{[]mediaSource{c.source(id)}, newID()})
}

// image is every image of the film, the song, a name or a user.
func (c *call) image() {
	c.after = func() {
		h := c.w.Header()
		h.Set("Content-Type", "image/jpeg")
		h.Set("Age", "2064")
		h.Set("Cache-Control", "public")
		h.Set("Content-Disposition", "attachment")
		h.Set("Last-Modified", mediaDate.Format(http.TimeFormat))
		h.Set("Vary", "Accept")
		h["transferMode.dlna.org"] = []string{"Interactive"}
		h["realTimeInfo.dlna.org"] = []string{"DLNA.ORG_TLAG=*"}
		h.Set("Content-Length", strconv.Itoa(len(c.s.poster)))
		c.w.WriteHeader(http.StatusOK)
		if c.r.Method != http.MethodHead {
			_, _ = c.w.Write(c.s.poster) // the visitor may be gone
		}
	}
}

// itemImage is /Items/{itemId}/Images/{imageType}[/…].
func (c *call) itemImage() {
	id, ok := parseGUID(c.param("itemId"))
	switch {
	case !ok || !c.validImage():
		c.invalid("imageType", "The value is not valid.")
	case id != MovieID && id != SongID:
		c.empty(http.StatusNotFound)
	default:
		c.image()
	}
}

// userImage is /Users/{userId}/Images/{imageType}[/…] and /UserImage?userId=.
func (c *call) userImage() {
	id, ok := parseGUID(c.param("userId") + c.query.get("userId"))
	switch {
	case !c.validImage(), c.param("userId") != "" && !ok:
		c.invalid("imageType", "The value is not valid.")
	case c.st.byID(id) == nil:
		c.generic()
	default:
		c.image()
	}
}

// trickplay is a tile of preview pictures.
func (c *call) trickplay() {
	if _, ok := c.item("itemId"); ok {
		c.image()
	}
}

// splashscreen is the picture behind the login page, if there is one.
func (c *call) splashscreen() {
	if !c.st.branding.SplashscreenEnabled {
		c.empty(http.StatusNotFound)
		return
	}
	c.image()
}

// poster draws the one picture that there is.
func poster() []byte {
	const width, height = 120, 180
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.Set(x, y, color.RGBA{R: uint8(y / 2), G: uint8(90 + x/2), B: uint8(160 + y/3), A: 255})
		}
	}
	var b bytes.Buffer
	_ = jpeg.Encode(&b, img, nil) // into memory
	return b.Bytes()
}

// namedImage is the picture of a genre, a person and the like; there are none.
func (c *call) namedImage() {
	if !c.validImage() {
		c.invalid("imageType", "The value is not valid.")
		return
	}
	c.empty(http.StatusNotFound)
}

// validImage reports whether the path's parameters can be bound.
func (c *call) validImage() bool {
	for _, name := range []string{"imageIndex", "index", "maxWidth", "maxHeight", "percentPlayed", "unplayedCount"} {
		if value, ok := c.res.params[name]; ok {
			if _, err := strconv.ParseFloat(value, 64); err != nil {
				return false
			}
		}
	}
	if format, ok := c.res.params["format"]; ok && !oneOf(format, "Bmp", "Gif", "Jpg", "Png", "Webp", "Svg") {
		return false
	}
	kind, ok := c.res.params["imageType"]
	return !ok || oneOf(kind, "Primary", "Art", "Backdrop", "Banner", "Logo", "Thumb", "Disc", "Box", "Screenshot", "Menu", "Chapter", "BoxRear", "Profile")
}

// oneOf reports whether a value names one of an enumeration, in any case or by
// its place.
func oneOf(value string, names ...string) bool {
	for i, name := range names {
		if equalFold(value, name) || value == strconv.Itoa(i) {
			return true
		}
	}
	return false
}
