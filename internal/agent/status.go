package agent

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ingotvm/ingot/internal/agent/firstboot"
	"github.com/ingotvm/ingot/internal/agent/health"
	"github.com/ingotvm/ingot/internal/agent/machine"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config"
)

// dhcpPatience is how long after the start a missing DHCP answer is still
// called waiting: networkd asks for the fourth time after 15 seconds or so.
const dhcpPatience = 15 * time.Second

// statusLife is how long a status is good for, so that many askers cost no
// more than one.
const statusLife = 500 * time.Millisecond

// statusCache keeps the last status for a moment.
type statusCache struct {
	mu     sync.Mutex
	at     time.Time
	status wire.Status
}

func (c *statusCache) drop() {
	c.mu.Lock()
	c.at = time.Time{}
	c.mu.Unlock()
}

// Status is how the appliance is. The caller must not change what it points to.
func (a *Agent) Status(ctx context.Context) wire.Status {
	a.cache.mu.Lock()
	defer a.cache.mu.Unlock()
	if a.cache.at.IsZero() || time.Since(a.cache.at) > statusLife {
		a.cache.status = a.status()
		a.cache.at = time.Now()
	}
	return a.cache.status
}

func (a *Agent) status() wire.Status {
	def := a.boot.Definition
	// Before everything else: services are judged by what is wanted of them
	// then or later, so that one which the set-up has just opened counts.
	revision, pending := a.engine.Current()
	a.mu.Lock()
	warnings, failed := slices.Clone(a.warnings), a.failed
	a.mu.Unlock()
	s := wire.Status{
		Name: def.Name, Title: def.Title, Vendor: def.Vendor, Version: def.Version, Variant: def.Variant,
		Agent:    a.opts.Version,
		Hostname: a.hostName(),
		Locale: wire.Locale{
			Language: revision.Document.Language.Language, Formats: revision.Document.Language.Formats, Zone: revision.Document.Time.Zone,
		},
		CPUs:        a.cpus,
		Fingerprint: a.certificates.fingerprint(),
		Warnings:    warnings,
	}
	note := func(err error) {
		if err != nil {
			s.Warnings = append(s.Warnings, err.Error())
		}
	}
	up, err := a.machine.Uptime()
	note(err)
	s.Uptime = int64(up / time.Second)
	s.Booted = time.Now().Add(-up).UTC().Truncate(time.Second)
	s.Memory, err = a.memory()
	note(err)
	links, err := a.links()
	note(err)
	s.Network = network(links, up, a.static())
	if len(links) == 0 {
		s.Warnings = append(s.Warnings, "there is no network adapter. Add one to the virtual machine")
	}
	if first, ok := firstAddress(links); ok {
		s.URLs = urls(def, first)
		s.Management = "https://" + net.JoinHostPort(first.String(), strconv.Itoa(a.opts.ManagementPort)) + "/"
	}
	s.Services = services(def, a.results())
	s.State = overall(s.Services, len(failed) > 0)
	a.addConfiguration(&s, revision, pending)
	s.Support = a.supportStatus()
	s.Notices = a.notices(s, failed)
	s.Warnings = nil
	for _, n := range s.Notices {
		if !strings.HasPrefix(n.ID, ofService) {
			s.Warnings = append(s.Warnings, n.Text)
		}
	}
	return s
}

// addConfiguration says how far the set-up is and what waits to be confirmed.
func (a *Agent) addConfiguration(s *wire.Status, revision config.Revision, pending *config.Pending) {
	s.Pending = wirePending(pending)
	s.Setup = wire.SetupComplete
	switch {
	case a.init.Held && a.init.Adopt == nil: // the warnings of the start say why
		s.State, s.URLs = wire.Degraded, []wire.URL{}
	case a.init.Adopt != nil || !revision.Document.Setup.Complete:
		s.Setup, s.State, s.URLs = wire.SetupNeeded, wire.SetUp, []wire.URL{}
	case !firstboot.Accepted(a.environment, revision.Document):
		s.Warnings = append(s.Warnings, "the licence has changed: accept it at the console")
	}
	for _, w := range a.engine.Warnings() {
		s.Warnings = append(s.Warnings, w)
	}
	s.Warnings = append(s.Warnings, a.seedWarnings()...)
}

// results are what the watcher saw, but for services that have become wanted
// since its last look: these are about to start, and no reason to call the
// appliance healthy.
func (a *Agent) results() []health.Result {
	list := a.watcher.Results()
	for i, r := range list {
		if r.State == health.Off && a.whyOff(a.boot.Definition.Services[i]) == "" {
			list[i].State, list[i].Detail = health.Starting, "is being started"
		}
	}
	return list
}

