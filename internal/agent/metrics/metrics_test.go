package metrics

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// box is a made-up machine whose counters go as a test lets them.
type box struct {
	t    *testing.T
	root string
	up   float64 // seconds
	busy, idle,
	read, written, in, out, usage uint64
	// ahead is added to the time of day.
	ahead time.Duration
}

func newBox(t *testing.T) *box {
	t.Helper()
	b := &box{t: t, root: t.TempDir(), up: 100, busy: 1000, idle: 9000, in: 1 << 40, usage: 5_000_000}
	for _, dir := range []string{"sys/block/vda/device", "sys/block/dm-0", "sys/class/net/eth0/device", "sys/class/net/br0"} {
		if err := os.MkdirAll(filepath.Join(b.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b.write()
	return b
}

func (b *box) file(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) remove(name string) {
	b.t.Helper()
	if err := os.RemoveAll(filepath.Join(b.root, name)); err != nil {
		b.t.Fatal(err)
	}
}

// webGroup is where the kernel counts what the service web uses.
const webGroup = "sys/fs/cgroup/system.slice/app-web.service"

func (b *box) write() {
	b.t.Helper()
	b.file("proc/uptime", fmt.Sprintf("%.2f 1.00\n", b.up))
	b.file("proc/stat", fmt.Sprintf("cpu  %d 0 0 %d 0 0 0 0 0 0\ncpu0 1 0 0 1 0 0 0 0 0 0\ncpu1 1 0 0 1 0 0 0 0 0 0\nintr 12 3\n", b.busy, b.idle))
	b.file("proc/meminfo", "MemTotal: 1024 kB\nMemFree: 1 kB\nMemAvailable: 256 kB\n")
	b.file("proc/diskstats", fmt.Sprintf(" 252 0 vda 5 0 %d 7 5 0 %d 0 0 0\n 252 1 vda1 5 0 99 7 5 0 99 0 0 0\n 253 0 dm-0 5 0 %[1]d 7 5 0 %[2]d 0 0 0\n", b.read/512, b.written/512))
	b.file("proc/net/dev", fmt.Sprintf("Inter-| x\n face |bytes\n    lo: 9 0 0 0 0 0 0 0 9 0\n  eth0:%d 0 0 0 0 0 0 0 %d 0\n   br0: %[1]d 0 0 0 0 0 0 0 %[2]d 0\n", b.in, b.out))
	b.file(webGroup+"/cpu.stat", fmt.Sprintf("usage_usec %d\nuser_usec 1\n", b.usage))
	b.file(webGroup+"/memory.current", "300000\n")
	b.file(webGroup+"/memory.stat", "anon 1\ninactive_file 100000\n")
}

// busyFor lets the machine run, busy in measured ways, for some seconds.
func (b *box) busyFor(seconds float64) {
	b.up += seconds
	s := uint64(seconds)
	b.busy += 50 * s
	b.idle += 150 * s
	b.read += 4096 * s
	b.written += 512 * s
	b.in += 1000 * s
	b.out += 10 * s
	b.usage += 200_000 * s
	b.write()
}

func (b *box) options() Options {
	return Options{
		Root: b.root, DataDir: "/data", Services: []Service{{"web", "Web server", "app-web.service"}, {"db", "Database", "mariadb.service"}},
		Space: func(string) (int64, int64, error) { return 70, 100, nil },
		Now:   func() time.Time { return time.Now().Add(b.ahead) },
		Log:   b.t.Logf,
	}
}

// step lets ten seconds go, and measures.
func (b *box) step(s *Sampler) {
	b.busyFor(10)
	time.Sleep(10 * time.Second)
	s.measure()
}

func (b *box) steps(s *Sampler, n int) {
	for range n {
		b.step(s)
	}
}

// find is a series of the answer.
func find(t *testing.T, m wire.Metrics, name, service string) wire.Series {
	t.Helper()
	i := slices.IndexFunc(m.Series, func(s wire.Series) bool { return s.Name == name && s.Service == service })
	if i < 0 {
		t.Fatalf("there is no series %s %s", name, service)
	}
	return m.Series[i]
}

// sleepToWeekPoint waits until a point of the week, and so of all, begins.
func sleepToWeekPoint() {
	const step = 28 * 60
	time.Sleep(time.Duration(step-time.Now().Unix()%step) * time.Second)
}

func newest(s wire.Series) float64 { return s.Points[len(s.Points)-1] }

// known are the points that are no gaps.
func known(points wire.Points) (list []float64) {
	for _, p := range points {
		if !math.IsNaN(p) {
			list = append(list, p)
		}
	}
	return list
}

func TestWhatIsMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t)
		s := New(b.options())
		s.measure()
		b.steps(s, 3)
		m := s.Metrics("hour")
		if m.Range != "hour" || m.Step != 10 || len(m.Series) != 11 || !m.End.Equal(time.Now().Add(10*time.Second)) {
			t.Errorf("range %s, step %d, end %v, %d series", m.Range, m.Step, m.End, len(m.Series))
		}
		for _, want := range []struct {
			name, service, unit string
			value, total        float64
			points              int // rates begin with the second reading
		}{
			{"cpu", "", "percent", 25, 100, 3},
			{"memory", "", "bytes", 768 << 10, 1 << 20, 4},
			{"disk", "", "bytes", 30, 100, 4},
			{"disk.read", "", "bytes/s", 4096, 0, 3},
			{"disk.written", "", "bytes/s", 512, 0, 3},
			{"network.in", "", "bytes/s", 1000, 0, 3},
			{"network.out", "", "bytes/s", 10, 0, 3},
			{"service.cpu", "web", "percent", 10, 0, 3}, // a fifth of one of two
			{"service.memory", "web", "bytes", 200000, 0, 4},
			{"service.cpu", "db", "percent", math.NaN(), 0, 0},
			{"service.memory", "db", "bytes", math.NaN(), 0, 0},
		} {
			got := find(t, m, want.name, want.service)
			value := newest(got)
			same := value == want.value || math.IsNaN(value) && math.IsNaN(want.value)
			if !same || got.Unit != want.unit || got.Total != want.total || len(known(got.Points)) != want.points || len(got.Points) != size || got.Maxima != nil {
				t.Errorf("%s %s = %v %s of %v, %d points known; want %+v", want.name, want.service, value, got.Unit, got.Total, len(known(got.Points)), want)
			}
		}
		if web := find(t, m, "service.cpu", "web"); web.Title != "Web server" {
			t.Errorf("the service's title is %q", web.Title)
		}
		if got := s.Metrics("year"); len(got.Series) != 0 {
			t.Errorf("a range that is none has %d series", len(got.Series))
		}
	})
}

