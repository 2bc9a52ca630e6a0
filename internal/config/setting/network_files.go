package setting

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/config/setting/nettext"
)

const (
	networkdDir  = "/etc/systemd/network/"
	resolvedFile = "/run/systemd/resolved.conf.d/50-ingot.conf"
)

// Files are networkd's (systemd.network(5), systemd.netdev(5)), resolved's and
// those with the machine's name. Only what was parsed and written anew gets
// into them, so that no value can bring a line of its own.
func (network) Files(env Env, d *Document) ([]File, error) {
	if err := nettext.CheckHostname(d.Network.Hostname); err != nil {
		return nil, fmt.Errorf("cannot write the machine's name: it %w", err)
	}
	files := []File{
		{Path: "/etc/hostname", Data: []byte(d.Network.Hostname + "\n")},
		{Path: "/etc/hosts", Data: []byte(hosts(d.Network.Hostname))},
	}
	for _, i := range withParents(d.Network.Interfaces) {
		list, err := i.files(d.Network.Interfaces)
		if err != nil {
			return nil, fmt.Errorf("cannot write the settings of %q: %w", i.Name, err)
		}
		files = append(files, list...)
	}
	resolved, err := d.Network.resolved()
	if err != nil {
		return nil, fmt.Errorf("cannot write the settings of DNS: %w", err)
	}
	if resolved != "" {
		files = append(files, File{Path: resolvedFile, Data: []byte(resolved)})
	}
	return files, nil
}

// hosts has the lines of the image's own file, and the machine's name, the
// whole one first as gethostbyname(3) wants it.
func hosts(name string) string {
	names := name
	if short, _, dotted := strings.Cut(name, "."); dotted {
		names += " " + short
	}
	return "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 " + names + "\n"
}

// withParents adds the adapters that only carry VLANs: one that is not set by
// hand asks by DHCP, as it would without them.
func withParents(list []Interface) []Interface {
	all := slices.Clone(list)
	for _, i := range list {
		parent, _, isVLAN := nettext.SplitVLAN(i.Name)
		if isVLAN && !slices.ContainsFunc(all, func(o Interface) bool { return o.Name == parent }) {
			all = append(all, Interface{Name: parent, IPv4: byDHCP, IPv6: byAuto})
		}
	}
	return all
}

// files are an adapter's .network and, of a VLAN, its .netdev.
func (i Interface) files(all []Interface) ([]File, error) {
	if !nettext.ValidAdapter(i.Name) {
		return nil, errors.New("it is not the name of an adapter")
	}
	text, err := i.network(all)
	if err != nil {
		return nil, err
	}
	base := networkdDir + "10-ingot-" + i.Name
	files := []File{{Path: base + ".network", Data: []byte(text)}}
	if _, number, isVLAN := nettext.SplitVLAN(i.Name); isVLAN {
		netdev := fmt.Sprintf("[NetDev]\nName=%s\nKind=vlan\n\n[VLAN]\nId=%d\n", i.Name, number)
		files = append(files, File{Path: base + ".netdev", Data: []byte(netdev)})
	}
	return files, nil
}

// network is the adapter's .network.
func (i Interface) network(all []Interface) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "[Match]\nName=%s\n\n", i.Name)
	if i.MTU != 0 {
		fmt.Fprintf(&b, "[Link]\nMTUBytes=%d\n\n", i.MTU)
	}
	fmt.Fprintf(&b, "[Network]\nDHCP=%s\nIPv6AcceptRA=%s\nLinkLocalAddressing=%s\nIPv6PrivacyExtensions=no\n",
		i.dhcp(), yesNo(i.IPv6 == byAuto), map[bool]string{true: "no", false: "ipv6"}[i.IPv6 == byNobody])
	for _, o := range all {
		if parent, _, isVLAN := nettext.SplitVLAN(o.Name); isVLAN && parent == i.Name && nettext.ValidAdapter(o.Name) {
			fmt.Fprintf(&b, "VLAN=%s\n", o.Name)
		}
	}
	for _, text := range i.Addresses {
		a, err := netip.ParsePrefix(text)
		if err != nil {
			return "", fmt.Errorf("%q is not an address with the length of its network", text)
		}
		fmt.Fprintf(&b, "Address=%v\n", a)
	}
	for _, text := range i.Gateways {
		g, err := nettext.ParseAddr(text)
		if err != nil {
			return "", fmt.Errorf("the gateway %q %w", text, err)
		}
		fmt.Fprintf(&b, "Gateway=%v\n", g)
	}
	if i.IPv4 == byDHCP {
		b.WriteString("\n[DHCPv4]\nClientIdentifier=mac\nUseDomains=yes\n")
	}
	for _, r := range i.Routes {
		to, err := netip.ParsePrefix(r.To)
		if err != nil {
			return "", fmt.Errorf("%q is not a network", r.To)
		}
		via, err := nettext.ParseAddr(r.Via)
		if err != nil {
			return "", fmt.Errorf("the gateway %q %w", r.Via, err)
		}
		fmt.Fprintf(&b, "\n[Route]\nDestination=%v\nGateway=%v\n", to, via)
		if r.Metric != 0 {
			fmt.Fprintf(&b, "Metric=%d\n", r.Metric)
		}
	}
	return b.String(), nil
}

// dhcp is the value of DHCP=.
func (i Interface) dhcp() string {
	switch v4, v6 := i.IPv4 == byDHCP, i.IPv6 == byAuto; {
	case v4 && v6:
		return "yes"
	case v4:
		return "ipv4"
	case v6:
		return "ipv6"
	}
	return "no"
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// resolved is the drop-in with DNS servers and search domains for all
// adapters; "" when there is nothing to say.
func (n Network) resolved() (string, error) {
	if len(n.DNS) == 0 && len(n.Search) == 0 {
		return "", nil
	}
	text := "[Resolve]\n"
	for _, s := range n.DNS {
		a, err := nettext.ParseAddr(s)
		if err != nil {
			return "", fmt.Errorf("%q %w", s, err)
		}
		text += "DNS=" + a.String() + "\n"
	}
	for _, s := range n.Search {
		if err := nettext.CheckDomain(s); err != nil {
			return "", fmt.Errorf("%q %w", s, err)
		}
		text += "Domains=" + s + "\n"
	}
	return text, nil
}
