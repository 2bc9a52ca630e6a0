package web

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config/setting/formats"
	"github.com/ingotvm/ingot/internal/console/terminal"
	"github.com/ingotvm/ingot/internal/words"
)

var none = math.NaN()

func TestTrace(t *testing.T) {
	for name, test := range map[string]struct {
		points     []float64
		line, area string
	}{
		"nothing":        {nil, "", ""},
		"only gaps":      {[]float64{none, none}, "", ""},
		"one":            {[]float64{none, 50, none}, "M3 100h0", "M3 200V100V200Z"},
		"level":          {[]float64{0, 0, 0}, "M1 200h0h4", "M1 200V200h4V200Z"},
		"up and down":    {[]float64{0, 100, 50}, "M1 200h0l2-200l2 100", "M1 200V200l2-200l2 100V200Z"},
		"a gap":          {[]float64{10, 10, none, 20, 30}, "M1 180h0h2M7 160h0l2-20", "M1 200V180h2V200ZM7 200V160l2-20V200Z"},
		"level, then on": {[]float64{10, 10, 10, 20}, "M1 180h0h4l2-20", "M1 200V180h4l2-20V200Z"},
		"beyond":         {[]float64{-5, 1000, math.Inf(1)}, "M1 200h0l2-200h2", "M1 200V200l2-200h2V200Z"},
	} {
		if got := trace(test.points, 100, false); got != test.line {
			t.Errorf("%s: the line is %s; want %s", name, got, test.line)
		}
		if got := trace(test.points, 100, true); got != test.area {
			t.Errorf("%s: the area is %s; want %s", name, got, test.area)
		}
	}
}

// walk reads a line as a browser does, and gives the height by place.
func walk(t *testing.T, path string) map[int]int {
	t.Helper()
	at := map[int]int{}
	x, y := 0, 0
	step := regexp.MustCompile(`([Mlh])(-?\d+)(?: ?(-?\d+))?`)
	if rest := step.ReplaceAllString(path, ""); rest != "" {
		t.Fatalf("%q in a path is nothing that a line has", rest)
	}
	for _, m := range step.FindAllStringSubmatch(path, -1) {
		a, _ := strconv.Atoi(m[2])
		b, _ := strconv.Atoi(m[3])
		switch m[1] {
		case "M":
			x, y = a, b
		case "l":
			x, y = x+a, y+b
		case "h":
			for end := x + a; x < end; x += perPoint {
				at[x] = y
			}
		}
		at[x] = y
	}
	return at
}

// TestTraceIsThePoints: each point is drawn at its place, and no other.
func TestTraceIsThePoints(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		points := make([]float64, random.IntN(50))
		for i := range points {
			if points[i] = float64(random.IntN(5)) * 25; random.IntN(4) == 0 {
				points[i] = none
			}
		}
		at := walk(t, trace(points, 100, false))
		for i, p := range points {
			y, drawn := at[2*i+1]
			if drawn != !math.IsNaN(p) || drawn && y != 200-int(2*p) {
				t.Fatalf("point %d of %v is drawn at %d, %v", i, points, y, drawn)
			}
			delete(at, 2*i+1)
		}
		if len(at) > 0 {
			t.Fatalf("what is drawn at %v is no point", at)
		}
	}
}

func TestCeiling(t *testing.T) {
	for _, test := range []struct {
		unit        string
		total, high float64
		want        float64
	}{
		{wire.UnitPercent, 100, 3, 100}, {wire.UnitPercent, 0, 3, 5}, {wire.UnitPercent, 0, 0, 1}, {wire.UnitPercent, 0, 50, 50}, {wire.UnitPercent, 0, 51, 100},
		{wire.UnitBytes, 3000, 100, 3000}, {wire.UnitBytes, 3000, 4000, 4000}, {wire.UnitBytes, 0, 5 << 20, 8 << 20}, {wire.UnitBytes, 0, 7, 1 << 20}, {wire.UnitBytes, 0, 4 << 20, 4 << 20},
		{wire.UnitRate, 0, 0, 1024}, {wire.UnitRate, 0, none, 1024}, {wire.UnitRate, 0, 1 << 30, 1 << 30},
	} {
		if got := ceiling(wire.Series{Unit: test.unit, Total: test.total, Points: wire.Points{0, test.high, none}}); got != test.want {
			t.Errorf("the ceiling of %+v is %v", test, got)
		}
	}
	if got := ceiling(wire.Series{Unit: wire.UnitRate, Points: wire.Points{1}, Maxima: wire.Points{3000}}); got != 4096 {
		t.Errorf("with a maximum of 3000 the ceiling is %v", got)
	}
}

