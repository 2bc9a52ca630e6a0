package setting

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/config/setting/nettext"
)

// The bounds of MTU: the least packet that each IPv4 host must take (RFC 791),
// the least of an IPv6 link (RFC 8200, section 5), and jumbo frames with room
// for tunnels.
const (
	minMTU  = 576
	minMTU6 = 1280
	maxMTU  = 9216
)

func (network) Validate(env Env, d *Document) []Problem {
	var p problems
	n := d.Network
	if err := nettext.CheckHostname(n.Hostname); err != nil {
		p.add("network.hostname", fmt.Sprintf("the host name %v", err), "Use letters, digits and dashes, as in demo or demo.example.com.")
	}
	for i := range n.Interfaces {
		path, others := fmt.Sprintf("network.interfaces[%d]", i), len(p)
		p.adapter(path, n.Interfaces, i)
		if n.Interfaces[i].Name == firstName(env, d) {
			for k := range p[others:] {
				p[others+k].Property = n.Interfaces[i].property(strings.TrimPrefix(p[others+k].Path, path+"."))
			}
		}
	}
	p.onlyOnce(n.Interfaces)
	p.names(n)
	if n.Proxy != "" {
		if err := checkProxy(n.Proxy); err != nil {
			p.add("network.proxy", fmt.Sprintf("the proxy %v", err), "Write it as in http://proxy.example.com:3128.")
		}
	}
	return p
}

// property is the key of the property that asks for a part of the first
// adapter's entry; "" when none does.
func (i Interface) property(part string) string {
	ofFamily := func(key string, six bool) string {
		if six {
			return key + "6"
		}
		return key
	}
	var n int
	switch {
	case part == "ipv4", part == "ipv6": // the address is what is missing
		return ofFamily("network.address", part == "ipv6")
	case scans(part, "addresses[%d]", &n):
		return ofFamily("network.address", isSix(i.Addresses[n]))
	case scans(part, "gateways[%d]", &n):
		return ofFamily("network.gateway", isSix(i.Gateways[n]))
	}
	return ""
}

func scans(text, format string, n *int) bool {
	_, err := fmt.Sscanf(text, format, n)
	return err == nil
}

// names checks DNS servers, search domains and what needs no proxy.
func (p *problems) names(n Network) {
	for i, s := range n.DNS {
		path := fmt.Sprintf("network.dns[%d]", i)
		if _, err := nettext.ParseAddr(s); err != nil {
			p.add(path, fmt.Sprintf("the DNS server %q %v", s, err), "Write its IP address, such as 192.0.2.53.")
		} else if slices.Contains(n.DNS[:i], s) {
			p.add(path, fmt.Sprintf("the DNS server %s is there twice", s), "")
		}
	}
	for i, s := range n.Search {
		path := fmt.Sprintf("network.search[%d]", i)
		if err := nettext.CheckDomain(s); err != nil {
			p.add(path, fmt.Sprintf("the search domain %q %v", s, err), "Write a domain, such as example.com.")
		} else if slices.Contains(n.Search[:i], s) {
			p.add(path, fmt.Sprintf("the search domain %s is there twice", s), "")
		}
	}
	for i, s := range n.NoProxy {
		if err := nettext.CheckNoProxy(s); err != nil {
			p.add(fmt.Sprintf("network.no_proxy[%d]", i), fmt.Sprintf("%q %v", s, err),
				"Write a host, a domain such as .example.com, an address, or a network such as 192.0.2.0/24.")
		}
	}
}

// adapter checks one entry of the interfaces.
func (p *problems) adapter(path string, all []Interface, index int) {
	i := all[index]
	p.adapterName(path, i)
	if !slices.Contains([]string{byDHCP, byStatic, byNobody}, i.IPv4) {
		p.add(path+".ipv4", fmt.Sprintf("%q says nothing of where IPv4 addresses come from", i.IPv4), "Use dhcp, static or off.")
	}
	if !slices.Contains([]string{byAuto, byStatic, byNobody}, i.IPv6) {
		p.add(path+".ipv6", fmt.Sprintf("%q says nothing of where IPv6 addresses come from", i.IPv6), "Use auto, static or off.")
	}
	p.addresses(path, i)
	p.gateways(path, i)
	p.routes(path, i)
	p.mtu(path, all, i)
}

