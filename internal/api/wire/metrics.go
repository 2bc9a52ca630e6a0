package wire

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Metrics is the answer of GET /v1/metrics: the load over a range of time. The
// points of all series are of the same times.
type Metrics struct {
	// Range is hour, day or week.
	Range string `json:"range"`
	// Step is how many seconds each point stands for.
	Step int64 `json:"step"`
	// End is when the last point's time ends.
	End    time.Time `json:"end"`
	Series []Series  `json:"series"`
}

// Series is one quantity over time.
type Series struct {
	// Name says what was measured, of the machine or, with a service, of it.
	Name string `json:"name" jsonschema:"enum=cpu,enum=memory,enum=disk,enum=disk.read,enum=disk.written,enum=network.in,enum=network.out,enum=service.cpu,enum=service.memory"`
	// Title is the service's.
	Title string `json:"title,omitempty"`
	Unit  string `json:"unit" jsonschema:"enum=percent,enum=bytes,enum=bytes/s"`
	// Service is its name.
	Service string `json:"service,omitempty"`
	// Total is how much there is in all, where that is known. Processors have
	// 100 percent, however many they are; a service's load is of all of them.
	Total float64 `json:"total,omitempty"`
	// Points are means, the oldest first; null where nothing is known.
	Points Points `json:"points"`
	// Maxima are the highest values in the times of the points, in ranges
	// where these are means of many.
	Maxima Points `json:"maxima,omitempty"`
}

// The names of series.
const (
	MetricCPU           = "cpu"
	MetricMemory        = "memory"
	MetricDisk          = "disk"
	MetricDiskRead      = "disk.read"
	MetricDiskWritten   = "disk.written"
	MetricNetworkIn     = "network.in"
	MetricNetworkOut    = "network.out"
	MetricServiceCPU    = "service.cpu"
	MetricServiceMemory = "service.memory"
)

// The units of series.
const (
	UnitPercent = "percent"
	UnitBytes   = "bytes"
	UnitRate    = "bytes/s"
)

// MetricRanges are the ranges of GET /v1/metrics, the shortest first.
func MetricRanges() []string { return []string{"hour", "day", "week"} }

// Points are numbers of which some may not be known: NaN here, null in JSON.
type Points []float64

// MarshalJSON writes what is no number as null.
func (p Points) MarshalJSON() ([]byte, error) {
	b := make([]byte, 1, 2+8*len(p))
	b[0] = '['
	for i, v := range p {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			b = append(b, "null"...)
			continue
		}
		b = strconv.AppendFloat(b, v, 'f', -1, 64)
	}
	return append(b, ']'), nil
}

// UnmarshalJSON reads null as NaN. An answer has thousands of points, and the
// pages read it each time: this takes a third of what package json would.
func (p *Points) UnmarshalJSON(data []byte) error {
	text := string(bytes.TrimSpace(data))
	if text == "null" {
		*p = nil
		return nil
	}
	text, opened := strings.CutPrefix(text, "[")
	text, closed := strings.CutSuffix(text, "]")
	if !opened || !closed {
		return errors.New("points are no list")
	}
	*p = Points{}
	if strings.TrimSpace(text) == "" {
		return nil
	}
	*p = make(Points, 0, 1+strings.Count(text, ","))
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item == "null" {
			*p = append(*p, math.NaN())
			continue
		}
		v, err := strconv.ParseFloat(item, 64)
		if err != nil {
			return fmt.Errorf("a point is no number: %w", err)
		}
		*p = append(*p, v)
	}
	return nil
}
