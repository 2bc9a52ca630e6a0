package metrics

import (
	"math"
	"time"
)

// size is the number of points of a series in each range.
const size = 360

// span is a range, and how many seconds a point of it stands for.
type span struct {
	name string
	step int64
}

// spans are the ranges, the shortest first.
var spans = [...]span{{"hour", 10}, {"day", 4 * 60}, {"week", 28 * 60}}

// patience is how many samples in turn a clock that was set back must be seen
// before it is believed: 10 minutes of them.
const patience = 60

// track is one series in one range: rings, in which the slot of time number n
// has place n modulo size.
type track struct {
	mean [size]float32 // NaN is a gap
	// peak is the maximum; nil in the shortest range, where it is the mean.
	peak *[size]float32
	// n is how many samples the newest point is made of.
	n uint16
}

// series is one quantity in all ranges.
type series struct {
	key    string
	tracks [len(spans)]track
}

func newSeries(key string) *series {
	s := &series{key: key}
	for i := range s.tracks {
		if i > 0 {
			s.tracks[i].peak = new([size]float32)
		}
		for at := range size {
			s.tracks[i].clear(at)
		}
	}
	return s
}

var gap = float32(math.NaN())

func (t *track) clear(at int) {
	t.mean[at] = gap
	if t.peak != nil {
		t.peak[at] = gap
	}
}

// add makes a sample part of the point at that place.
func (t *track) add(at int, value float32) {
	if isGap(value) {
		return
	}
	if t.n == 0 || isGap(t.mean[at]) {
		t.clear(at)
		t.mean[at], t.n = value, 0
	}
	t.n++
	t.mean[at] += (value - t.mean[at]) / float32(t.n)
	if t.peak != nil && !(t.peak[at] >= value) { // a gap is less than everything
		t.peak[at] = value
	}
}

func isGap(value float32) bool { return value != value }

// history is all series. The numbers of slots of time count from 1970.
type history struct {
	// last is the newest slot of each range, 0 before the first sample.
	last   [len(spans)]int64
	series []*series
	// behind is how many samples came with a time before the newest slot.
	behind int
}

func newHistory(keys []string) *history {
	h := &history{}
	for _, key := range keys {
		h.series = append(h.series, newSeries(key))
	}
	return h
}

// add remembers a sample: a value for each series, in their order.
func (h *history) add(now time.Time, values []float32) {
	if !h.advance(now) {
		return
	}
	for i, s := range h.series {
		for r := range s.tracks {
			s.tracks[r].add(int(h.last[r]%size), values[i])
		}
	}
}

// advance opens the slots of a time; it says whether that can be.
func (h *history) advance(now time.Time) bool {
	seconds := now.Unix()
	if seconds < spans[len(spans)-1].step { // no clock of ours
		return false
	}
	for r, span := range spans {
		if seconds/span.step < h.last[r] {
			if h.behind++; h.behind <= patience {
				return false
			}
			h.forgetAfter(seconds)
			break
		}
	}
	h.behind = 0
	for r, span := range spans {
		slot := seconds / span.step
		for n := max(h.last[r]+1, slot-size+1); n <= slot; n++ {
			h.clear(r, n)
		}
		h.last[r] = slot
	}
	return true
}

// forgetAfter takes the newest slots away, up to those of a time.
func (h *history) forgetAfter(seconds int64) {
	for r, span := range spans {
		slot := seconds / span.step
		for n := max(slot, h.last[r]-size+1); n <= h.last[r]; n++ {
			h.clear(r, n)
		}
		h.last[r] = min(h.last[r], slot)
	}
}

func (h *history) clear(r int, slot int64) {
	for _, s := range h.series {
		s.tracks[r].clear(int(slot % size))
		s.tracks[r].n = 0
	}
}

// window are the slots of a range that one looks at: those up to the newest,
// or to now when that is older than it may be.
func (h *history) window(r int, now time.Time) (first, last int64) {
	last = h.last[r]
	if slot := now.Unix() / spans[r].step; slot > last+1 {
		last = slot
	}
	return last - size + 1, last
}

// points are the values of a ring in a window, the oldest first.
func (h *history) points(r int, ring *[size]float32, first, last int64) []float64 {
	list := make([]float64, 0, size)
	for n := first; n <= last; n++ {
		if n < 0 || n > h.last[r] || n <= h.last[r]-size {
			list = append(list, math.NaN())
			continue
		}
		list = append(list, float64(ring[n%size]))
	}
	return list
}
