package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/nettext"
)

// A change of the address cannot be answered: the pages say beforehand where
// to go on.

// moves says whether the pages are reached elsewhere once the first
// adapter's values have changed to these, and where; "" is not known.
func (v *visit) moves(values map[string]string) (to string, moves bool) {
	here, _, known := v.here()
	if known && values["network.mode"] == "dhcp" {
		return "", true
	}
	prefix, err := netip.ParsePrefix(strings.TrimSpace(values["network.address"]))
	if !known || err != nil || here == prefix.Addr() {
		return "", false
	}
	return v.pagesAt(prefix.Addr()), true
}

// movesTo says the same of all adapters: old are in force, new are to be.
func (v *visit) movesTo(old, new []setting.Interface) (to string, moves bool) {
	here, name, known := v.here()
	if !known {
		return "", false
	}
	before, after := entryOf(old, name), entryOf(new, name)
	source := func(i setting.Interface) string {
		if here.Is4() {
			return i.IPv4
		}
		return i.IPv6
	}
	if slices.Contains(hostsOf(after), here) {
		return "", false
	}
	if mode := source(after); mode == "dhcp" || mode == "auto" {
		return "", source(before) != mode // the network says another address than the one that was fixed
	}
	hosts := hostsOf(after)
	slices.SortStableFunc(hosts, func(a, b netip.Addr) int { // the same family first
		return distance(a, here) - distance(b, here)
	})
	for _, i := range new {
		hosts = append(hosts, hostsOf(i)...)
	}
	if len(hosts) == 0 {
		return "", true
	}
	return v.pagesAt(hosts[0]), true
}

func distance(a, b netip.Addr) int {
	if a.Is4() == b.Is4() {
		return 0
	}
	return 1
}

// entryOf is an adapter's entry; one that the network tells everything when it
// has none, and one that is off when it is a VLAN without one.
func entryOf(list []setting.Interface, name string) setting.Interface {
	if i := slices.IndexFunc(list, func(i setting.Interface) bool { return i.Name == name }); i >= 0 {
		return list[i]
	}
	if _, _, isVLAN := nettext.SplitVLAN(name); isVLAN {
		return setting.Interface{Name: name, IPv4: "off", IPv6: "off"}
	}
	return setting.Interface{Name: name, IPv4: "dhcp", IPv6: "auto"}
}

// hostsOf are an entry's own addresses, those that can be read.
func hostsOf(i setting.Interface) (list []netip.Addr) {
	for _, text := range i.Addresses {
		if p, err := netip.ParsePrefix(text); err == nil {
			list = append(list, p.Addr())
		}
	}
	return list
}

// here is the address to which the visitor came, and the adapter that has it.
// Who came by a name, or to another address than the machine knows (through a
// forwarded port), may be led on as before: then it is not known.
func (v *visit) here() (addr netip.Addr, adapter string, known bool) {
	host, _, err := net.SplitHostPort(v.r.Host)
	if err != nil {
		host = strings.Trim(v.r.Host, "[]")
	}
	addr, err = netip.ParseAddr(host)
	if err != nil {
		return addr, "", false
	}
	i := slices.IndexFunc(v.status.Network, func(i wire.Interface) bool {
		return slices.ContainsFunc(i.Addresses, func(a string) bool {
			p, err := netip.ParsePrefix(a)
			return err == nil && p.Addr() == addr
		})
	})
	if i < 0 {
		return addr, "", false
	}
	return addr, v.status.Network[i].Name, true
}

// pagesAt is where the pages are at another address, on the same port.
func (v *visit) pagesAt(addr netip.Addr) string {
	_, port, err := net.SplitHostPort(v.r.Host)
	if err != nil {
		port = "443"
	}
	return "https://" + net.JoinHostPort(addr.String(), port) + "/"
}

// movingView says beforehand where to go on, since the answer to a change of
// the address cannot arrive.
type movingView struct {
	To, Back string
	Sent     []sentValue
	Setup    bool
}

type sentValue struct{ Name, Value string }

func (v *visit) askToMove(to string) error {
	view := movingView{To: to, Back: v.r.URL.Path, Setup: v.status.Setup == wire.SetupNeeded}
	for name, list := range v.r.PostForm {
		for _, value := range list {
			view.Sent = append(view.Sent, sentValue{name, value})
		}
	}
	slices.SortStableFunc(view.Sent, func(a, b sentValue) int { return strings.Compare(a.Name, b.Name) })
	return v.show(http.StatusOK, "moving", "", v.T("web.moving"), view)
}
