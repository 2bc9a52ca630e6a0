package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed templates assets
var files embed.FS

// content is what the binary carries, made ready.
type content struct {
	// pages are the templates by name, each within the layout.
	pages map[string]*template.Template
	// assets by the name that pages use: it holds the digest of the bytes, so
	// that a browser keeps an asset for ever and still gets a new one.
	assets map[string]asset
	names  map[string]string
}

type asset struct {
	data []byte
	kind string
}

// kinds are not asked of the machine, whose list may differ.
var kinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// load reads templates and assets; what is wrong with them is wrong with the
// binary.
func load() content {
	c := content{pages: map[string]*template.Template{}, assets: map[string]asset{}, names: map[string]string{}}
	common := template.Must(template.ParseFS(files, "templates/layout.html", "templates/parts.html"))
	for _, file := range matches("templates/*.html") {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		c.pages[name] = template.Must(template.Must(common.Clone()).ParseFS(files, file))
	}
	for _, file := range append(matches("assets/*.*"), matches("assets/dist/*.js")...) {
		data, err := files.ReadFile(file)
		if err != nil {
			panic(err) // it is in the binary
		}
		sum := sha256.Sum256(data)
		base, ext := path.Base(file), path.Ext(file)
		name := strings.TrimSuffix(base, ext) + "-" + hex.EncodeToString(sum[:6]) + ext
		c.assets[name] = asset{data, kinds[ext]}
		c.names[base] = "/assets/" + name
	}
	return c
}

func matches(pattern string) []string {
	list, err := fs.Glob(files, pattern)
	if err != nil {
		panic(err) // the pattern is constant
	}
	return list
}

func (s *site) asset(w http.ResponseWriter, r *http.Request) {
	a, ok := s.load().assets[r.PathValue("file")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(a.data) // a browser that went away needs no answer
}
