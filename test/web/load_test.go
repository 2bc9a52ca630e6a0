package web

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/ingotvm/ingot/test/browser"
)

// history writes what an appliance remembers of its load, as
// internal/agent/metrics describes the file: 360 points of 10 s, 4 min and 28
// min, the longer ones with their maxima.
func history(t *testing.T, now time.Time) func(dataDir string) {
	const points, mebibyte = 360, 1 << 20
	wave := func(at float64, hours float64) float64 { return (1 + math.Sin(at/hours/3600*2*math.Pi)) / 2 }
	noise := func(at float64) float64 { _, f := math.Modf(math.Abs(math.Sin(at*12.9898) * 43758.5453)); return f }
	series := []struct {
		key   string
		value func(at float64) float64
	}{
		{"cpu ", func(at float64) float64 { return 8 + 40*wave(at, 24) + 20*noise(at)*wave(at, 0.4) }},
		{"memory ", func(at float64) float64 { return (600 + 300*wave(at, 5)) * mebibyte }},
		{"disk ", func(at float64) float64 { return (4000 + math.Mod(at/3600, 100)*20) * mebibyte }},
		{"disk.read ", func(at float64) float64 { return 200e3 * noise(at+1) * wave(at, 2) }},
		{"disk.written ", func(at float64) float64 { return 1e6 * noise(at+2) * wave(at, 1) }},
		{"network.in ", func(at float64) float64 { return 300e3 * (0.2 + noise(at+3)*wave(at, 24)) }},
		{"network.out ", func(at float64) float64 { return 2e6 * (0.1 + noise(at+4)*wave(at, 24)) }},
		{"service.cpu till", func(at float64) float64 { return 3 + 4*noise(at)*wave(at, 0.4) }},
		{"service.memory till", func(at float64) float64 { return (80 + 30*wave(at, 3)) * mebibyte }},
	}
	le := binary.LittleEndian
	data := le.AppendUint16(le.AppendUint16([]byte("ingotmet"), 1), uint16(len(series)))
	steps := []int64{10, 240, 1680}
	for _, step := range steps {
		data = le.AppendUint64(data, uint64(now.Unix()/step))
	}
	for _, s := range series {
		data = append(append(data, byte(len(s.key))), s.key...)
		for i, step := range steps {
			last := now.Unix() / step
			mean, peak := make([]float64, points), make([]float64, points)
			for n := last - points + 1; n <= last; n++ {
				v := s.value(float64(n * step))
				if ago := last - n; ago > 90 && ago < 120 || ago == 60 || ago == 62 { // it was off
					v = math.NaN()
				}
				mean[n%points], peak[n%points] = v, v*1.3
			}
			rings := [][]float64{mean, peak}
			if i == 0 {
				rings = rings[:1]
			}
			data = le.AppendUint16(data, 1)
			for _, v := range slices.Concat(rings...) {
				data = le.AppendUint32(data, math.Float32bits(float32(v)))
			}
		}
	}
	data = le.AppendUint32(data, crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
	return func(dataDir string) {
		dir := filepath.Join(dataDir, "metrics")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "ring"), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLoad shows the history that lies on the data disk to who may read, in
// each range.
func TestLoad(t *testing.T) {
	s := newSite(t, history(t, time.Now())).setUp(t)
	s.browser(t).get("/?range=day").says(t, 200, "Corner shop", "!<svg", "!Load")
	s.browser(t).get("/?range=century").says(t, 200, "!<svg") // nobody asks for it
	b := s.browser(t).login("anna")
	line := regexp.MustCompile(`class="line" d="([^"]*)"`)
	shapes := map[string]bool{}
	for _, span := range []string{"", "hour", "day", "week"} {
		path, here := "/", "hour"
		if span != "" {
			path, here = "/?range="+span, span
		}
		p := b.get(path)
		p.says(t, 200, `<h2 id="load">Load</h2>`, `href="/?range=`+here+`#load" aria-current="true"`, `role="img"`, `<title>Processors: now `, ", highest ",
			"Memory", "Network: traffic", "received", "sent", "Data disk: space", "Till</h3>", "!NaN", "!style=")
		if n := strings.Count(p.text, "aria-current=\"true\""); n != 1 {
			t.Errorf("%s: %d ranges are the chosen one", path, n)
		}
		lines := line.FindAllStringSubmatch(p.text, -1)
		if len(lines) != 9 {
			t.Fatalf("%s has %d lines", path, len(lines))
		}
		// The gap in what was made up, and two single ones.
		if n := strings.Count(lines[1][1], "M"); n < 4 {
			t.Errorf("%s: the memory's line has %d parts: %s", path, n, lines[1][1])
		}
		shapes[lines[1][1]] = true
		if size := len(p.text); size > 100_000 {
			t.Errorf("%s has %d bytes", path, size)
		}
	}
	if len(shapes) < 3 {
		t.Errorf("three ranges have %d shapes", len(shapes))
	}
	for _, bad := range []string{"century", "Hour", "hour%00", "%22%3E%3Cscript%3Ealert(1)%3C/script%3E"} {
		b.get("/?range="+bad).says(t, 400, "did not work", "hour, day or week", "!<script>alert")
	}
}

// TestDamagedHistory is forgotten, and nothing else.
func TestDamagedHistory(t *testing.T) {
	s := newSite(t, history(t, time.Now()), func(dataDir string) {
		if err := os.Truncate(filepath.Join(dataDir, "metrics", "ring"), 5000); err != nil {
			t.Fatal(err)
		}
	}).setUp(t)
	s.browser(t).login("anna").get("/?range=week").says(t, 200, `<h2 id="load">Load</h2>`, "Processors: nothing measured")
}

// TestLoadInChromium looks at the charts, browser.Wide, narrow and browser.Dark, and follows
// the links between the ranges.
func TestLoadInChromium(t *testing.T) {
	s := newSite(t, history(t, time.Now())).setUp(t)
	c := s.chromium(t)
	c.Open("/login")
	c.Fill("#account", "admin")
	c.Fill("#password", password)
	c.Press("main button")
	c.Sees("highest")
	c.Shot("load-hour")
	c.Press(`a[href="/?range=day#load"]`)
	c.Do(browser.WaitFor(`a[href="/?range=day#load"][aria-current]`))
	c.Shot("load-day")
	// What is asked for every few seconds leaves the drawings where they are.
	const drawings = `document.querySelector("#live").hasAttribute("data-old") ? -1 : document.querySelectorAll(".plot .line").length`
	c.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#live").setAttribute("data-old", "")`))
	eventually(t, "the page asks again, and keeps its drawings", func() bool {
		n, err := chromedp.Run(c.Ctx, chromedp.Evaluate[int](drawings))
		return err == nil && n == 9
	})
	c.Open("/?range=week")
	c.Do(emulateDark())
	c.Shot("load-week-dark")
	// What the browser sees of a drawing: as wide as its place, and coloured.
	var size string
	size, err := chromedp.Run(c.Ctx, chromedp.Evaluate[string](`(() => { const p = document.querySelector(".plot .line"), s = getComputedStyle(p), b = p.getBoundingClientRect(), o = p.closest("figure").getBoundingClientRect();
		return [s.stroke != "none", s.fill == "none", b.width > o.width * .7, document.documentElement.scrollWidth <= innerWidth].join() })()`))
	if err != nil || size != "true,true,true,true" {
		t.Errorf("the drawing is %s, %v", size, err)
	}
}

// emulateDark is a browser of somebody who prefers dark pages.
func emulateDark() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
		return err
	})
}