func (p *problems) adapterName(path string, i Interface) {
	_, number, isVLAN := nettext.SplitVLAN(i.Name)
	switch {
	case !nettext.ValidAdapter(i.Name):
		p.add(path+".name", fmt.Sprintf("%q is not the name of an adapter", i.Name), "Use its name as the console shows it, such as eth0; a VLAN's is ADAPTER.NUMBER.")
	case i.VLAN == 0 && isVLAN:
		p.add(path+".vlan", "a name with a number after a dot is a VLAN's, but its number is missing", fmt.Sprintf("Set vlan to %d.", number))
	case i.VLAN < 0 || i.VLAN > 4094:
		p.add(path+".vlan", fmt.Sprintf("%d is not the number of a VLAN", i.VLAN), "Use 1 to 4094.")
	case i.VLAN != 0 && i.VLAN != number:
		p.add(path+".name", fmt.Sprintf("%q does not end in the number of its VLAN", i.Name), fmt.Sprintf("Name it ADAPTER.%d, ADAPTER being the one that carries it.", i.VLAN))
	}
}

func (p *problems) addresses(path string, i Interface) {
	for n, text := range i.Addresses {
		at := fmt.Sprintf("%s.addresses[%d]", path, n)
		a, err := nettext.ParsePrefix(text)
		if err != nil {
			p.add(at, fmt.Sprintf("the address %q %v", text, err), "Write an address with the length of its network, such as 192.0.2.7/24 or 2001:db8::7/64.")
			continue
		}
		if a.Addr().Is4() && i.IPv4 != byStatic {
			p.add(at, fmt.Sprintf("there is an IPv4 address, but ipv4 is %s", i.IPv4), "Set ipv4 to static, or take the address away.")
		}
		if a.Addr().Is6() && i.IPv6 != byStatic {
			p.add(at, fmt.Sprintf("there is an IPv6 address, but ipv6 is %s", i.IPv6), "Set ipv6 to static, or take the address away.")
		}
	}
	if i.IPv4 == byStatic && !i.has(false) {
		p.add(path+".ipv4", "ipv4 is static, but there is no IPv4 address", "Give an address, such as 192.0.2.7/24.")
	}
	if i.IPv6 == byStatic && !i.has(true) {
		p.add(path+".ipv6", "ipv6 is static, but there is no IPv6 address", "Give an address, such as 2001:db8::7/64.")
	}
}

func (p *problems) gateways(path string, i Interface) {
	for n, text := range i.Gateways {
		at := fmt.Sprintf("%s.gateways[%d]", path, n)
		g, err := nettext.ParseAddr(text)
		if err != nil {
			p.add(at, fmt.Sprintf("the gateway %q %v", text, err), "Write the router's address, such as 192.0.2.1.")
			continue
		}
		if message := i.unreachable(g); message != "" {
			p.add(at, fmt.Sprintf("the gateway %v %s", g, message), "Check the gateway, the address and the length of the network.")
		}
	}
}

// unreachable says why a gateway cannot be on this adapter; "" when it can.
func (i Interface) unreachable(g netip.Addr) string {
	if g.Is6() && g.IsLinkLocalUnicast() {
		if i.IPv6 == byNobody {
			return "is an IPv6 address, but ipv6 is off"
		}
		return ""
	}
	inside := false
	for _, a := range i.prefixes() {
		if a.Addr() == g {
			return "is this adapter's own address"
		}
		if a.Addr().Is4() && a.Bits() < 31 && a.Contains(g) && (a.Masked().Addr() == g || nettext.Broadcast(a) == g) {
			return fmt.Sprintf("is not the address of a machine in %v", a.Masked())
		}
		inside = inside || a.Contains(g)
	}
	if !inside {
		return "is in no network of this adapter's static addresses"
	}
	return ""
}