// TestMeansAndMaxima looks at a day and a week in which the load doubled once.
func TestMeansAndMaxima(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sleepToWeekPoint()
		b := newBox(t)
		s := New(b.options())
		s.measure()
		b.steps(s, 23) // to the end of four minutes
		b.busyFor(10)
		b.in += 240_000 // a moment of 25,000 bytes/s
		b.write()
		time.Sleep(10 * time.Second)
		s.measure()
		b.steps(s, 23)
		in := find(t, s.Metrics("day"), "network.in", "")
		if got := known(in.Points); !slices.Equal(got, []float64{1000, 2000}) {
			t.Errorf("the means of the day are %v", got)
		}
		if got := known(in.Maxima); !slices.Equal(got, []float64{1000, 25000}) {
			t.Errorf("the maxima of the day are %v", got)
		}
		in = find(t, s.Metrics("week"), "network.in", "")
		if got, peak := known(in.Points), known(in.Maxima); len(got) != 1 || math.Abs(got[0]-1511) > 1 || !slices.Equal(peak, []float64{25000}) {
			t.Errorf("the week is %v, %v", got, peak)
		}
	})
}

// TestGaps: after what makes a difference worthless comes a gap, and then the
// load as before, never more than it was.
func TestGaps(t *testing.T) {
	all := []string{"cpu", "disk.read", "disk.written", "network.in", "network.out", "service.cpu"}
	for name, test := range map[string]struct {
		// happens in the middle, before ten seconds go and are measured.
		happens func(b *box, s *Sampler)
		gaps    []string
	}{
		"nothing":              {func(*box, *Sampler) {}, nil},
		"a counter of links":   {func(b *box, _ *Sampler) { b.in = 5 }, []string{"network.in", "network.out"}},
		"a counter of disks":   {func(b *box, _ *Sampler) { b.written = 0 }, []string{"disk.read", "disk.written"}},
		"counters of the CPUs": {func(b *box, _ *Sampler) { b.busy, b.idle = 1, 1 }, []string{"cpu"}},
		"the service restarts": {func(b *box, _ *Sampler) { b.usage = 0 }, []string{"service.cpu"}},
		"another machine":      {func(b *box, _ *Sampler) { b.up = 3 }, all},
		"a long pause":         {func(b *box, _ *Sampler) { b.busyFor(3000) }, all},
		"two in a moment":      {func(b *box, _ *Sampler) { b.up -= 9.9 }, all},
		"no uptime":            {func(b *box, s *Sampler) { b.remove("proc/uptime"); s.measure() }, all},
		"no processors":        {func(b *box, s *Sampler) { b.remove("proc/stat"); s.measure() }, []string{"cpu"}},
		"odd processors": {func(b *box, s *Sampler) {
			b.file("proc/stat", "cpu  x 0 0 1 0 0 0 0\ncpu0 1 2 3 4 5 6 7 8\n")
			s.measure()
		}, []string{"cpu"}},
		"no links":           {func(b *box, s *Sampler) { b.remove("proc/net"); s.measure() }, []string{"network.in", "network.out"}},
		"no disks":           {func(b *box, s *Sampler) { b.file("proc/diskstats", "odd\n"); s.measure() }, []string{"disk.read", "disk.written"}},
		"the service is off": {func(b *box, s *Sampler) { b.remove(webGroup); s.measure() }, []string{"service.cpu"}},
		"nothing at all":     {func(b *box, s *Sampler) { b.remove("proc"); b.remove("sys/fs"); s.measure() }, all},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBox(t)
				s := New(b.options())
				s.measure()
				b.steps(s, 2)
				test.happens(b, s)
				b.step(s)
				check := func(when string, gaps []string) {
					t.Helper()
					for _, name := range all {
						service := ""
						if name == "service.cpu" {
							service = "web"
						}
						one := find(t, s.Metrics("hour"), name, service)
						usual := known(one.Points)[0]
						if got := math.IsNaN(newest(one)); got != slices.Contains(gaps, name) {
							t.Errorf("%s %s: the newest is %v", name, when, newest(one))
						}
						for _, p := range known(one.Points) {
							if math.Abs(p-usual) > usual*0.02 {
								t.Errorf("%s %s: %v, while it is %v else", name, when, p, usual)
							}
						}
					}
				}
				check("at once", test.gaps)
				b.step(s)
				check("afterwards", nil)
			})
		})
	}
}

