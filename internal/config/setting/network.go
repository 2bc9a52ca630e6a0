package setting

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting/nettext"
)

// Network is how the appliance is connected.
type Network struct {
	// The name of the machine: letters, digits and dashes, or a whole domain name.
	Hostname string `json:"hostname"`
	// Adapters that are set by hand; all others ask for an address by DHCP.
	Interfaces []Interface `json:"interfaces,omitempty"`
	// DNS servers besides or instead of those that DHCP brings.
	DNS []string `json:"dns,omitempty"`
	// Domains in which short names are looked up.
	Search []string `json:"search,omitempty"`
	// The proxy for HTTP and HTTPS, a URL; may hold a user and a password.
	Proxy string `json:"proxy,omitempty"`
	// Hosts, domains and networks that are reached without the proxy.
	NoProxy []string `json:"no_proxy,omitempty"`
}

// Interface is one adapter, or a VLAN on one.
type Interface struct {
	// The adapter's name; that of a VLAN is ADAPTER.NUMBER.
	Name string `json:"name"`
	// The VLAN's number, 1 to 4094, on the adapter before the dot of the name; 0 for none.
	VLAN int `json:"vlan,omitempty"`
	// Where IPv4 addresses come from: dhcp, static or off.
	IPv4 string `json:"ipv4"`
	// Where IPv6 addresses come from: auto (router advertisements and DHCPv6), static or off.
	IPv6 string `json:"ipv6"`
	// Addresses with the length of their network: 192.0.2.7/24, 2001:db8::7/64.
	Addresses []string `json:"addresses,omitempty"`
	// Gateways of the default routes, at most one of each family.
	Gateways []string `json:"gateways,omitempty"`
	// Further routes.
	Routes []StaticRoute `json:"routes,omitempty"`
	// The largest packet in bytes; 0 leaves it to the adapter.
	MTU int `json:"mtu,omitempty"`
}

// StaticRoute leads to a network by a gateway.
type StaticRoute struct {
	// The network: 198.51.100.0/24.
	To string `json:"to"`
	// The gateway's address.
	Via string `json:"via"`
	// Of two routes to the same network the one with the lower metric is used.
	Metric int `json:"metric,omitempty"`
}

// Where addresses come from.
const (
	byDHCP   = "dhcp"
	byAuto   = "auto"
	byStatic = "static"
	byNobody = "off"
)

type network struct{}

func (network) Key() string { return "network" }

// Default names the machine after its appliance; all adapters ask by DHCP.
func (network) Default(env Env, d *Document) {
	d.Network = Network{Hostname: env.Definition().Name}
}

// Guards says that all but names can cut somebody off: addresses, DNS and the
// proxy too, since the administrator's log-in may depend on them.
func (network) Guards(old, new *Document) bool {
	a, b := old.Clone().Network, new.Clone().Network
	a.Hostname, b.Hostname = "", ""
	a.Search, b.Search = nil, nil
	a.NoProxy, b.NoProxy = nil, nil
	return !reflect.DeepEqual(a, b)
}

// ApplyEarly names the machine. The files are there before networkd is, so
// there is nothing to tell it; only what it will read is noted.
func (n network) ApplyEarly(sys *System, env Env, d *Document) error {
	if err := sys.Kernel.Sethostname(d.Network.Hostname); err != nil {
		return err
	}
	want, err := n.applied(env, d)
	if err != nil {
		return err
	}
	return want.save(sys)
}

// Apply makes the daemons read what is new to them, and takes away VLANs that
// nobody wants any more: networkd makes them but never deletes one.
func (n network) Apply(ctx context.Context, sys *System, env Env, d *Document, changed bool) error {
	if name, err := sys.Kernel.Hostname(); err != nil || name != d.Network.Hostname {
		if err := sys.Kernel.Sethostname(d.Network.Hostname); err != nil {
			return err
		}
	}
	if err := deleteVLANs(sys, d); err != nil {
		return err
	}
	want, err := n.applied(env, d)
	if err != nil {
		return err
	}
	have, known := loadApplied(sys)
	if !known && !changed || known && have.same(want) {
		return nil
	}
	links, err := sys.Net.Links()
	if err != nil {
		return err
	}
	want.rememberMTUs(links, have)
	// Until both daemons have read their files nobody knows what they go by:
	// should one fail, putting the old files back makes both read again.
	if err := have.both(want).save(sys); err != nil {
		return err
	}
	if have.Networkd != want.Networkd {
		if err := readNetworkd(ctx, sys, links, d); err != nil {
			return err
		}
	}
	if err := resetMTUs(sys, links, have, want); err != nil {
		return err
	}
	if have.Resolved != want.Resolved {
		if err := sys.Units.Restart(ctx, "systemd-resolved.service"); err != nil {
			return err
		}
	}
	return want.save(sys)
}

