package metrics

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/host"
)

// every is the pause between two readings, and the first range's step;
// saveEvery is how many of them are lost at most in a power cut: 5 minutes.
const (
	every     = 10 * time.Second
	saveEvery = 30
)

// maxServices is how many services are measured; the definition's check allows
// no more.
const maxServices = 64

// Options are what is measured, and where. Root, DataDir and Services are
// needed.
type Options struct {
	// Root is above /proc and /sys.
	Root string
	// DataDir is on the disk whose space is measured.
	DataDir string
	// File is where the history is kept; "" forgets it at the end.
	File     string
	Services []Service
	// Space is how many bytes a folder's file system has, and how many of them
	// can still be written; without it there is no chart of it.
	Space func(dir string) (free, total int64, err error)
	// Now is the time of day; default [time.Now].
	Now func() time.Time
	// Log takes what could not be kept; default drops it.
	Log func(format string, args ...any)
}

// Service is one service of the definition.
type Service struct{ Name, Title, Unit string }

// Sampler measures. Its methods are for many goroutines at once.
type Sampler struct {
	opts Options
	kept string // the last error of the file, to say it once

	mu      sync.Mutex // guards what follows
	history *history
	last    reading
}

// New takes up the history where it was kept; it measures nothing before
// [Sampler.Run].
func New(opts Options) *Sampler {
	if opts.Space == nil {
		opts.Space = func(string) (free, total int64, err error) { return 0, 0, errors.ErrUnsupported }
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = func(string, ...any) {}
	}
	opts.Services = opts.Services[:min(len(opts.Services), maxServices)]
	s := &Sampler{opts: opts}
	var keys []string
	for _, d := range s.describe() {
		keys = append(keys, d.key())
	}
	s.history = newHistory(keys)
	s.load()
	return s
}

// Run measures until ctx ends, and then keeps the history.
func (s *Sampler) Run(ctx context.Context) {
	for n := 1; ; n++ {
		s.measure()
		if n%saveEvery == 0 {
			s.save()
		}
		select {
		case <-ctx.Done():
			s.save()
			return
		case <-time.After(untilNext(s.opts.Now())):
		}
	}
}

// untilNext is the time to the middle of a slot, so that each one gets its
// sample however late the machine is at times.
func untilNext(now time.Time) time.Duration {
	wait := now.Truncate(every).Add(every / 2).Sub(now)
	if wait <= 0 {
		wait += every
	}
	return wait
}

func (s *Sampler) measure() {
	now := s.read()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history.add(s.opts.Now(), sample(s.last, now))
	s.last = now
}

// describe are all series, in their order.
func (s *Sampler) describe() []description {
	list := []description{
		{name: wire.MetricCPU, unit: wire.UnitPercent},
		{name: wire.MetricMemory, unit: wire.UnitBytes},
		{name: wire.MetricDisk, unit: wire.UnitBytes},
		{name: wire.MetricDiskRead, unit: wire.UnitRate},
		{name: wire.MetricDiskWritten, unit: wire.UnitRate},
		{name: wire.MetricNetworkIn, unit: wire.UnitRate},
		{name: wire.MetricNetworkOut, unit: wire.UnitRate},
	}
	for _, svc := range s.opts.Services {
		list = append(list,
			description{wire.MetricServiceCPU, wire.UnitPercent, svc},
			description{wire.MetricServiceMemory, wire.UnitBytes, svc})
	}
	return list
}

type description struct {
	name, unit string
	service    Service
}

// key is what a series is called in the file.
func (d description) key() string { return d.name + " " + d.service.Name }

// Metrics are the series of a range, "hour", "day" or "week"; of any other
// there are none.
func (s *Sampler) Metrics(name string) wire.Metrics {
	m := wire.Metrics{Range: name, Series: []wire.Series{}}
	r := slices.IndexFunc(spans[:], func(s span) bool { return s.name == name })
	if r < 0 {
		return m
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	first, last := s.history.window(r, s.opts.Now())
	m.Step = spans[r].step
	m.End = time.Unix((last+1)*m.Step, 0).UTC()
	totals := map[string]uint64{wire.MetricCPU: 100, wire.MetricMemory: s.last.memory.total, wire.MetricDisk: s.last.disk.total}
	for i, d := range s.describe() {
		track := &s.history.series[i].tracks[r]
		one := wire.Series{
			Name: d.name, Unit: d.unit, Service: d.service.Name, Title: d.service.Title, Total: float64(totals[d.name]),
			Points: rounded(d.unit, s.history.points(r, &track.mean, first, last)),
		}
		if track.peak != nil {
			one.Maxima = rounded(d.unit, s.history.points(r, track.peak, first, last))
		}
		m.Series = append(m.Series, one)
	}
	return m
}

// rounded keeps what anybody can see: hundredths of a percent, whole bytes.
func rounded(unit string, points []float64) wire.Points {
	scale := 1.0
	if unit == wire.UnitPercent {
		scale = 100
	}
	for i, p := range points {
		points[i] = math.Round(p*scale) / scale
	}
	return points
}

// load takes the file's history, as far as it is of series that there are.
func (s *Sampler) load() {
	if s.opts.File == "" {
		return
	}
	data, err := readAtMost(s.opts.File, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = decode(data, s.history)
	}
	if err != nil {
		s.opts.Log("the history of the load begins anew: %v", err)
	}
}

// save writes the file; an error is told once, for the next one may go well.
func (s *Sampler) save() {
	if s.opts.File == "" {
		return
	}
	s.mu.Lock()
	data := encode(s.history)
	s.mu.Unlock()
	dir := filepath.Dir(s.opts.File)
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		s.sweep(dir)
		err = host.WriteFile(s.opts.File, data, 0o600)
	}
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != s.kept {
		s.opts.Log("the history of the load is not kept: %v", err)
	}
	s.kept = text
}

// sweep removes what power cuts have left while the file was written.
func (s *Sampler) sweep(dir string) {
	left, err := filepath.Glob(filepath.Join(dir, "."+filepath.Base(s.opts.File)+".*"))
	if err != nil {
		return // a folder whose name is a pattern: nothing of an appliance's
	}
	for _, file := range left {
		_ = os.Remove(file) // it costs some space, no more
	}
}