// TestDevicesComeAndGo: what a new device has counted before is not load.
func TestDevicesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t)
		s := New(b.options())
		s.measure()
		b.step(s)
		b.busyFor(10)
		b.file("sys/class/net/eth1/device/x", "")
		b.file("proc/net/dev", fmt.Sprintf("eth0: %d 0 0 0 0 0 0 0 %d 0\neth1: 99999999999 0 0 0 0 0 0 0 5 0\n", b.in, b.out))
		time.Sleep(10 * time.Second)
		s.measure()
		if got := newest(find(t, s.Metrics("hour"), "network.in", "")); got != 1000 {
			t.Errorf("with a new adapter %v bytes/s came in", got)
		}
	})
}

// TestClock sets the time of day to and fro.
func TestClock(t *testing.T) {
	count := func(s *Sampler, span string) int {
		for _, one := range s.Metrics(span).Series {
			if one.Name == "memory" {
				return len(known(one.Points))
			}
		}
		return -1
	}
	synctest.Test(t, func(t *testing.T) {
		sleepToWeekPoint()
		b := newBox(t)
		s := New(b.options())
		b.steps(s, 30)
		for _, step := range []struct {
			what       string
			by         time.Duration
			samples    int
			hour, week int
		}{
			{"a little back", -20 * time.Second, 2, 30, 1},
			{"and on", 0, 10, 40, 1},
			{"half an hour on leaves a gap", 30 * time.Minute, 5, 45, 2},
			{"an hour back is not believed", -time.Hour, 60, 45, 2},
			{"until ten minutes have gone", 0, 1, 1, 1},
			{"and then on", 0, 9, 10, 1},
			{"ten years on", 10 * 365 * 24 * time.Hour, 3, 3, 1},
			{"to 1970", -60 * 365 * 24 * time.Hour, 100, 3, 1},
		} {
			b.ahead += step.by
			b.steps(s, step.samples)
			if hour, week := count(s, "hour"), count(s, "week"); hour != step.hour || week != step.week {
				t.Errorf("%s: %d points of the hour, %d of the week; want %d, %d", step.what, hour, week, step.hour, step.week)
			}
		}
	})
}

