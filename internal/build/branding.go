package build

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/markdown"
	"github.com/ingotvm/ingot/internal/release"
)

// logoType is the media type of a picture. The host's own list is not asked: it
// may differ from machine to machine.
func logoType(file string) string {
	switch strings.ToLower(path.Ext(file)) {
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	}
	return "image/jpeg"
}

// branding reads the vendor's picture, and makes pages of their Markdown: the
// appliance needs no Markdown then. Markup within the Markdown is left out.
func branding(b *appliance.Branding, dir string) (*release.Branding, error) {
	if b == nil {
		return nil, nil
	}
	out := &release.Branding{}
	if b.Logo != "" {
		data, err := os.ReadFile(filepath.Join(dir, b.Logo))
		if err != nil {
			return nil, err
		}
		out.Logo, out.LogoType = data, logoType(b.Logo)
	}
	for _, p := range b.Pages {
		text, err := os.ReadFile(filepath.Join(dir, p.File))
		if err != nil {
			return nil, err
		}
		html, err := markdown.HTML(text)
		if err != nil {
			return nil, fmt.Errorf("cannot make a page of %s: %w", p.File, err)
		}
		out.Pages = append(out.Pages, release.Page{Name: p.Name(), Title: p.Title, HTML: html})
	}
	return out, nil
}
