package setting

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Words for what cannot be seen.
const (
	noAdapter = "no such adapter"
	noCable   = "not connected"
)

// Actual puts the live network beside the document: the name, then each
// adapter, then DNS.
func (network) Actual(ctx context.Context, sys *System, env Env, d *Document) ([]Fact, error) {
	name, err := sys.Kernel.Hostname()
	if err != nil {
		return nil, err
	}
	links, err := sys.Net.Links()
	if err != nil {
		return nil, err
	}
	routes, err := sys.Net.Routes()
	if err != nil {
		return nil, err
	}
	facts := []Fact{{Name: "host name", Wanted: d.Network.Hostname, Actual: name, Differs: name != d.Network.Hostname}}
	interfaces := seen(links, d.Network.Interfaces)
	for _, i := range interfaces {
		link, there := findLink(links, i.Name)
		facts = append(facts, i.facts(link, there, routes)...)
	}
	servers, domains, err := sys.Net.Servers()
	if err != nil {
		return facts, err
	}
	return append(facts, d.Network.nameFacts(interfaces, servers, domains)...), nil
}

// seen are the adapters that are there, in the kernel's order, then wanted
// ones that are not. Those that are not set by hand ask by DHCP.
func seen(links []Link, wanted []Interface) []Interface {
	var list []Interface
	for _, l := range links {
		n := slices.IndexFunc(wanted, func(i Interface) bool { return i.Name == l.Name })
		switch {
		case n >= 0:
			list = append(list, wanted[n])
		case l.Ethernet:
			list = append(list, Interface{Name: l.Name, IPv4: byDHCP, IPv6: byAuto})
		}
	}
	for _, i := range wanted {
		if _, there := findLink(links, i.Name); !there {
			list = append(list, i)
		}
	}
	return list
}

// facts are an adapter's addresses, gateways and MTU.
func (i Interface) facts(link Link, there bool, routes []Route) []Fact {
	addresses := Fact{Name: "addresses of " + i.Name, Wanted: i.wantedAddresses()}
	gateway := Fact{Name: "gateway of " + i.Name, Wanted: i.wantedGateways()}
	mtu := Fact{Name: "MTU of " + i.Name}
	if i.MTU != 0 {
		mtu.Wanted = strconv.Itoa(i.MTU)
	}
	if !there || !link.Carrier {
		addresses.Actual, addresses.Differs = noCable, true
		if !there {
			addresses.Actual = noAdapter
		}
		return []Fact{addresses}
	}
	var have []netip.Prefix
	for _, a := range link.Addresses {
		if !a.Addr().IsLinkLocalUnicast() || slices.Contains(i.prefixes(), a) {
			have = append(have, a)
		}
	}
	addresses.Actual = join(have)
	addresses.Differs = !containsAll(have, i.prefixes()) || len(have) == 0 && addresses.Wanted != ""
	var ways []netip.Addr
	for _, r := range routes {
		if r.Link == i.Name && r.Destination.Bits() == 0 && r.Gateway.IsValid() && !slices.Contains(ways, r.Gateway) {
			ways = append(ways, r.Gateway)
		}
	}
	gateway.Actual, gateway.Differs = join(ways), !containsAll(ways, i.gateways())
	mtu.Actual, mtu.Differs = strconv.Itoa(link.MTU), i.MTU != 0 && link.MTU != i.MTU
	return []Fact{addresses, gateway, mtu}
}

// wantedAddresses says where an adapter's addresses are to come from. That
// IPv6 is automatic beside DHCP goes without saying.
func (i Interface) wantedAddresses() string {
	var words []string
	if i.IPv4 == byDHCP {
		words = append(words, "DHCP")
	}
	words = append(words, i.Addresses...)
	if i.IPv6 == byAuto && i.IPv4 != byDHCP {
		words = append(words, "automatic IPv6")
	}
	return strings.Join(words, ", ")
}

func (i Interface) wantedGateways() string {
	var words []string
	if i.IPv4 == byDHCP {
		words = append(words, "DHCP")
	}
	return strings.Join(append(words, i.Gateways...), ", ")
}

// nameFacts are those of DNS. Servers that DHCP brings come on top of ours.
func (n Network) nameFacts(interfaces []Interface, servers []netip.Addr, domains []string) []Fact {
	var wanted []netip.Addr
	words := slices.Clone(n.DNS)
	for _, s := range n.DNS {
		if a, err := netip.ParseAddr(s); err == nil {
			wanted = append(wanted, a)
		}
	}
	if slices.ContainsFunc(interfaces, func(i Interface) bool { return i.IPv4 == byDHCP || i.IPv6 == byAuto }) {
		words = append(words, "DHCP")
	}
	return []Fact{
		{Name: "DNS servers", Wanted: strings.Join(words, ", "), Actual: join(servers), Differs: !containsAll(servers, wanted)},
		{Name: "search domains", Wanted: strings.Join(n.Search, ", "), Actual: strings.Join(domains, ", "), Differs: !containsAll(domains, n.Search)},
	}
}

func join[T fmt.Stringer](list []T) string {
	var words []string
	for _, x := range list {
		words = append(words, x.String())
	}
	return strings.Join(words, ", ")
}

func containsAll[T comparable](have, wanted []T) bool {
	for _, w := range wanted {
		if !slices.Contains(have, w) {
			return false
		}
	}
	return true
}
