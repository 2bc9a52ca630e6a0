package update

import (
	"slices"
	"time"
)

// Window is when an appliance may install by itself: from From to To on Days,
// in minutes after midnight; a To that is not after From is on the next day.
// The zero value is always.
type Window struct {
	Days     []time.Weekday
	From, To int
	Zone     *time.Location
}

func (w Window) always() bool { return len(w.Days) == 0 && w.From == w.To }

// Open says whether t lies in the window.
func (w Window) Open(t time.Time) bool {
	_, open := w.around(t)
	return open
}

// Next is when the window is open next: t itself if it is.
func (w Window) Next(t time.Time) time.Time {
	next, _ := w.around(t)
	return next
}

// around looks at the windows of yesterday and the days to come. A time that
// does not exist, when clocks go forward, is as Go counts it: an hour later.
func (w Window) around(t time.Time) (next time.Time, open bool) {
	if w.always() {
		return t, true
	}
	zone := w.Zone
	if zone == nil {
		zone = time.UTC
	}
	local := t.In(zone)
	for day := -1; day <= 8; day++ {
		date := time.Date(local.Year(), local.Month(), local.Day()+day, 0, 0, 0, 0, zone)
		if len(w.Days) > 0 && !slices.Contains(w.Days, date.Weekday()) {
			continue
		}
		at := func(minutes int) time.Time {
			return time.Date(date.Year(), date.Month(), date.Day(), 0, minutes, 0, 0, zone)
		}
		begin, end := at(w.From), at(w.To)
		if w.To <= w.From {
			end = at(w.To + 24*60)
		}
		switch {
		case !t.Before(end):
		case !t.Before(begin):
			return t, true
		default:
			return begin, false
		}
	}
	return t, false // a week has a day of each
}
