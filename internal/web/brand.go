package web

import (
	"fmt"
	"html/template"
	"math"
	"net/http"
	"strconv"
	"sync"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// brand is how the vendor wants the pages; it does not change while the
// appliance runs, so it is asked for once.
type brand struct {
	mu    sync.Mutex
	known *wire.Branding
}

func (v *visit) branding() wire.Branding {
	b := &v.site.brand
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known == nil {
		answer, err := v.site.api.Branding(v.ctx())
		if err != nil {
			return wire.Branding{} // the pages work without, and the next visit asks again
		}
		b.known = &answer
	}
	return *b.known
}

// Brand is the vendor's.
func (f frame) Brand() wire.Branding { return f.v.branding() }

func logo(v *visit) error {
	b := v.branding()
	if len(b.Logo) == 0 {
		return missing(v)
	}
	v.w.Header().Set("Content-Type", b.LogoType)
	v.w.Header().Set("Cache-Control", "max-age=3600")
	_, _ = v.w.Write(b.Logo) // a browser that went away needs no answer
	return nil
}

// accentSheet sets the vendor's colour, so that it is legible in light and dark.
func accentSheet(v *visit) error {
	v.w.Header().Set("Content-Type", "text/css; charset=utf-8")
	v.w.Header().Set("Cache-Control", "max-age=3600")
	c, ok := parseColour(v.branding().Accent)
	if !ok {
		return nil
	}
	light, dark := c.legibleOn(colour{1, 1, 1}, 0), c.legibleOn(colour{0.09, 0.106, 0.133}, 1)
	_, _ = fmt.Fprintf(v.w, ":root{--accent:%s}@media(prefers-color-scheme:dark){:root{--accent:%s}}\n", light, dark)
	return nil
}

// vendorPage is one that the vendor wrote. Its markup was made when the
// appliance was built, and is part of the verified image.
func vendorPage(v *visit) error {
	for _, p := range v.branding().Pages {
		if p.Name == v.r.PathValue("name") {
			return v.show(http.StatusOK, "vendor", "page "+p.Name, p.Title, template.HTML(p.HTML))
		}
	}
	return missing(v)
}

// colour is red, green and blue from 0 to 1.
type colour [3]float64

func parseColour(text string) (c colour, ok bool) {
	if len(text) != 7 || text[0] != '#' {
		return c, false
	}
	for i := range c {
		n, err := strconv.ParseUint(text[1+2*i:3+2*i], 16, 8)
		if err != nil {
			return c, false
		}
		c[i] = float64(n) / 255
	}
	return c, true
}

func (c colour) String() string {
	return fmt.Sprintf("#%02x%02x%02x", byte(math.Round(c[0]*255)), byte(math.Round(c[1]*255)), byte(math.Round(c[2]*255)))
}

// legible is the contrast that WCAG 2 (1.4.3) wants of text, with a little to
// spare for the soft grounds that it also stands on.
const legible = 5.2

// legibleOn moves a colour towards black (0) or white (1) until it can be read
// on the ground, and the ground on it.
func (c colour) legibleOn(ground colour, towards float64) colour {
	for range 100 {
		if contrast(c, ground) >= legible {
			break
		}
		for i := range c {
			c[i] += (towards - c[i]) * 0.05
		}
	}
	return c
}

// contrast is WCAG 2's contrast ratio, from 1 to 21.
func contrast(a, b colour) float64 {
	high, low := luminance(a), luminance(b)
	if high < low {
		high, low = low, high
	}
	return (high + 0.05) / (low + 0.05)
}

// luminance is WCAG 2's relative luminance.
func luminance(c colour) float64 {
	var linear colour
	for i, v := range c {
		if v <= 0.04045 {
			linear[i] = v / 12.92
		} else {
			linear[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*linear[0] + 0.7152*linear[1] + 0.0722*linear[2]
}