// readNetworkd makes networkd read its files. Only when it starts does it make
// a VLAN that it made before and that was deleted since.
func readNetworkd(ctx context.Context, sys *System, links []Link, d *Document) error {
	const unit = "systemd-networkd.service"
	for _, i := range d.Network.Interfaces {
		parent, _, isVLAN := nettext.SplitVLAN(i.Name)
		_, there := findLink(links, i.Name)
		_, parentThere := findLink(links, parent)
		if isVLAN && parentThere && !there {
			return sys.Units.Restart(ctx, unit)
		}
	}
	return sys.Units.ReloadOrRestart(ctx, unit)
}

// deleteVLANs deletes the links that are named like VLANs on an adapter that
// is there, and are not wanted.
func deleteVLANs(sys *System, d *Document) error {
	links, err := sys.Net.Links()
	if err != nil {
		return err
	}
	for _, l := range links {
		parent, _, isVLAN := nettext.SplitVLAN(l.Name)
		wanted := slices.ContainsFunc(d.Network.Interfaces, func(i Interface) bool { return i.Name == l.Name })
		_, there := findLink(links, parent)
		if !isVLAN || wanted || !there || l.Ethernet {
			continue
		}
		if err := sys.Net.DeleteLink(l.Name); err != nil {
			return err
		}
	}
	return nil
}

// pollEvery is the pause between looks at a network that is on its way.
const pollEvery = 200 * time.Millisecond

// Verify waits until the machine has its name, and each adapter that is
// connected its static addresses, gateways and size of packets.
func (network) Verify(ctx context.Context, sys *System, env Env, d *Document) error {
	name, err := sys.Kernel.Hostname()
	if err != nil {
		return err
	}
	if name != d.Network.Hostname {
		return fmt.Errorf("the machine is named %q instead of %q", name, d.Network.Hostname)
	}
	for {
		lacks, asides, err := missing(sys, d)
		if err != nil {
			return err
		}
		if len(lacks) == 0 {
			for _, a := range asides {
				sys.logf("network: %s", a)
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the network did not become what it should: %s", strings.Join(lacks, "; "))
		case <-time.After(pollEvery):
		}
	}
}

// missing says what the live network lacks, and aside what cannot be seen
// because an adapter is not there or not connected.
func missing(sys *System, d *Document) (lacks, asides []string, err error) {
	links, err := sys.Net.Links()
	if err != nil {
		return nil, nil, err
	}
	routes, err := sys.Net.Routes()
	if err != nil {
		return nil, nil, err
	}
	for _, i := range d.Network.Interfaces {
		link, there := findLink(links, i.Name)
		parent, _, isVLAN := nettext.SplitVLAN(i.Name)
		_, parentThere := findLink(links, parent)
		switch {
		case !there && isVLAN && parentThere:
			lacks = append(lacks, fmt.Sprintf("there is no VLAN %s", i.Name))
		case !there:
			asides = append(asides, fmt.Sprintf("there is no adapter %s", i.Name))
		case !link.Carrier:
			asides = append(asides, fmt.Sprintf("%s is not connected", i.Name))
		default:
			lacks = append(lacks, i.lacks(link, routes)...)
		}
	}
	return lacks, asides, nil
}

// lacks says what an adapter that is connected has not got.
func (i Interface) lacks(link Link, routes []Route) []string {
	var lacks []string
	for _, a := range i.prefixes() {
		if !slices.Contains(link.Addresses, a) {
			lacks = append(lacks, fmt.Sprintf("%s has not got the address %v", i.Name, a))
		}
	}
	for _, g := range i.gateways() {
		if !slices.ContainsFunc(routes, func(r Route) bool {
			return r.Link == i.Name && r.Gateway == g && r.Destination.Bits() == 0
		}) {
			lacks = append(lacks, fmt.Sprintf("%s has not got the gateway %v", i.Name, g))
		}
	}
	if i.MTU != 0 && link.MTU != i.MTU {
		lacks = append(lacks, fmt.Sprintf("%s has an MTU of %d instead of %d", i.Name, link.MTU, i.MTU))
	}
	return lacks
}

func findLink(links []Link, name string) (Link, bool) {
	i := slices.IndexFunc(links, func(l Link) bool { return l.Name == name })
	if i < 0 {
		return Link{}, false
	}
	return links[i], true
}