// static are the adapters that do not ask for an address by DHCP.
func (a *Agent) static() map[string]bool {
	revision, _ := a.engine.Current()
	names := map[string]bool{}
	for _, i := range revision.Document.Network.Interfaces {
		names[i.Name] = i.IPv4 != "dhcp"
	}
	return names
}

// overall is the state of the appliance as a whole.
func overall(list []wire.Service, failedUnits bool) wire.State {
	state := wire.Healthy
	if failedUnits {
		state = wire.Degraded
	}
	for _, s := range list {
		switch {
		case s.State == wire.Failing:
			return wire.Degraded
		case s.State == wire.Starting && state == wire.Healthy:
			state = wire.Starting
		}
	}
	return state
}

func (a *Agent) memory() (wire.Memory, error) {
	m, err := a.machine.Memory()
	if err != nil {
		return wire.Memory{}, err
	}
	own, err := a.machine.Resident("self")
	return wire.Memory{Given: a.environment.Memory, Total: m.Total, Available: m.Available, Agent: own}, err
}

func services(def *appliance.Definition, results []health.Result) []wire.Service {
	list := []wire.Service{}
	for i, r := range results {
		d := def.Services[i]
		s := wire.Service{Name: d.Name, Title: d.Title, State: wire.State(r.State), Detail: r.Detail, Since: r.Since.UTC()}
		if s.Title == "" {
			s.Title = d.Name
		}
		for _, p := range d.Ports {
			for _, number := range p.Reached() {
				s.Ports = append(s.Ports, wire.Port{Port: number, Protocol: protocol(p), Title: p.Title})
			}
		}
		list = append(list, s)
	}
	return list
}

func protocol(p appliance.Port) string {
	if p.Protocol == "" {
		return "tcp"
	}
	return p.Protocol
}

// network says of each interface how it is and, without an address, why.
// static are the adapters whose IPv4 address is set by hand or that have none.
func network(links []machine.Link, up time.Duration, static map[string]bool) []wire.Interface {
	list := []wire.Interface{}
	for _, l := range links {
		i := wire.Interface{Name: l.Name, MAC: l.MAC, State: wire.InterfaceUp}
		for _, p := range l.Addresses {
			i.Addresses = append(i.Addresses, p.String())
		}
		switch {
		case len(l.Addresses) > 0 && l.Carrier:
		case l.Up && !l.Carrier:
			i.State = wire.InterfaceNoLink
			i.Problem = fmt.Sprintf("no link on %s: connect the virtual network adapter", l.Name)
		case !l.Up && up < dhcpPatience:
			i.State = wire.InterfaceDown
			i.Problem = "is being set up"
		case !l.Up:
			i.State = wire.InterfaceDown
			i.Problem = "not in use"
		case static[l.Name]:
			i.State = wire.InterfaceNoAddress
			i.Problem = fmt.Sprintf("no address is set on %s", l.Name)
		case up < dhcpPatience:
			i.State = wire.InterfaceNoAddress
			i.Problem = fmt.Sprintf("waiting for a DHCP answer on %s", l.Name)
		default:
			i.State = wire.InterfaceNoAddress
			i.Problem = fmt.Sprintf("no address: no DHCP answer on %s", l.Name)
		}
		list = append(list, i)
	}
	return list
}

// firstAddress is the one that URLs are made of: the first IPv4 address of a
// connected interface, else the first of any kind.
func firstAddress(links []machine.Link) (netip.Addr, bool) {
	var other netip.Addr
	for _, l := range links {
		if !l.Carrier {
			continue
		}
		for _, p := range l.Addresses {
			if p.Addr().Is4() {
				return p.Addr(), true
			}
			if !other.IsValid() {
				other = p.Addr()
			}
		}
	}
	return other, other.IsValid()
}

// urls are the definition's titled ports by an address.
func urls(def *appliance.Definition, addr netip.Addr) []wire.URL {
	list := []wire.URL{}
	for _, s := range def.Services {
		for _, p := range s.Ports {
			if p.Title != "" && protocol(p) == "tcp" {
				list = append(list, wire.URL{Title: p.Title, URL: pageURL(p, addr)})
			}
		}
	}
	return list
}

func pageURL(p appliance.Port, addr netip.Addr) string {
	scheme, path, port := p.Scheme, p.Path, p.Reached()[0]
	if scheme == "" {
		scheme = "http"
		if port == appliance.HTTPSPort {
			scheme = "https"
		}
	}
	if path == "" {
		path = "/"
	}
	host := addr.String()
	if addr.Is6() {
		host = "[" + host + "]"
	}
	if (scheme == "http" && port != appliance.HTTPPort) || (scheme == "https" && port != appliance.HTTPSPort) {
		host += ":" + strconv.Itoa(port)
	}
	return scheme + "://" + host + path
}
