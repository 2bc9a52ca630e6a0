package web

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// Charts are drawn here, as SVG in the page (docs/adr/0011-charts.md). A
// drawing is stretched to the width that there is, so nothing in it is text:
// the axes' labels are in SVGs of their own, placed by percentages.

// The size of a drawing in its own units: two for each point in width.
const (
	perPoint    = 2
	chartHeight = 200
)

// loadView is the section about the load.
type loadView struct {
	Ranges []entry
	// Self is where it is, and Every how many seconds it is good for.
	Self     string
	Every    int64
	Charts   []chart
	Services []serviceLoad
}

type serviceLoad struct {
	Title       string
	CPU, Memory chart
}

// chart is one drawing with its text.
type chart struct {
	Title string
	// Text is all that the drawing says, for who does not see it.
	Text   string
	Lines  []line
	Width  int
	Levels []mark // the vertical axis
	Times  []mark // the horizontal axis
	Small  bool
}

// line is one series of a chart.
type line struct {
	// Name tells it from the chart's other one; Now and High are figures.
	Name, Now, High string
	// Class is its colour's.
	Class string
	// Path is the line, Area what is below it, Peak that of the maxima.
	Path, Area, Peak string
}

// mark is a label of an axis at a place in percent.
type mark struct{ At, Text string }

// load is the section about the load over the range that the visitor chose.
func (v *visit) load() (*loadView, error) {
	span := v.r.URL.Query().Get("range")
	m, err := v.api.Metrics(v.ctx(), span)
	if err != nil {
		return nil, err
	}
	view := &loadView{Self: "/?range=" + url.QueryEscape(m.Range), Every: min(max(m.Step, 10), 60)}
	for _, r := range wire.MetricRanges() {
		view.Ranges = append(view.Ranges, entry{Key: r, Path: "/?range=" + url.QueryEscape(r) + "#load", Title: v.T("web.load." + r), Here: r == m.Range})
	}
	d := drawing{v, m}
	view.Charts = []chart{
		d.chart(v.T("web.cpus"), part{"", wire.MetricCPU}),
		d.chart(v.T("web.memory"), part{"", wire.MetricMemory}),
		d.chart(v.T("web.load.network"), part{v.T("web.load.in"), wire.MetricNetworkIn}, part{v.T("web.load.out"), wire.MetricNetworkOut}),
		d.chart(v.T("web.load.traffic"), part{v.T("web.load.read"), wire.MetricDiskRead}, part{v.T("web.load.written"), wire.MetricDiskWritten}),
		d.chart(v.T("web.load.disk"), part{"", wire.MetricDisk}),
	}
	for _, s := range m.Series {
		if s.Name == wire.MetricServiceCPU {
			view.Services = append(view.Services, serviceLoad{s.Title,
				d.small(s.Service, v.T("web.cpus"), wire.MetricServiceCPU), d.small(s.Service, v.T("web.memory"), wire.MetricServiceMemory)})
		}
	}
	return view, nil
}

// drawing makes charts of one answer.
type drawing struct {
	v *visit
	m wire.Metrics
}

// part is a series of a chart, and what it is called there.
type part struct{ name, series string }

// find is a series; one that is not there has no points.
func (d drawing) find(name, service string) wire.Series {
	for _, s := range d.m.Series {
		if s.Name == name && s.Service == service {
			return s
		}
	}
	return wire.Series{Name: name, Service: service}
}

func (d drawing) chart(title string, parts ...part) chart {
	var list []wire.Series
	var names []string
	for _, p := range parts {
		list, names = append(list, d.find(p.series, "")), append(names, p.name)
	}
	return d.draw(title, list, names)
}

func (d drawing) small(service, title, name string) chart {
	c := d.draw(title, []wire.Series{d.find(name, service)}, []string{""})
	c.Small = true
	return c
}

func (d drawing) draw(title string, list []wire.Series, names []string) chart {
	top := 0.0
	for _, s := range list {
		top = max(top, ceiling(s))
	}
	c := chart{Title: title, Width: perPoint * len(list[0].Points)}
	says := []string{}
	for i, s := range list {
		l := line{Name: names[i], Class: "one", Now: d.now(s), High: d.high(s), Path: trace(s.Points, top, false), Peak: trace(s.Maxima, top, false)}
		if i == 0 {
			l.Area = trace(s.Points, top, true)
		} else {
			l.Class, l.Peak = "two", "" // two lines and two bands are a knot
		}
		c.Lines = append(c.Lines, l)
		text := strings.TrimSpace(l.Name + " " + l.Now)
		if l.High != "" {
			text += ", " + l.High
		}
		says = append(says, text)
	}
	c.Text = title + ": " + strings.Join(says, "; ")
	if highest(list[0]) >= 0 || len(list) > 1 && highest(list[1]) >= 0 {
		c.Levels = []mark{{"0%", d.say(list[0].Unit, top)}, {"50%", d.say(list[0].Unit, top/2)}, {"100%", "0"}}
	}
	c.Times = d.times()
	return c
}

// now says the newest value. One of a point ago will do: the newest may have
// had no time to come.
func (d drawing) now(s wire.Series) string {
	for i := len(s.Points) - 1; i >= 0 && i >= len(s.Points)-2; i-- {
		if p := s.Points[i]; !math.IsNaN(p) {
			text := d.say(s.Unit, p)
			if s.Total > 0 && s.Unit == wire.UnitBytes {
				text = d.v.T("web.load.of", text, d.say(s.Unit, s.Total))
			}
			return d.v.T("web.load.now", text)
		}
	}
	if highest(s) < 0 {
		return d.v.T("web.load.none")
	}
	return d.v.T("web.load.now.none")
}

