package acceptance

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
)

// finding is what judging the facts yields for one check: what is wrong, or,
// when nothing is, what was seen.
type finding struct {
	name  string
	wrong []string
	seen  string
}

func (f finding) err() error {
	if len(f.wrong) == 0 {
		return nil
	}
	return errors.New(strings.Join(f.wrong, "\n"))
}

// judge holds the facts against what every appliance promises. def may be nil.
func judge(c wire.Checks, def *appliance.Definition) []finding {
	return []finding{
		allFactsKnown(c),
		noFailedUnit(c),
		noUndeclaredPort(c, def),
		nothingElseWritable(c),
	}
}

// allFactsKnown: where a fact could not be found out, its absence below
// proves nothing.
func allFactsKnown(c wire.Checks) finding {
	f := finding{name: "the appliance can tell its facts", wrong: c.Errors}
	if len(c.Processes) == 0 {
		f.wrong = append(f.wrong, "it tells of no process")
	}
	if len(c.Writable) == 0 {
		f.wrong = append(f.wrong, "it tells of nothing writable, though /run must be")
	}
	f.seen = fmt.Sprintf("%d processes", len(c.Processes))
	return f
}

func noFailedUnit(c wire.Checks) finding {
	f := finding{name: "no failed unit"}
	for _, u := range c.FailedUnits {
		text := fmt.Sprintf("%s failed (%s)", u.Name, u.Result)
		if u.LogTail != "" {
			text += ":\n" + u.LogTail
		}
		f.wrong = append(f.wrong, text)
	}
	return f
}

// noUndeclaredPort asks the definition itself where there is one, so that an
// agent that is mistaken does not hide a port.
func noUndeclaredPort(c wire.Checks, def *appliance.Definition) finding {
	f := finding{name: "no undeclared port"}
	var open []string
	for _, l := range c.Listening {
		if l.Loopback {
			continue
		}
		name := fmt.Sprintf("%s/%d", l.Protocol, l.Port)
		if l.Declared && (def == nil || expected(l, def)) {
			if !slices.Contains(open, name) {
				open = append(open, name)
			}
			continue
		}
		text := l.Protocol + " " + net.JoinHostPort(l.Address, strconv.Itoa(l.Port))
		if l.Process != "" {
			text += " (" + l.Process + ")"
		}
		f.wrong = append(f.wrong, text+" is open and no service declares it")
	}
	f.seen = "open: " + strings.Join(open, ", ")
	return f
}

func expected(l wire.Listening, def *appliance.Definition) bool {
	if l.Protocol == "tcp" && l.Port == ManagementPort {
		return true
	}
	// The clients of DHCP (RFC 2131) and DHCPv6 (RFC 8415).
	if l.Protocol == "udp" && (l.Port == 68 || l.Port == 546) {
		return true
	}
	return listens(def, l.Protocol, l.Port)
}

func nothingElseWritable(c wire.Checks) finding {
	f := finding{name: "nothing writable besides data disk and memory"}
	memory, data := 0, 0
	for _, m := range c.Writable {
		switch m.Place {
		case wire.PlaceMemory:
			memory++
		case wire.PlaceData:
			data++
		default:
			f.wrong = append(f.wrong, fmt.Sprintf("%s (%s of %s) can be written to", m.MountPoint, m.FSType, m.Source))
		}
	}
	f.seen = fmt.Sprintf("%d mounts of the data disk, %d of memory", data, memory)
	return f
}
