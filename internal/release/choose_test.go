package release

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

var day0 = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// channel is one whose entries are written as "1.2.0 >1.0.0 floor yanked".
func channel(t *testing.T, lines ...string) *Channel {
	t.Helper()
	c := &Channel{Format: 1, Product: "hello/amd64", Name: "stable"}
	for _, line := range lines {
		words := strings.Fields(line)
		e := Entry{Version: words[0], Added: day0}
		for _, w := range words[1:] {
			switch {
			case w == "floor":
				e.Floor = true
			case w == "yanked":
				e.Yanked = &Yank{At: day0, Reason: "it breaks"}
			case w[0] == '>':
				e.Minimum = w[1:]
			default:
				t.Fatalf("what is %q?", w)
			}
		}
		c.Releases = append(c.Releases, e)
	}
	if err := c.check(c.Product, c.Name); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestChoose(t *testing.T) {
	for name, test := range map[string]struct {
		channel []string
		current string
		pinned  string
		way     string
		blocked string
	}{
		"nothing newer":                     {[]string{"1.0.0"}, "1.0.0", "", "", ""},
		"older ones only":                   {[]string{"1.0.0", "1.1.0"}, "2.0.0", "", "", ""},
		"the newest":                        {[]string{"1.0.0", "1.1.0", "1.2.0"}, "1.0.0", "", "1.2.0", ""},
		"by value, not by letter":           {[]string{"1.9.0", "1.10.0"}, "1.0.0", "", "1.10.0", ""},
		"a floor is a stop":                 {[]string{"1.1.0", "1.2.0 floor", "1.3.0"}, "1.0.0", "", "1.2.0 1.3.0", ""},
		"two floors":                        {[]string{"1.1.0 floor", "1.2.0 floor", "1.3.0"}, "1.0.0", "", "1.1.0 1.2.0 1.3.0", ""},
		"past the floor":                    {[]string{"1.1.0", "1.2.0 floor", "1.3.0"}, "1.2.0", "", "1.3.0", ""},
		"a minimum":                         {[]string{"1.1.0", "1.2.0", "2.0.0 >1.2.0", "2.1.0 >2.0.0"}, "1.0.0", "", "1.2.0 2.0.0 2.1.0", ""},
		"a minimum that is met":             {[]string{"1.2.0", "2.0.0 >1.2.0"}, "1.2.5", "", "2.0.0", ""},
		"no way":                            {[]string{"2.0.0 >1.5.0"}, "1.0.0", "", "", "2.0.0"},
		"part of a way":                     {[]string{"1.1.0", "2.0.0 >1.5.0"}, "1.0.0", "", "1.1.0", "2.0.0"},
		"yanked":                            {[]string{"1.1.0", "1.2.0 yanked"}, "1.0.0", "", "1.1.0", ""},
		"all yanked":                        {[]string{"1.1.0 yanked"}, "1.0.0", "", "", ""},
		"a floor that cannot be reached":    {[]string{"1.2.0 >1.1.0 floor", "1.3.0"}, "1.0.0", "", "", "1.3.0"},
		"pinned":                            {[]string{"1.1.0", "1.2.0", "1.3.0"}, "1.0.0", "1.2.0", "1.2.0", ""},
		"pinned to what runs":               {[]string{"1.1.0"}, "1.0.0", "1.0.0", "", ""},
		"a prerelease is below its release": {[]string{"1.1.0-rc.1", "1.1.0"}, "1.1.0-rc.1", "", "1.1.0", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := channel(t, test.channel...).Choose(test.current, "i", day0, test.pinned)
			var way []string
			if got.Next != nil {
				way = append([]string{got.Next.Version}, got.Then...)
			}
			if strings.Join(way, " ") != test.way || got.Blocked != test.blocked {
				t.Errorf("the way is %v, blocked %q; want %q, %q", way, got.Blocked, test.way, test.blocked)
			}
		})
	}
}

// TestWaves looks at many instances.
func TestWaves(t *testing.T) {
	e := Entry{Version: "1.1.0", Added: day0, Waves: []Wave{{0, 10}, {Span(24 * time.Hour), 50}, {Span(72 * time.Hour), 100}}}
	const instances = 10000
	for after, want := range map[time.Duration]float64{
		-time.Second: 0, 0: 10, 23 * time.Hour: 10, 24 * time.Hour: 50, 100 * time.Hour: 100,
	} {
		offered := 0
		for i := range instances {
			id := fmt.Sprint("instance ", i)
			now := e.Offered(id, day0.Add(after))
			if now {
				offered++
			}
			if from := e.OfferedFrom(id); now != !day0.Add(after).Before(from) {
				t.Fatalf("%s is offered it from %v on, and after %v: %v", id, from, after, now)
			}
		}
		if share := float64(offered) / instances * 100; math.Abs(share-want) > 2 {
			t.Errorf("after %v it is offered to %.1f %%, want %.0f", after, share, want)
		}
	}
	// Another version begins with others.
	other := e
	other.Version = "1.2.0"
	both := 0
	for i := range instances {
		id := fmt.Sprint("instance ", i)
		if e.Offered(id, day0) && other.Offered(id, day0) {
			both++
		}
	}
	if both > instances/50 {
		t.Errorf("%d instances are first twice", both)
	}
	c := &Channel{Releases: []Entry{{Version: "1.1.0", Added: day0, Waves: []Wave{{Span(time.Hour), 100}}}}}
	got := c.Choose("1.0.0", "i", day0, "")
	if got.Next != nil || got.Waiting == nil || !got.Until.Equal(day0.Add(time.Hour)) {
		t.Errorf("before its wave: %+v", got)
	}
}