func (d drawing) high(s wire.Series) string {
	if h := highest(s); h >= 0 {
		return d.v.T("web.load.high", d.say(s.Unit, h))
	}
	return ""
}

// say is a value with its unit.
func (d drawing) say(unit string, value float64) string {
	switch unit {
	case wire.UnitPercent:
		return d.v.T("web.percent", d.v.format.Tenths(value))
	case wire.UnitRate:
		return d.v.T("web.rate", d.v.format.Size(whole(value)))
	}
	return d.v.format.Size(whole(value))
}

// whole rounds what may be anything.
func whole(value float64) int64 { return int64(min(max(math.Round(value), 0), 1<<62)) }

// highest is the greatest value of a series, -1 of one without any.
func highest(s wire.Series) float64 {
	high := -1.0
	for _, list := range []wire.Points{s.Points, s.Maxima} {
		for _, p := range list {
			if p > high { // a gap is not
				high = p
			}
		}
	}
	return high
}

// ceiling is the value at the upper edge of a chart: all that there is, else
// the next round number above the highest value.
func ceiling(s wire.Series) float64 {
	high := max(highest(s), 0)
	switch {
	case s.Total > 0:
		return max(s.Total, high)
	case s.Unit == wire.UnitPercent:
		for _, top := range []float64{1, 2, 5, 10, 20, 50} {
			if high <= top {
				return top
			}
		}
		return 100
	case s.Unit == wire.UnitRate:
		return powerOfTwo(max(high, 1<<10))
	}
	return powerOfTwo(max(high, 1<<20))
}

// powerOfTwo is the next one: it and its half are round numbers of bytes.
func powerOfTwo(n float64) float64 { return math.Exp2(math.Ceil(math.Log2(n))) }

// trace draws points below top: a line, or the area below it, broken at gaps.
func trace(points []float64, top float64, area bool) string {
	b := tracer{area: area}
	for i, p := range points {
		if math.IsNaN(p) {
			b.end()
			continue
		}
		b.to(perPoint*i+perPoint/2, chartHeight-int(math.Round(min(max(p/top, 0), 1)*chartHeight)))
	}
	b.end()
	return string(b.path)
}

// tracer writes a path in steps from point to point, which are short; level
// ones are taken together.
type tracer struct {
	area, open bool
	path       []byte
	x, y       int // of the last point
	level      int // length of a level stretch up to there, not yet written
}

func (t *tracer) to(x, y int) {
	switch {
	case !t.open && t.area:
		t.path = fmt.Appendf(t.path, "M%d %dV%d", x, chartHeight, y)
	case !t.open:
		t.path = fmt.Appendf(t.path, "M%d %dh0", x, y) // a dot, if nothing follows
	case y == t.y:
		t.level += x - t.x
	default:
		t.flush()
		t.path = strconv.AppendInt(append(t.path, 'l'), int64(x-t.x), 10)
		if y > t.y {
			t.path = append(t.path, ' ')
		}
		t.path = strconv.AppendInt(t.path, int64(y-t.y), 10)
	}
	t.open, t.x, t.y = true, x, y
}

func (t *tracer) flush() {
	if t.level > 0 {
		t.path = fmt.Appendf(t.path, "h%d", t.level)
	}
	t.level = 0
}

// end ends a stretch without gaps.
func (t *tracer) end() {
	if !t.open {
		return
	}
	t.flush()
	if t.area {
		t.path = fmt.Appendf(t.path, "V%dZ", chartHeight)
	}
	t.open = false
}

// The horizontal axis has marks at round times of the appliance's zone, but
// none at the edges, where half of a label would be cut off.
const edge = 4 // percent

func (d drawing) times() (marks []mark) {
	if len(d.m.Series) == 0 || d.m.Step <= 0 {
		return nil
	}
	length := time.Duration(d.m.Step) * time.Second * time.Duration(len(d.m.Series[0].Points))
	end := d.m.End.In(d.v.zone)
	start := end.Add(-length)
	for t := roundBefore(start, length); t.Before(end) && len(marks) < 12; t = following(t, length) {
		at := 100 * float64(t.Sub(start)) / float64(length)
		if at < edge || at > 100-edge {
			continue
		}
		text := d.v.format.Clock(t)
		if length > 24*time.Hour {
			text = d.v.T(fmt.Sprintf("web.day.%d", t.Weekday()))
		}
		marks = append(marks, mark{strconv.FormatFloat(at, 'f', 2, 64) + "%", text})
	}
	return marks
}

// roundBefore is the last round time before another: a day, four hours, or ten
// minutes. Of four hours it is midnight: a change of summer time may lie
// between.
func roundBefore(t time.Time, length time.Duration) time.Time {
	if length > time.Hour {
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
	}
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute()/10*10, 0, 0, t.Location())
}

// following is the next round time.
func following(t time.Time, length time.Duration) time.Time {
	switch {
	case length > 24*time.Hour:
		return time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, t.Location())
	case length > time.Hour:
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour()/4*4+4, 0, 0, 0, t.Location())
	}
	return t.Add(10 * time.Minute)
}
