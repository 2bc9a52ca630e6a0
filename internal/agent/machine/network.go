package machine

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// Link is one network interface as the kernel knows it.
type Link struct {
	Name string
	MAC  string
	// Up is what was wanted of it, Carrier whether a cable or a virtual
	// network is connected.
	Up, Carrier bool
	// Addresses are those that other machines can use: neither loopback nor
	// link-local. IPv4 comes first.
	Addresses []netip.Prefix
	// LinkLocal says that there is an IPv4 link-local address, as machines
	// give themselves when nobody answers.
	LinkLocal bool
}

// Links are all network interfaces but loopback, in the kernel's order.
func Links() ([]Link, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("cannot list network interfaces: %w", err)
	}
	var links []Link
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback != 0 {
			continue
		}
		l := Link{
			Name:    i.Name,
			MAC:     i.HardwareAddr.String(),
			Up:      i.Flags&net.FlagUp != 0,
			Carrier: i.Flags&net.FlagRunning != 0,
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue // the interface is gone meanwhile
		}
		for _, a := range addrs {
			l.add(a.String())
		}
		slices.SortStableFunc(l.Addresses, func(a, b netip.Prefix) int {
			return a.Addr().BitLen() - b.Addr().BitLen()
		})
		links = append(links, l)
	}
	return links, nil
}

func (l *Link) add(address string) {
	p, err := netip.ParsePrefix(address)
	if err != nil {
		return
	}
	switch a := p.Addr(); {
	case a.IsLinkLocalUnicast():
		l.LinkLocal = l.LinkLocal || a.Is4()
	case a.IsGlobalUnicast():
		l.Addresses = append(l.Addresses, p)
	}
}
