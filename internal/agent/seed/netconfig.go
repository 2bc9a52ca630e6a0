package seed

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ingotvm/ingot/internal/config/seedtext"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// adapter is one Ethernet card of this machine.
type adapter struct {
	name, mac string
	index     int
}

// adapters are the machine's cards in the kernel's order.
func adapters(root string) []adapter {
	class := filepath.Join(root, "sys/class/net")
	entries, _ := os.ReadDir(class)
	var found []adapter
	for _, e := range entries {
		// A card has a device behind it, and is Ethernet (ARPHRD_ETHER of
		// linux/if_arp.h).
		if _, err := os.Stat(filepath.Join(class, e.Name(), "device")); err != nil || readSmall(class, e.Name(), "type") != "1" {
			continue
		}
		index, _ := strconv.Atoi(readSmall(class, e.Name(), "ifindex"))
		found = append(found, adapter{e.Name(), strings.ToLower(readSmall(class, e.Name(), "address")), index})
	}
	slices.SortFunc(found, func(a, b adapter) int { return cmp.Compare(a.index, b.index) })
	return found
}

// netConfig gathers a network configuration of cloud-init, version 1 or 2.
type netConfig struct {
	c        *collector
	adapters []adapter
	named    map[string]string // its names of adapters to the kernel's

	interfaces  []setting.Interface
	dns, search []string
}

// networkConfig takes in the file network-config: a part of the document.
func (c *collector) networkConfig(data []byte, cards []adapter) error {
	tree, err := seedtext.Parse(data)
	if err != nil {
		return err
	}
	if inner := mapping(tree, "network"); inner != nil {
		tree = inner
	}
	n := &netConfig{c: c, adapters: cards, named: map[string]string{}}
	switch version := text(tree, "version"); version {
	case "1":
		n.version1(tree)
	case "2":
		n.version2(tree)
	default:
		return &seedtext.Error{Message: fmt.Sprintf("its version is %q; 1 and 2 are read", version)}
	}
	network := map[string]any{}
	if len(n.interfaces) > 0 {
		network["interfaces"] = n.interfaces
	}
	for key, list := range map[string][]string{"dns": n.dns, "search": n.search} {
		if len(list) > 0 {
			network[key] = unique(list)
		}
	}
	if len(network) > 0 {
		c.rest["network"] = network
		c.rest["format"] = setting.Format
	}
	return nil
}

func (n *netConfig) problem(format string, args ...any) {
	n.c.problem("network", "of the file "+networkConfig+": "+format, args...)
}

// find is the kernel's name of the adapter that the configuration calls id:
// by its MAC address, by its name, which may be a pattern, else by its number
// among those that the configuration has; a negative number is none.
func (n *netConfig) find(id, mac, pattern string, number int) string {
	at := slices.IndexFunc(n.adapters, func(a adapter) bool {
		if mac != "" {
			return strings.EqualFold(mac, a.mac)
		}
		matches, _ := path.Match(cmp.Or(pattern, id), a.name)
		return matches
	})
	if at < 0 && mac == "" && pattern == "" && number < len(n.adapters) {
		at = number
	}
	name := ""
	if at >= 0 {
		name = n.adapters[at].name
	}
	if name == "" {
		n.problem("no network adapter of this machine is %s", id)
	}
	n.named[id] = name
	return name
}

// version2 reads netplan's form.
func (n *netConfig) version2(tree map[string]any) {
	ethernets := mapping(tree, "ethernets")
	for i, id := range slices.Sorted(maps.Keys(ethernets)) {
		e := mapping(ethernets, id)
		match := mapping(e, "match")
		if name := n.find(id, text(match, "macaddress"), text(match, "name"), i); name != "" {
			n.add(n.netplan(setting.Interface{Name: name}, e))
		}
	}
	vlans := mapping(tree, "vlans")
	for _, id := range slices.Sorted(maps.Keys(vlans)) {
		v := mapping(vlans, id)
		n.vlan(id, text(v, "link"), text(v, "id"), func(i setting.Interface) setting.Interface { return n.netplan(i, v) })
	}
	for key := range tree {
		if !slices.Contains([]string{"version", "renderer", "ethernets", "vlans"}, key) {
			n.problem("%s are not read", key)
		}
	}
}

// vlan adds a VLAN on an adapter.
func (n *netConfig) vlan(id, link, tag string, fill func(setting.Interface) setting.Interface) {
	number, err := strconv.Atoi(tag)
	if err != nil || number < 1 || number > 4094 {
		n.problem("VLAN %s has no number from 1 to 4094", id)
		return
	}
	name := n.named[link]
	if name == "" {
		if _, known := n.named[link]; known {
			return // said already
		}
		if name = n.find(link, "", "", -1); name == "" {
			return
		}
	}
	n.add(fill(setting.Interface{Name: fmt.Sprintf("%s.%d", name, number), VLAN: number}))
}

