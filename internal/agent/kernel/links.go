package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// attempts is how often a list is asked for that changes while it is told.
const attempts = 5

// Links implements [setting.Net], as do the methods below. Addresses that the
// kernel still tries, or that another machine has, are not among those of a
// link.
func (l *Local) Links() ([]setting.Link, error) {
	list, err := retry(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("cannot list network adapters: %w", err)
	}
	addrs, err := retry(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("cannot list addresses: %w", err)
	}
	slices.SortFunc(list, func(a, b netlink.Link) int { return cmp.Compare(a.Attrs().Index, b.Attrs().Index) })
	var links []setting.Link
	for _, link := range list {
		a := link.Attrs()
		if a.Flags&net.FlagLoopback != 0 {
			continue
		}
		links = append(links, setting.Link{
			Name: a.Name, MAC: a.HardwareAddr.String(), MTU: a.MTU,
			Up:       a.Flags&net.FlagUp != 0,
			Carrier:  a.Flags&net.FlagUp != 0 && a.RawFlags&unix.IFF_LOWER_UP != 0,
			Ethernet: a.EncapType == "ether" && isCard(link), Addresses: addressesOf(a.Index, addrs),
		})
	}
	return links, nil
}

// isCard says whether a link is a network card: the kernel names no kind of
// it. A veth is a container's card.
func isCard(link netlink.Link) bool { return link.Type() == "device" || link.Type() == "veth" }

func addressesOf(index int, addrs []netlink.Addr) []netip.Prefix {
	const notYet = unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED
	var list []netip.Prefix
	for _, a := range addrs {
		optimistic := a.Flags&unix.IFA_F_OPTIMISTIC != 0
		if a.LinkIndex != index || a.Flags&notYet != 0 && !optimistic {
			continue
		}
		if p, ok := prefixOf(a.IPNet); ok {
			list = append(list, p)
		}
	}
	return list
}

func prefixOf(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	addr, ok := netip.AddrFromSlice(n.IP)
	bits, size := n.Mask.Size()
	if !ok || size == 0 {
		return netip.Prefix{}, false
	}
	if size == 32 {
		addr = addr.Unmap()
	}
	return netip.PrefixFrom(addr, bits), true
}

// Routes leaves out those that the kernel made for the networks of addresses.
func (l *Local) Routes() ([]setting.Route, error) {
	list, err := retry(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("cannot list network adapters: %w", err)
	}
	names := map[int]string{}
	for _, link := range list {
		names[link.Attrs().Index] = link.Attrs().Name
	}
	var routes []setting.Route
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		table, err := retry(func() ([]netlink.Route, error) {
			return netlink.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
		})
		if err != nil {
			return nil, fmt.Errorf("cannot list routes: %w", err)
		}
		for _, r := range table {
			routes = append(routes, routesOf(family, r, names)...)
		}
	}
	return routes, nil
}

// routesOf is one entry of the table: several routes when it has several
// next hops.
func routesOf(family int, r netlink.Route, names map[int]string) []setting.Route {
	if r.Protocol == unix.RTPROT_KERNEL || r.Type != unix.RTN_UNICAST {
		return nil
	}
	to, ok := prefixOf(r.Dst)
	if !ok { // the default route has none
		to = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if family == netlink.FAMILY_V6 {
			to = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
	}
	hops := r.MultiPath
	if len(hops) == 0 {
		hops = []*netlink.NexthopInfo{{LinkIndex: r.LinkIndex, Gw: r.Gw, Via: r.Via}}
	}
	var routes []setting.Route
	for _, hop := range hops {
		route := setting.Route{Destination: to, Link: names[hop.LinkIndex], Metric: r.Priority}
		if via, ok := hop.Via.(*netlink.Via); ok && len(hop.Gw) == 0 {
			hop.Gw = via.Addr
		}
		if gw, ok := netip.AddrFromSlice(hop.Gw); ok {
			route.Gateway = gw.Unmap()
		}
		routes = append(routes, route)
	}
	return routes
}

// DeleteLink refuses to take a card away.
func (l *Local) DeleteLink(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("cannot delete the link %s: %w", name, err)
	}
	if link.Type() == "device" {
		return fmt.Errorf("cannot delete the link %s: it is an adapter", name)
	}
	if err := netlink.LinkDel(link); err != nil {
		return fmt.Errorf("cannot delete the link %s: %w", name, err)
	}
	return nil
}

// SetMTU sets the size of packets at once; networkd may set another later.
func (l *Local) SetMTU(name string, mtu int) error {
	link, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetMTU(link, mtu)
	}
	if err != nil {
		return fmt.Errorf("cannot set the MTU of %s to %d: %w", name, mtu, err)
	}
	return nil
}

// retry asks again for a list that changed while the kernel told it.
func retry[T any](list func() ([]T, error)) ([]T, error) {
	for n := 1; ; n++ {
		all, err := list()
		if n == attempts || !errors.Is(err, netlink.ErrDumpInterrupted) {
			return all, err
		}
	}
}
