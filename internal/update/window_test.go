package update

import (
	"testing"
	"time"
)

func TestWindow(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		tm, err := time.ParseInLocation("2006-01-02 15:04", text, berlin)
		if err != nil {
			t.Fatal(err)
		}
		return tm
	}
	night := Window{From: 2 * 60, To: 5 * 60, Zone: berlin}
	sunday := Window{Days: []time.Weekday{time.Sunday}, From: 22 * 60, To: 4 * 60, Zone: berlin}
	for name, test := range map[string]struct {
		window    Window
		now, next string // next "" is now
	}{
		"always":                         {Window{}, "2026-11-26 12:00", ""},
		"before":                         {night, "2026-11-26 01:59", "2026-11-26 02:00"},
		"at its beginning":               {night, "2026-11-26 02:00", ""},
		"within":                         {night, "2026-11-26 04:59", ""},
		"at its end":                     {night, "2026-11-26 05:00", "2026-11-27 02:00"},
		"a day of the week":              {sunday, "2026-11-26 12:00", "2026-11-29 22:00"},
		"over midnight":                  {sunday, "2026-11-30 03:59", ""},
		"over midnight, past its end":    {sunday, "2026-11-30 04:00", "2026-12-06 22:00"},
		"another day's night":            {sunday, "2026-12-01 02:00", "2026-12-06 22:00"},
		"the night that has no 2 am":     {night, "2026-03-29 01:30", "2026-03-29 03:00"},
		"that night, at 4":               {night, "2026-03-29 04:00", ""},
		"the night that has 2 am twice":  {night, "2026-10-25 04:30", ""},
		"all of a day":                   {Window{Days: []time.Weekday{time.Saturday}, Zone: berlin}, "2026-11-26 12:00", "2026-11-28 00:00"},
		"all of a day, within":           {Window{Days: []time.Weekday{time.Saturday}, Zone: berlin}, "2026-11-28 23:59", ""},
		"the last day of the year":       {night, "2026-12-31 06:00", "2027-01-01 02:00"},
		"the whole week but from 0 to 0": {Window{From: 0, To: 0}, "2026-11-28 23:59", ""},
	} {
		t.Run(name, func(t *testing.T) {
			now := at(test.now)
			want := now
			if test.next != "" {
				want = at(test.next)
			}
			if got := test.window.Next(now); !got.Equal(want) {
				t.Errorf("next is %v, want %v", got, want)
			}
			if open := test.window.Open(now); open != (test.next == "") {
				t.Errorf("open: %v", open)
			}
		})
	}
}