// speaker is a visit of an appliance with a language and formats.
func speaker(language, format string, zone *time.Location) *visit {
	return &visit{words: words.Words{Wanted: language, Charset: terminal.Full}, format: formats.Of(format), zone: zone}
}

func TestFigures(t *testing.T) {
	cpu := wire.Series{Unit: wire.UnitPercent, Total: 100, Points: wire.Points{80, 3.3, none}, Maxima: wire.Points{97.04, 4, none}}
	memory := wire.Series{Unit: wire.UnitBytes, Total: 4 << 30, Points: wire.Points{1 << 30, 1288490188}}
	rate := wire.Series{Unit: wire.UnitRate, Points: wire.Points{1536, none, none}}
	for _, test := range []struct {
		language, format string
		series           wire.Series
		now, high        string
	}{
		{"en", "en-GB", cpu, "now 3.3%", "highest 97%"},
		{"de", "de-DE", cpu, "jetzt 3,3\u00a0%", "höchstens 97\u00a0%"},
		{"ja", "ja-JP", cpu, "現在 3.3%", "最大 97%"},
		{"de", "de-DE", memory, "jetzt 1,2\u00a0GiB von 4\u00a0GiB", "höchstens 1,2\u00a0GiB"},
		{"en", "en-GB", rate, "not measured now", "highest 1.5\u00a0KiB/s"},
		{"en", "en-GB", wire.Series{Unit: wire.UnitRate}, "nothing measured", ""},
		{"en", "en-GB", wire.Series{Unit: wire.UnitBytes, Points: wire.Points{none, 1e300}}, "now 4\u00a0EiB", "highest 4\u00a0EiB"},
	} {
		d := drawing{v: speaker(test.language, test.format, time.UTC)}
		if now, high := d.now(test.series), d.high(test.series); now != test.now || high != test.high {
			t.Errorf("in %s: %q, %q; want %q, %q", test.language, now, high, test.now, test.high)
		}
	}
}

// TestTimes: the marks are at round times, also when summer time begins.
func TestTimes(t *testing.T) {
	zurich, err := time.LoadLocation("Europe/Zurich")
	if err != nil {
		t.Fatal(err)
	}
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, language, format string
		zone                   *time.Location
		step                   int64
		end                    time.Time
		want                   string
	}{
		{"hour", "en", "en-US", time.UTC, 10, time.Date(2026, 3, 9, 15, 5, 0, 0, time.UTC), "8.33% 2:10 PM, 25.00% 2:20 PM, 41.67% 2:30 PM, 58.33% 2:40 PM, 75.00% 2:50 PM, 91.67% 3:00 PM"},
		{"hour in India", "en", "en-GB", kolkata, 10, time.Date(2026, 3, 9, 15, 0, 0, 0, time.UTC), "16.67% 19:40, 33.33% 19:50, 50.00% 20:00, 66.67% 20:10, 83.33% 20:20"},
		{"day", "de", "de-CH", zurich, 240, time.Date(2026, 3, 9, 11, 0, 0, 0, time.UTC), "16.67% 16:00, 33.33% 20:00, 50.00% 00:00, 66.67% 04:00, 83.33% 08:00"},
		{"day of 23 hours", "de", "de-CH", zurich, 240, time.Date(2026, 3, 29, 11, 0, 0, 0, time.UTC), "16.67% 16:00, 33.33% 20:00, 50.00% 00:00, 62.50% 04:00, 79.17% 08:00, 95.83% 12:00"},
		{"week", "de", "de-CH", zurich, 1680, time.Date(2026, 3, 9, 11, 0, 0, 0, time.UTC), "7.14% Di, 21.43% Mi, 35.71% Do, 50.00% Fr, 64.29% Sa, 78.57% So, 92.86% Mo"},
		{"week in Japanese", "ja", "ja-JP", time.UTC, 1680, time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC), "14.29% 火, 28.57% 水, 42.86% 木, 57.14% 金, 71.43% 土, 85.71% 日"},
		{"no step", "en", "en-GB", time.UTC, 0, time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC), ""},
	} {
		d := drawing{speaker(test.language, test.format, test.zone), wire.Metrics{Step: test.step, End: test.end, Series: []wire.Series{{Points: make(wire.Points, 360)}}}}
		var list []string
		for _, m := range d.times() {
			list = append(list, m.At+" "+m.Text)
		}
		if got := strings.Join(list, ", "); got != test.want {
			t.Errorf("%s: %s; want %s", test.name, got, test.want)
		}
	}
}