func (p *problems) routes(path string, i Interface) {
	for n, r := range i.Routes {
		at := fmt.Sprintf("%s.routes[%d]", path, n)
		to, err := netip.ParsePrefix(r.To)
		switch {
		case err != nil || to.Masked() != to || to.Addr().Is4In6() || to.Addr().IsMulticast():
			p.add(at+".to", fmt.Sprintf("%q is not a network", r.To), "Write the network with its length, such as 198.51.100.0/24.")
			continue
		case to.Bits() == 0:
			p.add(at+".to", "a route to everywhere is a gateway", "Put it among the gateways.")
			continue
		}
		via, err := nettext.ParseAddr(r.Via)
		switch {
		case err != nil:
			p.add(at+".via", fmt.Sprintf("the gateway %q %v", r.Via, err), "Write the router's address, such as 192.0.2.1.")
		case via.Is4() != to.Addr().Is4():
			p.add(at+".via", "the network and the gateway are of different families", "")
		case via.Is4() && i.IPv4 == byDHCP || via.Is6() && i.IPv6 == byAuto: // whose networks are not known yet
		default:
			if message := i.unreachable(via); message != "" {
				p.add(at+".via", fmt.Sprintf("the gateway %v %s", via, message), "Check the gateway, the address and the length of the network.")
			}
		}
		if r.Metric < 0 || int64(r.Metric) > 1<<32-1 {
			p.add(at+".metric", fmt.Sprintf("%d is not a metric", r.Metric), "Use 0 to 4294967295.")
		}
	}
}

func (p *problems) mtu(path string, all []Interface, i Interface) {
	switch {
	case i.MTU == 0:
		return
	case i.MTU < minMTU || i.MTU > maxMTU:
		p.add(path+".mtu", fmt.Sprintf("%d is not a size of packets that networks have", i.MTU), fmt.Sprintf("Use %d to %d, or 0 for the adapter's own.", minMTU, maxMTU))
	case i.MTU < minMTU6 && i.IPv6 != byNobody:
		p.add(path+".mtu", fmt.Sprintf("IPv6 needs packets of at least %d bytes", minMTU6), "Raise the MTU, or set ipv6 to off.")
	}
	parent, _, isVLAN := nettext.SplitVLAN(i.Name)
	for _, o := range all {
		if isVLAN && o.Name == parent && o.MTU != 0 && i.MTU > o.MTU {
			p.add(path+".mtu", fmt.Sprintf("the MTU is greater than that of %s, which carries the VLAN", parent), fmt.Sprintf("Use at most %d, or raise that of %s.", o.MTU, parent))
		}
	}
}

// onlyOnce checks what there may be only one of in all interfaces.
func (p *problems) onlyOnce(all []Interface) {
	adapters, addresses := map[string]bool{}, map[netip.Addr]bool{}
	gateways := map[bool]bool{} // is there one of IPv4, of IPv6
	for index, i := range all {
		path := fmt.Sprintf("network.interfaces[%d]", index)
		if adapters[i.Name] {
			p.add(path+".name", fmt.Sprintf("the adapter %s is there twice", i.Name), "Join the two entries.")
		}
		adapters[i.Name] = true
		for n, text := range i.Addresses {
			a, err := netip.ParsePrefix(text)
			if err == nil && addresses[a.Addr()] {
				p.add(fmt.Sprintf("%s.addresses[%d]", path, n), fmt.Sprintf("the address %v is there twice", a.Addr()), "")
			}
			if err == nil {
				addresses[a.Addr()] = true
			}
		}
		for n, text := range i.Gateways {
			g, err := netip.ParseAddr(text)
			if err == nil && gateways[g.Is4()] {
				p.add(fmt.Sprintf("%s.gateways[%d]", path, n), "there is another gateway of the same family",
					"Only one can be the way to everywhere; lead to other networks by routes.")
			}
			if err == nil {
				gateways[g.Is4()] = true
			}
		}
	}
}

// prefixes are the addresses that can be read.
func (i Interface) prefixes() []netip.Prefix {
	var list []netip.Prefix
	for _, text := range i.Addresses {
		if a, err := netip.ParsePrefix(text); err == nil {
			list = append(list, a)
		}
	}
	return list
}

// gateways are the gateways that can be read.
func (i Interface) gateways() []netip.Addr {
	var list []netip.Addr
	for _, text := range i.Gateways {
		if g, err := netip.ParseAddr(text); err == nil {
			list = append(list, g)
		}
	}
	return list
}
