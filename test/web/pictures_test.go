package web

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/ingotvm/ingot/test/browser"
)

// maxPicture bounds a picture of the documents: they are in the repository.
const maxPicture = 60 << 10

// TestPictures takes the pictures of docs/web.md anew, into the folder that
// INGOT_PICTURES names. `make pictures` runs it in a network of its own, whose
// adapters and addresses are made up, too.
func TestPictures(t *testing.T) {
	dir := os.Getenv("INGOT_PICTURES")
	if dir == "" {
		t.Skip("for make pictures")
	}
	if l, err := net.Listen("tcp", "127.0.0.1:9"); err == nil { // where the made-up shop is looked for
		t.Cleanup(func() { l.Close() })
	}
	s := newSite(t).setUp(t).withRules(t)
	c := s.chromium(t).login("admin")
	take := func(name string, width, height int64, scheme, path string) {
		t.Helper()
		c.Screen(width, scheme)
		c.Do(chromedp.EmulateViewport(width, height))
		if path != "" {
			c.Open(path)
		}
		data, err := chromedp.Run(c.Ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if data = small(t, data); len(data) > maxPicture {
			t.Errorf("%s has %d bytes", name, len(data))
		}
		if err := os.WriteFile(filepath.Join(dir, name+".png"), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, path := range map[string]string{
		"overview": "/", "application": "/settings/application", "time": "/settings/time", "people": "/settings/ldap",
		"certificate": "/certificate", "access": "/access", "history": "/history", "revision": "/history/4", "log": "/log",
		"power": "/power", "support": "/support", "vendor": "/pages/getting-started",
	} {
		take(name+"-wide", 1000, 800, browser.Light, path)
		take(name+"-narrow", browser.Narrow, 844, browser.Dark, path)
	}
	take("settings", 1000, 760, browser.Light, "/settings/application")
	take("firewall", 1000, 1010, browser.Light, "/settings/firewall")
	take("firewall-phone", browser.Narrow, 1000, browser.Dark, "/settings/firewall#own")
	take("network", 1000, 900, browser.Light, "/settings/network")
	take("adapters", 1000, 1000, browser.Light, "/settings/network/adapters")
	s.updates.Store(waits())
	take("updates", 1000, 1010, browser.Light, "/updates")
	s.updates.Store(nil)
	c.Open("/settings/network/adapters")
	c.Fill(`input[name="network.interfaces[0].addresses"]`, "192.0.2.8/24\r")
	c.Sees("is undone in")
	take("pending", 1000, 420, browser.Light, "")

	s = newSite(t) // not set up yet
	c = s.chromium(t)
	setup, err := s.local.Setup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	both := func(name string) {
		t.Helper()
		take(name+"-wide", 1000, 800, browser.Light, "")
		take(name+"-narrow", browser.Narrow, 844, browser.Dark, "")
	}
	c.Open("/setup")
	both("code")
	c.Fill("#code", setup.Code)
	c.Press("main button")
	c.Do(browser.WaitFor(`input[name=step]`))
	both("wizard")
	c.Open("/login")
	both("login")
}

// small is a picture with at most 256 colours: the most frequent ones, and for
// the others those nearest to them.
func small(t *testing.T, data []byte) []byte {
	t.Helper()
	from, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	count := map[color.RGBA]int{}
	bounds := from.Bounds()
	rgba := image.NewRGBA(bounds)
	draw.Draw(rgba, bounds, from, bounds.Min, draw.Src)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			count[rgba.RGBAAt(x, y)]++
		}
	}
	often := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int { return cmp.Compare(count[b], count[a]) })
	var palette color.Palette
	for _, c := range often[:min(len(often), 256)] {
		palette = append(palette, c)
	}
	to := image.NewPaletted(bounds, palette)
	nearest := map[color.RGBA]uint8{}
	for c := range count {
		nearest[c] = uint8(palette.Index(c))
	}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			to.SetColorIndex(x, y, nearest[rgba.RGBAAt(x, y)])
		}
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, to); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
