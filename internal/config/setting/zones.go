package setting

import (
	_ "embed"
	"strings"

	"github.com/ingotvm/ingot/internal/appliance/syntax"
)

// zonesText has a line for each name of the IANA time zone database: one that
// is in use (those of zone.tab, UTC and Etc/…), or an old name and the one
// that took its place. Only facts: the database is in the public domain. The
// images of the appliance hold the zones, so whether a name is one of them
// can be said without looking there.
//
//go:embed zones.txt
var zonesText string

// zones are the names in use, in order.
func zones() []string {
	var names []string
	for line := range strings.Lines(zonesText) {
		if name := strings.TrimSuffix(line, "\n"); !strings.Contains(name, " ") {
			names = append(names, name)
		}
	}
	return names
}

// currentZone is the name in use of a zone given by an old name or in another
// case, or "" when there is none.
func currentZone(zone string) string {
	for line := range strings.Lines(zonesText) {
		name, current, old := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !strings.EqualFold(name, zone) {
			continue
		}
		if old {
			return current
		}
		return name
	}
	return ""
}

// nearestZone is the zone that somebody probably meant: one of that city, or
// one with a slip in it; "" when there is none.
func nearestZone(zone string) string {
	byLower := map[string]string{}
	var lower, cities []string
	byCity := map[string]string{}
	for _, name := range zones() {
		l := strings.ToLower(name)
		byLower[l], lower = name, append(lower, l)
		city := l[strings.LastIndexByte(l, '/')+1:]
		byCity[city], cities = name, append(cities, city)
	}
	want := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(zone)), " ", "_")
	if name := byCity[want[strings.LastIndexByte(want, '/')+1:]]; name != "" {
		return name
	}
	if strings.Contains(want, "/") {
		return byLower[syntax.Nearest(want, lower)]
	}
	return byCity[syntax.Nearest(want, cities)]
}