// netplan fills in what an adapter or VLAN says.
func (n *netConfig) netplan(i setting.Interface, tree map[string]any) setting.Interface {
	if on, _ := truth(tree, "dhcp4"); on {
		i.IPv4 = "dhcp"
	}
	if on, _ := truth(tree, "dhcp6"); on {
		i.IPv6 = "auto"
	}
	addresses, _ := tree["addresses"].([]any)
	for _, item := range addresses {
		if options, ok := item.(map[string]any); ok && len(options) == 1 { // with a label or lifetime
			item = slices.Collect(maps.Keys(options))[0]
		}
		address, _ := seedtext.Scalar(item)
		n.address(&i, address)
	}
	for _, key := range []string{"gateway4", "gateway6"} {
		if gateway := text(tree, key); gateway != "" {
			i.Gateways = append(i.Gateways, gateway)
		}
	}
	for _, r := range mappings(tree, "routes") {
		n.route(&i, text(r, "to"), text(r, "via"), text(r, "metric"))
	}
	servers := mapping(tree, "nameservers")
	n.dns = append(n.dns, words(servers, "addresses")...)
	n.search = append(n.search, words(servers, "search")...)
	i.MTU = number(tree, "mtu")
	return i
}

// version1 reads cloud-init's own form, which Proxmox writes.
func (n *netConfig) version1(tree map[string]any) {
	list := mappings(tree, "config")
	cards := 0
	for _, item := range list { // VLANs may stand before their adapters
		if text(item, "type") == "physical" {
			if name := n.find(text(item, "name"), text(item, "mac_address"), "", cards); name != "" {
				n.add(n.subnets(setting.Interface{Name: name, MTU: number(item, "mtu")}, item))
			}
			cards++
		}
	}
	for _, item := range list {
		switch kind := text(item, "type"); kind {
		case "physical":
		case "vlan":
			n.vlan(text(item, "name"), text(item, "vlan_link"), text(item, "vlan_id"), func(i setting.Interface) setting.Interface {
				i.MTU = number(item, "mtu")
				return n.subnets(i, item)
			})
		case "nameserver":
			n.dns = append(n.dns, words(item, "address")...)
			n.search = append(n.search, words(item, "search")...)
		default:
			n.problem("type %q is not read", kind)
		}
	}
}

func (n *netConfig) subnets(i setting.Interface, item map[string]any) setting.Interface {
	for _, s := range mappings(item, "subnets") {
		switch kind := text(s, "type"); kind {
		case "dhcp", "dhcp4":
			i.IPv4 = "dhcp"
		case "dhcp6", "ipv6_slaac", "ipv6_dhcpv6-stateless", "ipv6_dhcpv6-stateful":
			i.IPv6 = "auto"
		case "static", "static6":
			n.address(&i, withMask(text(s, "address"), text(s, "netmask")))
			if gateway := text(s, "gateway"); gateway != "" {
				i.Gateways = append(i.Gateways, gateway)
			}
		case "manual":
		default:
			n.problem("subnets of type %q are not read", kind)
		}
		for _, r := range mappings(s, "routes") {
			n.route(&i, withMask(cmp.Or(text(r, "network"), text(r, "destination")), text(r, "netmask")), text(r, "gateway"), text(r, "metric"))
		}
		n.dns = append(n.dns, words(s, "dns_nameservers")...)
		n.search = append(n.search, words(s, "dns_search")...)
	}
	return i
}

// withMask adds the length of the network to an address without one.
func withMask(address, mask string) string {
	if strings.Contains(address, "/") || mask == "" {
		return address
	}
	if m, err := netip.ParseAddr(mask); err == nil {
		ones := 0
		for _, b := range m.AsSlice() {
			for ; b&0x80 != 0; b <<= 1 {
				ones++
			}
		}
		return fmt.Sprintf("%s/%d", address, ones)
	}
	return address + "/" + mask // a length
}

func (n *netConfig) address(i *setting.Interface, text string) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		n.problem("%q is not an address with the length of its network, such as 192.0.2.7/24", text)
		return
	}
	i.Addresses = append(i.Addresses, prefix.String())
	if prefix.Addr().Is4() {
		i.IPv4 = cmp.Or(i.IPv4, "static")
	} else {
		i.IPv6 = cmp.Or(i.IPv6, "static")
	}
}

func (n *netConfig) route(i *setting.Interface, to, via, metric string) {
	if to == "default" || to == "0.0.0.0/0" || to == "::/0" {
		i.Gateways = append(i.Gateways, via)
		return
	}
	m, _ := strconv.Atoi(metric)
	i.Routes = append(i.Routes, setting.StaticRoute{To: to, Via: via, Metric: m})
}

// unique keeps the first of each.
func unique(list []string) []string {
	var kept []string
	for _, s := range list {
		if !slices.Contains(kept, s) {
			kept = append(kept, s)
		}
	}
	return kept
}

func number(tree map[string]any, key string) int {
	n, _ := strconv.Atoi(text(tree, key))
	return n
}

// add keeps an interface unless it is as one is that nobody speaks of.
func (n *netConfig) add(i setting.Interface) {
	said := i.IPv4 != "" || i.IPv6 != "" || len(i.Routes) > 0
	i.IPv6 = cmp.Or(i.IPv6, "auto")
	if i.IPv4 == "" {
		i.IPv4 = "dhcp"
		if said {
			i.IPv4 = "off"
		}
	}
	plain := i.VLAN == 0 && i.IPv4 == "dhcp" && i.IPv6 == "auto" && i.MTU == 0 &&
		len(i.Addresses)+len(i.Gateways)+len(i.Routes) == 0
	if !plain {
		n.interfaces = append(n.interfaces, i)
	}
}
