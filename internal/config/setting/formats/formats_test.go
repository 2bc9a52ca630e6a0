package formats

import (
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden file anew")

// TestFormats keeps what every tag makes of dates and numbers.
func TestFormats(t *testing.T) {
	zone := time.FixedZone("here", 2*60*60)
	var b strings.Builder
	for _, known := range append(All(), Format{Tag: "xx-XX", Title: "unknown"}) {
		l := Of(known.Tag)
		fmt.Fprintf(&b, "%s %s\n", known.Tag, known.Title)
		for _, at := range []time.Time{
			time.Date(2026, 3, 9, 7, 5, 59, 0, zone), time.Date(2026, 11, 25, 0, 0, 0, 0, zone), time.Date(2026, 12, 31, 23, 59, 0, 0, time.UTC),
		} {
			fmt.Fprintf(&b, "  %q %q %q\n", l.Date(at), l.DateTime(at), l.Clock(at))
		}
		b.WriteString(" ")
		for _, n := range []int64{0, 7, 999, 1000, 12345, -1234567, math.MaxInt64, math.MinInt64} {
			fmt.Fprintf(&b, " %+q", l.Number(n))
		}
		b.WriteString("\n ")
		for _, n := range []int64{0, 1023, 1024, 1536, 40 << 20, 1288490188, 1048524, 1048525, 5 << 40, -2048, math.MaxInt64} {
			fmt.Fprintf(&b, " %+q", l.Size(n))
		}
		b.WriteString("\n")
	}
	const golden = "testdata/formats.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != string(want) {
		t.Errorf("%s differs (go test -update writes it anew)\n--- got\n%s\n--- want\n%s", golden, got, want)
	}
}
