package release

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
)

// Offered says whether a version is for an instance by now: it is not
// withdrawn, and its wave has reached the instance. Which instances a wave
// reaches first is another lot for each version.
func (e Entry) Offered(instance string, now time.Time) bool {
	if e.Yanked != nil {
		return false
	}
	if len(e.Waves) == 0 {
		return true
	}
	percent := 0
	for _, w := range e.Waves {
		if !now.Before(e.Added.Add(time.Duration(w.After))) {
			percent = w.Percent
		}
	}
	sum := sha256.Sum256([]byte(instance + "\x00" + e.Version))
	return binary.BigEndian.Uint64(sum[:])%100 < uint64(percent)
}

// OfferedFrom is when [Entry.Offered] becomes true; the zero time if never.
func (e Entry) OfferedFrom(instance string) time.Time {
	if e.Yanked != nil {
		return time.Time{}
	}
	if len(e.Waves) == 0 {
		return e.Added
	}
	for _, w := range e.Waves {
		if at := e.Added.Add(time.Duration(w.After)); e.Offered(instance, at) {
			return at
		}
	}
	return time.Time{}
}

// Choice is what an instance installs next.
type Choice struct {
	// Next is nil when there is nothing.
	Next *Entry
	// Then are the versions that follow on the way to the newest.
	Then []string
	// Waiting is a newer version whose wave has not reached the instance, and
	// Until when it does; nil when there is none.
	Waiting *Entry
	Until   time.Time
	// Blocked is a newer version to which no way leads: what it can be
	// installed over is not offered. "" when there is none.
	Blocked string
}

// Choose finds the way from the version that runs to the newest one that is
// offered to the instance; not beyond the version pinned, unless that is "".
// Every floor on the way is a stop, and so is what a later version has to be
// installed over.
func (c *Channel) Choose(current, instance string, now time.Time, pinned string) Choice {
	var choice Choice
	var open []Entry // offered, above the current one
	for _, e := range c.Releases {
		switch {
		case appliance.CompareVersions(e.Version, current) <= 0,
			pinned != "" && appliance.CompareVersions(e.Version, pinned) > 0:
		case e.Offered(instance, now):
			open = append(open, e)
		case e.Yanked == nil:
			choice.Waiting, choice.Until = &e, e.OfferedFrom(instance)
		}
	}
	var way []Entry
	for at := current; ; {
		i := furthest(open, at)
		if i < 0 {
			break
		}
		way, at, open = append(way, open[i]), open[i].Version, open[i+1:]
	}
	if len(open) > 0 {
		choice.Blocked = open[len(open)-1].Version
	}
	if len(way) == 0 {
		return choice
	}
	choice.Next = &way[0]
	for _, e := range way[1:] {
		choice.Then = append(choice.Then, e.Version)
	}
	if w := choice.Waiting; w != nil && appliance.CompareVersions(w.Version, way[len(way)-1].Version) < 0 {
		choice.Waiting, choice.Until = nil, time.Time{}
	}
	return choice
}

// furthest is the last of the versions that can be installed over one, without
// going past a floor; -1 when there is none.
func furthest(open []Entry, over string) int {
	last := -1
	for i, e := range open {
		if e.Minimum == "" || appliance.CompareVersions(over, e.Minimum) >= 0 {
			last = i
		}
		if e.Floor {
			break // also when it cannot be installed itself: nobody goes past it
		}
	}
	return last
}
