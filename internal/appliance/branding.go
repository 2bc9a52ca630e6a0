package appliance

import (
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/ingotvm/ingot/internal/appliance/syntax"
)

// Branding is how the management pages look and what they lead to.
type Branding struct {
	// A picture of the product for the pages: an SVG, PNG or JPEG file of at most 64 KiB.
	Logo string `yaml:"logo,omitempty" json:"logo,omitempty"`
	// The colour of buttons and links, such as "#2450c8". It is made darker or
	// lighter where text would not be legible on it.
	Accent string `yaml:"accent,omitempty" json:"accent,omitempty"`
	// Pages elsewhere, such as the vendor's support.
	Links []WebLink `yaml:"links,omitempty" json:"links,omitempty"`
	// Pages of the appliance's own, written in Markdown.
	Pages []WebPage `yaml:"pages,omitempty" json:"pages,omitempty"`
}

// WebLink leads to a page elsewhere.
type WebLink struct {
	// What people read.
	Title string `yaml:"title" json:"title"`
	// An address with https:, http: or mailto:.
	URL string `yaml:"url" json:"url"`
}

// WebPage is one page of the vendor's.
type WebPage struct {
	// What people read in the menu; it also makes the page's address.
	Title string `yaml:"title" json:"title"`
	// The text: a Markdown file.
	File string `yaml:"file" json:"file"`
}

// Name is the last part of the page's address. Without regexp, which this
// would bring into every initrd.
func (p WebPage) Name() string {
	apart := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }
	return strings.Join(strings.FieldsFunc(strings.ToLower(p.Title), apart), "-")
}

// The bounds of what every appliance carries in its initrd.
const (
	maxLogo  = 64 << 10
	maxLinks = 8
)

func logoTypes() []string { return []string{".svg", ".png", ".jpg", ".jpeg"} }

func (c *checker) checkBranding(b *Branding) {
	if b == nil {
		return
	}
	c.checkInside(b.Logo, "the logo", "branding", "logo")
	if b.Logo != "" && !slices.Contains(logoTypes(), strings.ToLower(path.Ext(b.Logo))) {
		c.problem(c.root.At("branding", "logo"), "use one of: "+strings.Join(logoTypes(), ", "), "%s is not a picture that browsers show", syntax.Quote(b.Logo))
	}
	if b.Accent != "" && !regexp.MustCompile(`^#[0-9a-fA-F]{6}$`).MatchString(b.Accent) {
		c.problem(c.root.At("branding", "accent"), `write red, green and blue as in "#2450c8"`, "%s is not a colour", syntax.Quote(b.Accent))
	}
	if len(b.Links) > maxLinks || len(b.Pages) > maxLinks {
		c.problem(c.root.At("branding"), "put them on a page of yours", "there are more than %d links or pages", maxLinks)
	}
	for i, l := range b.Links {
		c.require("title", "say what is there", "branding", "links", i)
		c.checkTitle(l.Title, "branding", "links", i, "title")
		if u, err := url.Parse(l.URL); c.require("url", "say where it leads", "branding", "links", i) &&
			(err != nil || !slices.Contains([]string{"https", "http", "mailto"}, u.Scheme) || u.Host == "" && u.Opaque == "") {
			c.problem(c.root.At("branding", "links", i, "url"), "write it as in https://example.com/support or mailto:support@example.com", "%s is not an address of a page", syntax.Quote(l.URL))
		}
	}
	seen := map[string]bool{}
	for i, p := range b.Pages {
		c.require("file", "name a Markdown file", "branding", "pages", i)
		c.checkInside(p.File, "the page", "branding", "pages", i, "file")
		if !c.require("title", "say what the menu calls it", "branding", "pages", i) {
			continue
		}
		c.checkTitle(p.Title, "branding", "pages", i, "title")
		if name := p.Name(); name == "" || seen[name] {
			c.problem(c.root.At("branding", "pages", i, "title"), "use other letters", "%s makes no address of its own", syntax.Quote(p.Title))
		}
		seen[p.Name()] = true
	}
}

func (c *checker) checkBrandingFiles(fsys fs.FS, b *Branding) {
	if b == nil {
		return
	}
	at := c.root.At("branding", "logo")
	if b.Logo != "" && c.checkFile(fsys, b.Logo, at, "check the spelling") {
		if info, err := fs.Stat(fsys, b.Logo); err == nil && info.Size() > maxLogo {
			c.problem(at, "make it smaller: it is shown 44 pixels high", "%s has %d bytes, at most %d are allowed", syntax.Quote(b.Logo), info.Size(), maxLogo)
		}
	}
	for i, p := range b.Pages {
		if p.File != "" {
			c.checkText(fsys, p.File, c.root.At("branding", "pages", i, "file"), "write something, or remove the page")
		}
	}
}