// TestHourIsRound: after many rounds an hour is an hour, a day a day.
func TestHourIsRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t)
		o := b.options()
		s := New(o)
		for i := range 3 * size {
			s.history.add(time.Now(), slices.Repeat([]float32{float32(i)}, 11))
			time.Sleep(10 * time.Second)
		}
		m := s.Metrics("hour")
		points := find(t, m, "cpu", "").Points
		for i, p := range points {
			if p != float64(2*size+i) {
				t.Fatalf("point %d is %v; want %d", i, p, 2*size+i)
			}
		}
		time.Sleep(10 * time.Minute) // nobody measures
		m = s.Metrics("hour")
		if got := known(find(t, m, "cpu", "").Points); len(got) != 299 || got[298] != 3*size-1 {
			t.Errorf("after ten minutes %d points are known", len(got))
		}
		if off := m.End.Sub(time.Now()); off < 0 || off > 10*time.Second {
			t.Errorf("the answer ends %v from now", off)
		}
	})
}

// TestRun measures in the middle of each slot, saves now and then and at the
// end, and goes on from there.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t)
		o := b.options()
		o.File = filepath.Join(b.root, "data/metrics/ring")
		time.Sleep(3 * time.Second)
		s := New(o)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		for range 29 {
			synctest.Wait()
			b.busyFor(10)
			time.Sleep(10 * time.Second)
		}
		synctest.Wait()
		first, err := os.Stat(o.File)
		if err != nil {
			t.Fatalf("after five minutes: %v", err)
		}
		if first.Mode().Perm() != 0o600 {
			t.Errorf("the file's mode is %v", first.Mode())
		}
		b.file("data/metrics/.ring.123", "left by a power cut")
		stop()
		<-done
		last, err := os.Stat(o.File)
		if err != nil || last.Size() != first.Size() || os.SameFile(first, last) {
			t.Errorf("at the end the file has %d bytes, as before %d: %v", last.Size(), first.Size(), err)
		}
		if left, _ := os.ReadDir(filepath.Dir(o.File)); len(left) != 1 {
			t.Errorf("left in the folder: %v", left)
		}
		before := s.Metrics("day")
		o.Services = []Service{{"db", "", "x.service"}, {"web", "", "app-web.service"}} // the order is another
		after := New(o).Metrics("day")
		for _, one := range before.Series {
			got := find(t, after, one.Name, one.Service)
			if fmt.Sprint(got.Points, got.Maxima) != fmt.Sprint(one.Points, one.Maxima) {
				t.Errorf("%s %s is another after a restart", one.Name, one.Service)
			}
		}
	})
}

// TestUntilNext hits each slot once, whenever one begins.
func TestUntilNext(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	for off := time.Duration(0); off < 20*time.Second; off += 333 * time.Millisecond {
		now := start.Add(off)
		next := now.Add(untilNext(now))
		if next.UnixMilli()%10_000 != 5000 || next.Sub(now) <= 0 || next.Sub(now) > every {
			t.Errorf("after %v comes %v", now.UTC(), next.UTC())
		}
	}
}

// TestFileThatCannotBeWritten is told of once, and stops nothing.
func TestFileThatCannotBeWritten(t *testing.T) {
	b := newBox(t)
	b.file("data", "no folder")
	o := b.options()
	o.File = filepath.Join(b.root, "data/metrics/ring")
	said := 0
	o.Log = func(string, ...any) { said++ }
	s := New(o) // cannot be read either, and says so
	s.save()
	s.save()
	if said != 2 {
		t.Errorf("the log has %d lines", said)
	}
}

func TestGroup(t *testing.T) {
	for unit, want := range map[string]string{
		"app-web.service":            "sys/fs/cgroup/system.slice/app-web.service",
		"postgresql@15-main.service": "sys/fs/cgroup/system.slice/system-postgresql.slice/postgresql@15-main.service",
		"my-db@a.service":            `sys/fs/cgroup/system.slice/system-my\x2ddb.slice/my-db@a.service`,
		"":                           "", "../../x": "", "..": "", "a/b": "",
	} {
		if got := group(unit); got != want {
			t.Errorf("group(%q) = %q; want %q", unit, got, want)
		}
	}
}

// TestRanges: the API's names are ours.
func TestRanges(t *testing.T) {
	var names []string
	for _, s := range spans {
		names = append(names, s.name)
	}
	if !slices.Equal(names, wire.MetricRanges()) {
		t.Errorf("the ranges are %v, the API has %v", names, wire.MetricRanges())
	}
}
