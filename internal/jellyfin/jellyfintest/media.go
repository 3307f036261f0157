package jellyfintest

import (
	_ "embed" // for filmWebM
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The two things that the server plays, by id, and the media source of the film,
// which has the film's id as in Jellyfin.
const (
	MovieID = "5ddab896189b392454d51f2d55d9acf1"
	SongID  = "93b93ec5a6e2bd7e5b5b0e0f2f5a1c47"
)

const (
	defaultVideoSize = 407270
	songSize         = 241338
)

// mediaDate is when all files were last changed.
var mediaDate = time.Date(2026, 11, 24, 8, 16, 14, 0, time.UTC)

// SetVideoSize changes the length in bytes of the film.
func (s *Server) SetVideoSize(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.videoSize = bytes
}

// FilmByte returns the byte at an offset of the film, for tests that check what
// arrived.
func FilmByte(offset int64) byte {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(offset/8)*0x9e3779b97f4a7c15)
	return b[offset%8]
}

// filmWebM is ten seconds that a browser can show, drawn for this package.
//
//go:embed film.webm
var filmWebM string

// film is the content of a file of any length, made up as it is read.
type film struct{ size, at int64 }

func (f *film) Read(p []byte) (int, error) {
	if f.at >= f.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), f.size-f.at))
	for i := 0; i < n; {
		if f.at%8 == 0 && n-i >= 8 {
			binary.LittleEndian.PutUint64(p[i:], uint64(f.at/8)*0x9e3779b97f4a7c15)
			i, f.at = i+8, f.at+8
			continue
		}
		p[i] = FilmByte(f.at)
		i, f.at = i+1, f.at+1
	}
	return n, nil
}

func (f *film) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekStart || offset < 0 {
		return 0, errors.New("jellyfintest: seek from the start only")
	}
	f.at = offset
	return offset, nil
}

// item answers for an id that is no GUID (400) or nothing here (404).
func (c *call) item(param string) (string, bool) {
	id, ok := parseGUID(c.param(param))
	switch {
	case !ok:
		c.invalid(param, "The value is not valid.")
	case id != MovieID && id != SongID:
		c.failed(http.StatusNotFound)
	default:
		return id, true
	}
	return "", false
}

// videoStream is GET and HEAD /Videos/{itemId}/stream[.{container}]: the film,
// for anybody. The container webm plays in a browser.
func (c *call) videoStream() {
	if _, ok := c.item("itemId"); !ok {
		return
	}
	switch container := strings.ToLower(c.param("container")); container {
	case "webm":
		c.file("video/webm", "", strings.NewReader(filmWebM), int64(len(filmWebM)))
	case "mkv":
		c.film("video/x-matroska", "")
	default:
		c.film("video/mp4", "")
	}
}

func (c *call) film(contentType, download string) {
	c.file(contentType, download, &film{size: c.st.videoSize}, c.st.videoSize)
}

// audioStream is GET and HEAD /Audio/{itemId}/stream[.{container}] and
// /universal. The container wav plays in a browser.
func (c *call) audioStream() {
	if _, ok := c.item("itemId"); !ok {
		return
	}
	if equalFold(c.param("container"), "wav") {
		wav := tone()
		c.file("audio/wav", "", strings.NewReader(wav), int64(len(wav)))
		return
	}
	c.file("audio/mpeg", "", &film{size: songSize}, songSize)
}

// download is GET /Items/{itemId}/Download, and without the name /File.
func (c *call) download() {
	id, ok := c.item("itemId")
	if !ok {
		return
	}
	name := ""
	if c.res.action == "LibraryController.GetDownload" {
		name = "Alpha Test (2001).mp4"
	}
	if id == SongID {
		c.file("audio/mpeg", name, &film{size: songSize}, songSize)
		return
	}
	c.film("video/mp4", name)
}

// file answers with a file, of which one range can be asked for.
func (c *call) file(contentType, download string, content io.ReadSeeker, size int64) {
	c.after = func() {
		h := c.w.Header()
		h.Set("Content-Type", contentType)
		h.Set("Accept-Ranges", "bytes")
		h.Set("Last-Modified", mediaDate.Format(http.TimeFormat))
		if download != "" {
			h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename=%q; filename*=UTF-8''%s`, download, strings.NewReplacer(" ", "%20", "(", "%28", ")", "%29").Replace(download)))
		}
		since, err := http.ParseTime(c.r.Header.Get("If-Modified-Since"))
		if err == nil && !mediaDate.After(since) && c.r.Header.Get("If-None-Match") == "" {
			c.w.WriteHeader(http.StatusNotModified)
			return
		}
		c.part(content, size)
	}
}

// part writes a file or the range that is asked for.
func (c *call) part(content io.ReadSeeker, size int64) {
	h := c.w.Header()
	from, length, asked := byteRange(c.r.Header.Get("Range"), size)
	if ifRange := c.r.Header.Get("If-Range"); ifRange != "" {
		asked = asked && ifRange == mediaDate.Format(http.TimeFormat)
	}
	status := http.StatusOK
	switch {
	case !asked:
		from, length = 0, size
	case length <= 0:
		h.Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		h.Set("Content-Length", "0")
		c.w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		return
	default:
		status = http.StatusPartialContent
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, from+length-1, size))
	}
	h.Set("Content-Length", strconv.FormatInt(length, 10))
	c.w.WriteHeader(status)
	if c.r.Method == http.MethodHead {
		return
	}
	if _, err := content.Seek(from, io.SeekStart); err != nil {
		panic(http.ErrAbortHandler)
	}
	_, _ = io.CopyN(c.w, content, length) // the visitor may be gone
}

// byteRange reads a Range header of one range. It reports false for none, for
// several and for what is not understood; a length of 0 cannot be satisfied.
func byteRange(header string, size int64) (from, length int64, asked bool) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	first, last, dash := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return 0, 0, false
	}
	if first == "" {
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil || n < 0 {
			return 0, 0, false
		}
		n = min(n, size)
		return size - n, n, true
	}
	from, err := strconv.ParseInt(first, 10, 64)
	if err != nil || from < 0 {
		return 0, 0, false
	}
	to := size - 1
	if last != "" {
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil || n < from {
			return 0, 0, false
		}
		to = min(n, size-1)
	}
	return from, max(0, to-from+1), true
}

// tone is a WAV file of two seconds: a soft A, fading out.
func tone() string {
	const rate, seconds, pitch = 8000, 2, 440
	const n = rate * seconds
	b := make([]byte, 0, 44+2*n)
	b = append(b, "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, 36+2*n)
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, 1) // PCM
	b = binary.LittleEndian.AppendUint16(b, 1) // mono
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, 2*rate)
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, 2*n)
	for i := range n {
		fade := 1 - float64(i)/n
		v := math.Sin(2*math.Pi*pitch*float64(i)/rate) * fade * 6000
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(v)))
	}
	return string(b)
}