// charts is the first page with the answer of the API, for an administrator.
func charts(t *testing.T, m wire.Metrics) string {
	t.Helper()
	r := httptest.NewRequest("GET", "/?range=day", nil)
	r.Header.Set("Cookie", sessionCookie+"=key")
	w := httptest.NewRecorder()
	NewHandler(fakeAPI{demo(), m}).ServeHTTP(w, r)
	if w.Code != 200 {
		t.Fatalf("GET / = %d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func busy(name, unit, service, title string) wire.Series {
	s := wire.Series{Name: name, Unit: unit, Service: service, Title: title, Points: make(wire.Points, 360), Maxima: make(wire.Points, 360)}
	for i := range s.Points { // with as many digits as the agent gives
		s.Points[i] = math.Round(4000+4000*math.Sin(float64(i*i))) / 100
		s.Maxima[i] = s.Points[i] + 10
	}
	return s
}

func TestPageWithoutMeasurements(t *testing.T) {
	page := charts(t, wire.Metrics{Range: "day", Series: []wire.Series{}})
	if n := strings.Count(page, "nothing measured</b>"); n != 7 {
		t.Errorf("%d lines without measurements; want 7", n)
	}
	for _, bad := range []string{`class="line" d=`, "NaN", "Inf"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
}

// TestEveryChartIsSaid: each drawing has its words, for who does not see it.
func TestEveryChartIsSaid(t *testing.T) {
	page := charts(t, wire.Metrics{Range: "day", Step: 240, End: time.Now(), Series: []wire.Series{
		busy(wire.MetricCPU, wire.UnitPercent, "", ""), busy(wire.MetricServiceCPU, wire.UnitPercent, "db", "Database"),
	}})
	drawings := regexp.MustCompile(`<svg class="plot" role="img"[^>]*><title>([^<]+)</title>`).FindAllStringSubmatch(page, -1)
	if n := strings.Count(page, "<figure"); len(drawings) != n || n != 7 {
		t.Errorf("%d of %d drawings are said", len(drawings), n)
	}
	if !regexp.MustCompile(`^Processors: now [\d.]+%, highest 90%$`).MatchString(drawings[0][1]) {
		t.Errorf("the processors' drawing says %q", drawings[0][1])
	}
}

// TestHostileSeries: names of services and whatever else the API might say do
// not become markup.
func TestHostileSeries(t *testing.T) {
	const evil = `</title></svg><script>alert(1)</script><img src=x onerror=alert(1)>"'` + "\x00\u202e"
	page := charts(t, wire.Metrics{Range: evil, Step: math.MaxInt64, End: time.Now(), Series: []wire.Series{
		busy(wire.MetricServiceCPU, evil, evil, evil), busy(wire.MetricServiceMemory, wire.UnitBytes, evil, evil), busy(evil, evil, "", evil),
		{Name: wire.MetricCPU, Unit: wire.UnitPercent, Total: -1e308, Points: wire.Points{1e308, -1e308}},
		{Name: wire.MetricMemory, Unit: wire.UnitBytes, Total: 1e308, Points: wire.Points{1e308}, Maxima: wire.Points{0}},
	}})
	page = regexp.MustCompile(`"[^"]*"`).ReplaceAllString(page, `""`)
	page = strings.Replace(page, `<script src="" defer></script>`, "", 1) // our own
	for _, bad := range []string{"<script", "<img", "onerror=alert(1)>\"", "NaN"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if opened, closed := strings.Count(page, "<svg"), strings.Count(page, "</svg>"); opened != closed {
		t.Errorf("%d drawings are opened, %d closed", opened, closed)
	}
}

// BenchmarkLoad is the first page of an appliance with four services.
func BenchmarkLoad(b *testing.B) {
	m := wire.Metrics{Range: "day", Step: 240, End: time.Now()}
	for _, name := range []string{wire.MetricCPU, wire.MetricMemory, wire.MetricDisk, wire.MetricDiskRead, wire.MetricDiskWritten, wire.MetricNetworkIn, wire.MetricNetworkOut} {
		m.Series = append(m.Series, busy(name, wire.UnitRate, "", ""))
	}
	for i := range 4 {
		name := fmt.Sprint("service", i)
		m.Series = append(m.Series, busy(wire.MetricServiceCPU, wire.UnitPercent, name, name), busy(wire.MetricServiceMemory, wire.UnitBytes, name, name))
	}
	handler := NewHandler(fakeAPI{demo(), m})
	for b.Loop() {
		r := httptest.NewRequest("GET", "/?range=day", nil)
		r.Header.Set("Cookie", sessionCookie+"=key")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		b.ReportMetric(float64(w.Body.Len()), "page-bytes")
	}
}
