package setting

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ingotvm/ingot/internal/appliance"
)

// Time is the time zone and where the time comes from.
type Time struct {
	// The zone by its name in the IANA database: Europe/Berlin, UTC.
	Zone string `json:"zone"`
	// NTP servers; empty means those that DHCP brings, and otherwise Debian's pool.
	Servers []string `json:"servers,omitempty"`
}

const (
	zoneFolder     = "/usr/share/zoneinfo"
	localtimeFile  = "/etc/localtime"
	timesyncdFile  = "/run/systemd/timesyncd.conf.d/50-ingot.conf"
	timesyncdUnit  = "systemd-timesyncd.service"
	synchronisedAt = "/run/systemd/timesync/synchronized" // systemd-timesyncd.service(8)
	netifState     = "/run/systemd/netif/state"
	maxTimeServers = 8
)

type clock struct{}

func (clock) Key() string { return "time" }

func (clock) Default(env Env, d *Document) { d.Time = Time{Zone: "UTC"} }

func (clock) Properties(env Env) []Property {
	return []Property{
		{
			Key: "time.zone", Title: "Time zone", Group: "Time", Step: StepTime, Type: String, Required: true,
			Help:    "The name of the zone in the IANA database: a continent and a city, or UTC.",
			Default: "UTC", Example: "Europe/Berlin", Options: zoneOptions(),
			Get: func(d *Document) string { return d.Time.Zone },
			Set: func(env Env, d *Document, text string) error {
				zone, message, hint := checkZone(strings.TrimSpace(text))
				if message != "" {
					return phrase(message, hint)
				}
				d.Time.Zone = zone
				return nil
			},
		},
		{
			Key: "time.servers", Title: "Time servers", Group: "Time", Step: StepTime, Type: Names,
			Help:    "NTP servers, separated by spaces. Without any, those that DHCP names are asked, and otherwise Debian's pool.",
			Example: "ntp1.example.com ntp2.example.com",
			Get:     func(d *Document) string { return strings.Join(d.Time.Servers, " ") },
			Set: func(env Env, d *Document, text string) error {
				servers := fields(text)
				for i, server := range servers {
					servers[i] = strings.ToLower(server)
				}
				if found := checkTimeServers(servers); len(found) > 0 {
					return errors.New("cannot be used: " + found[0].Message)
				}
				d.Time.Servers = servers
				return nil
			},
		},
	}
}

// zoneOptions are the names in use, for lists; old names are taken as well.
func zoneOptions() []Option {
	options := []Option{{Value: "UTC", Title: "UTC"}}
	for _, name := range zones() {
		if name != "UTC" {
			options = append(options, Option{Value: name, Title: strings.ReplaceAll(name, "_", " ")})
		}
	}
	return options
}

// phrase is the error of a property: what is wrong, and what to do.
func phrase(message, hint string) error {
	if hint != "" {
		message += "; " + hint
	}
	return errors.New(message)
}

// checkZone is the name in use of a zone, or what is wrong with it.
func checkZone(zone string) (name, message, hint string) {
	if zone == "" {
		return "", "is missing", "UTC is always right"
	}
	if name := currentZone(zone); name != "" {
		return name, "", ""
	}
	message, hint = "is not a time zone", "give a continent and a city, as in Europe/Berlin, or UTC"
	if near := nearestZone(zone); near != "" {
		hint = "did you mean " + near + "?"
	}
	return "", message, hint
}

func checkTimeServers(servers []string) problems {
	var found problems
	if len(servers) > maxTimeServers {
		found.add("time.servers", fmt.Sprintf("there are more than %d time servers", maxTimeServers), "")
	}
	for i, server := range servers {
		host := appliance.Setting{Type: "host"}
		if canonical, err := host.Parse(server); err != nil || canonical != server {
			found.add(fmt.Sprintf("time.servers[%d]", i), fmt.Sprintf("%q is not the name or address of a server", server), "")
		}
	}
	return found
}

func (clock) Validate(env Env, d *Document) []Problem {
	var found problems
	name, message, hint := checkZone(d.Time.Zone)
	if message == "" && name != d.Time.Zone {
		message, hint = "is another name of "+name, "write "+name
	}
	if message != "" {
		found.add("time.zone", fmt.Sprintf("%q %s", d.Time.Zone, message), hint)
	}
	return append(found, checkTimeServers(d.Time.Servers)...)
}

func (clock) Files(env Env, d *Document) ([]File, error) {
	files := []File{
		{Path: localtimeFile, Link: zoneFolder + "/" + d.Time.Zone},
		{Path: "/etc/timezone", Data: []byte(d.Time.Zone + "\n")},
	}
	if len(d.Time.Servers) > 0 {
		files = append(files, File{Path: timesyncdFile, Data: []byte("[Time]\nNTP=" + strings.Join(d.Time.Servers, " ") + "\n")})
	}
	return files, nil
}

// Apply restarts the client of NTP. For a new zone alone that would not be
// needed, but costs nothing: the clock keeps its time.
func (clock) Apply(ctx context.Context, sys *System, env Env, d *Document, changed bool) error {
	if !changed {
		return nil
	}
	return sys.Units.Restart(ctx, timesyncdUnit)
}

func (clock) Verify(ctx context.Context, sys *System, env Env, d *Document) error {
	if zone := zoneInForce(sys); zone != d.Time.Zone {
		return fmt.Errorf("the time zone is %q, not %q", zone, d.Time.Zone)
	}
	return nil
}

// zoneInForce is the zone that local time goes by, "" when there is none.
func zoneInForce(sys *System) string {
	target, err := os.Readlink(filepath.Join(sys.Root, localtimeFile))
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(target, zoneFolder+"/")
}

func (clock) Actual(ctx context.Context, sys *System, env Env, d *Document) ([]Fact, error) {
	zone := zoneInForce(sys)
	own := valueIn(sys, timesyncdFile, "NTP")
	wanted := strings.Join(d.Time.Servers, " ")
	servers := own
	if servers == "" {
		servers = valueIn(sys, netifState, "NTP")
	}
	if servers == "" {
		servers = "Debian's pool"
	}
	synchronised := "not yet"
	if _, err := os.Stat(filepath.Join(sys.Root, synchronisedAt)); err == nil {
		synchronised = "synchronised"
	}
	return []Fact{
		{Name: "time zone", Wanted: d.Time.Zone, Actual: zone, Differs: zone != d.Time.Zone},
		{Name: "time servers", Wanted: wanted, Actual: servers, Differs: wanted != own},
		{Name: "clock", Wanted: "synchronised", Actual: synchronised, Differs: synchronised != "synchronised"},
	}, nil
}

// valueIn is the value of a key in a file of lines KEY=VALUE, "" when there is
// none.
func valueIn(sys *System, path, key string) string {
	data, err := os.ReadFile(filepath.Join(sys.Root, path))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			return value
		}
	}
	return ""
}
