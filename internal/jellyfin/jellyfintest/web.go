package jellyfintest

import (
	"crypto/sha1"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed web
var webFiles embed.FS

// pageDate is when the files of the web client were last changed.
var pageDate = time.Date(2026, 11, 24, 8, 8, 18, 0, time.UTC)

// webAsset is a file below /web/.
type webAsset struct {
	content     string
	contentType string
	etag        string
}

// loadWeb returns the files below /web/ by name: the page that acts as
// jellyfin-web, and stand-ins under the names that real clients were recorded
// to ask for.
func loadWeb(r Release) map[string]webAsset {
	files := map[string]webAsset{}
	add := func(name, contentType, content string) {
		sum := sha1.Sum([]byte(name + "\x00" + content))
		files[name] = webAsset{content, contentType, `"` + hex.EncodeToString(sum[:])[:15] + `"`}
	}
	for _, req := range WebClientRequests(r) {
		name, ok := strings.CutPrefix(req.Path(), "/web/")
		if ok && name != "" && req.Status == http.StatusOK {
			add(strings.ReplaceAll(name, "%40", "@"), req.Type, standIn(req.Type))
		}
	}
	_ = fs.WalkDir(webFiles, "web", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := webFiles.ReadFile(name)
		contentType, _, _ := strings.Cut(mime.TypeByExtension(path.Ext(name)), ";")
		add(strings.TrimPrefix(name, "web/"), contentType, string(b))
		return err
	}) // the files are part of the package
	return files
}

// standIn is a file of a kind, for names of which only the name matters.
func standIn(contentType string) string {
	switch contentType {
	case "text/javascript", "text/css":
		return "/* stands in for a file of jellyfin-web */\n"
	case "application/json":
		return "{}\n"
	}
	return "stands in for a file of jellyfin-web\n"
}

// webFile finds what the web client's part of the pipeline does with a path. It
// comes before routing, takes GET and HEAD only, and does not care about the
// case of "/web".
func (s *Server) webFile(method string, res *resolution) bool {
	if !equalFold(method, http.MethodGet) && !equalFold(method, http.MethodHead) || !startsWithSegments(res.path, "/web") {
		return false
	}
	name := res.path[len("/web"):]
	if name == "" {
		res.goTo = redirect{status: http.StatusMovedPermanently, location: s.opts.baseURL + res.path + "/", absolute: true}
		return true
	}
	name = name[1:]
	if name == "" {
		name = "index.html"
	}
	if _, ok := s.web[name]; !ok {
		return false
	}
	res.file = name
	return true
}

// document answers with a file of the web client, conditional requests included.
func (c *call) document() {
	asset := c.s.web[c.res.file]
	c.after = func() {
		h := c.w.Header()
		h.Set("ETag", asset.etag)
		h.Set("Content-Type", asset.contentType)
		if c.res.file == "index.html" {
			h.Set("Cache-Control", "no-cache")
		}
		packed := c.compress(asset.contentType, []byte(asset.content))
		http.ServeContent(c.w, c.r, "", pageDate, strings.NewReader(string(packed)))
	}
}
