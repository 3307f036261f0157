package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"path"
	"strings"
)

//go:embed assets/*
var assetFiles embed.FS

// Asset is a file that pages refer to. Its name changes with its content, so
// that it may be stored for ever.
type Asset struct {
	ContentType string
	Body        []byte
}

// Asset returns the asset of a name as the pages spell it, which is in lower
// case: for example "app.0f3c….css".
func (u *UI) Asset(name string) (Asset, bool) {
	a, ok := u.assets[name]
	return a, ok
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "application/octet-stream"
}

// loadAssets returns the assets by hashed name, and the hashed names by plain
// name. What is embedded can be read, or the program would not have been built.
func loadAssets() (assets map[string]Asset, names map[string]string) {
	assets, names = map[string]Asset{}, map[string]string{}
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		panic(err)
	}
	for _, entry := range entries {
		body, err := assetFiles.ReadFile("assets/" + entry.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(body)
		ext := path.Ext(entry.Name())
		hashed := strings.TrimSuffix(entry.Name(), ext) + "." + hex.EncodeToString(sum[:8]) + ext
		assets[hashed] = Asset{ContentType: contentType(entry.Name()), Body: body}
		names[entry.Name()] = hashed
	}
	return assets, names
}
