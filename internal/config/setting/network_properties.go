package setting

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/config/setting/nettext"
)

const groupNetwork = "Network"

// Properties are what a form asks: the names, and the first adapter. The
// others are set in the document.
func (network) Properties(env Env) []Property {
	list := append(namingProperties(), adapterProperties(env)...)
	list = append(list, serverProperties()...)
	for i := range list {
		list[i].Group, list[i].Step = groupNetwork, StepNetwork
	}
	return list
}

func namingProperties() []Property {
	return []Property{{
		Key: "network.hostname", Title: "Host name", Type: String, Required: true, Example: "demo.example.com",
		Help: "The name of this machine: letters, digits and dashes, or a whole domain name.",
		Get:  func(d *Document) string { return d.Network.Hostname },
		Set: func(_ Env, d *Document, text string) error {
			name := strings.ToLower(strings.TrimSpace(text))
			if err := nettext.CheckHostname(name); err != nil {
				return err
			}
			d.Network.Hostname = name
			return nil
		},
	}}
}

// adapterProperties are those of the first adapter.
func adapterProperties(env Env) []Property {
	isStatic := func(d *Document) bool { return firstInterface(env, d).static() }
	return []Property{
		{
			Key: "network.mode", Title: "Addresses", Type: Enum, Default: byDHCP,
			Help:    "Whether the first network adapter asks the network for an address or has one of its own.",
			Options: []Option{{Value: byDHCP, Title: "Automatic (DHCP)"}, {Value: byStatic, Title: "Static"}},
			Get: func(d *Document) string {
				if isStatic(d) {
					return byStatic
				}
				return byDHCP
			},
			Set: setMode,
		},
		addressProperty(env, false, Property{
			Key: "network.address", Title: "IPv4 address", Example: "192.0.2.7/24", When: isStatic,
			Help: "The address with the length of its network.",
		}),
		gatewayProperty(env, false, Property{
			Key: "network.gateway", Title: "IPv4 gateway", Example: "192.0.2.1", When: isStatic,
			Help: "The router that leads to other networks.",
		}),
		addressProperty(env, true, Property{
			Key: "network.address6", Title: "IPv6 address", Example: "2001:db8::7/64", When: isStatic,
			Help: "The address with the length of its network. Empty leaves IPv6 automatic.",
		}),
		gatewayProperty(env, true, Property{
			Key: "network.gateway6", Title: "IPv6 gateway", Example: "2001:db8::1", When: isStatic,
			Help: "The router that leads to other IPv6 networks.",
		}),
	}
}

// setMode makes the first adapter static or automatic; the former still wants
// an address.
func setMode(env Env, d *Document, text string) error {
	switch text {
	case byStatic:
		editFirst(env, d, func(i *Interface) {
			if !i.static() {
				i.IPv4 = byStatic
			}
		})
	case byDHCP:
		editFirst(env, d, func(i *Interface) {
			i.drop(false)
			i.IPv4 = byDHCP
			if i.IPv6 == byStatic {
				i.drop(true)
				i.IPv6 = byAuto
			}
		})
	default:
		return errors.New("must be dhcp or static")
	}
	return nil
}

// addressProperty is the first adapter's first address of a family.
func addressProperty(env Env, six bool, p Property) Property {
	p.Type = Prefix
	p.Get = func(d *Document) string {
		for _, a := range firstInterface(env, d).Addresses {
			if isSix(a) == six {
				return a
			}
		}
		return ""
	}
	p.Set = func(env Env, d *Document, text string) error {
		text = strings.TrimSpace(text)
		if text == "" {
			editFirst(env, d, func(i *Interface) { i.noAddress(six) })
			return nil
		}
		a, err := nettext.ParsePrefix(text)
		if err != nil {
			return err
		}
		if a.Addr().Is6() != six {
			return fmt.Errorf("is not an IPv%d address", family(six))
		}
		editFirst(env, d, func(i *Interface) { i.setAddress(six, a.String()) })
		return nil
	}
	return p
}

// gatewayProperty is the first adapter's gateway of a family.
func gatewayProperty(env Env, six bool, p Property) Property {
	p.Type = Address
	p.Get = func(d *Document) string {
		for _, g := range firstInterface(env, d).Gateways {
			if isSix(g) == six {
				return g
			}
		}
		return ""
	}
	p.Set = func(env Env, d *Document, text string) error {
		var gateways []string
		if text = strings.TrimSpace(text); text != "" {
			g, err := nettext.ParseAddr(text)
			if err != nil {
				return err
			}
			if g.Is6() != six {
				return fmt.Errorf("is not an IPv%d address", family(six))
			}
			gateways = []string{g.String()}
		}
		editFirst(env, d, func(i *Interface) {
			others := slices.DeleteFunc(slices.Clone(i.Gateways), func(g string) bool { return isSix(g) == six })
			i.Gateways = append(others, gateways...)
		})
		return nil
	}
	return p
}

// serverProperties are DNS and the proxy.
func serverProperties() []Property {
	return []Property{
		{
			Key: "network.dns", Title: "DNS servers", Type: Addresses, Example: "192.0.2.53, 2001:db8::53",
			Help: "Asked besides those that the network names.",
			Get:  func(d *Document) string { return strings.Join(d.Network.DNS, ", ") },
			Set: func(_ Env, d *Document, text string) error {
				list, err := parseList(text, func(s string) (string, error) {
					a, err := nettext.ParseAddr(s)
					return a.String(), err
				})
				if err == nil {
					d.Network.DNS = list
				}
				return err
			},
		},
		{
			Key: "network.search", Title: "Search domains", Type: Names, Example: "example.com",
			Help: "Domains in which short names are looked up.",
			Get:  func(d *Document) string { return strings.Join(d.Network.Search, ", ") },
			Set: func(_ Env, d *Document, text string) error {
				list, err := parseList(text, func(s string) (string, error) { return strings.ToLower(s), nettext.CheckDomain(s) })
				if err == nil {
					d.Network.Search = list
				}
				return err
			},
		},
		{
			Key: "network.proxy", Title: "Proxy", Type: URL, Example: "http://proxy.example.com:3128",
			Help: "The proxy by which the internet is reached, if there is one; with a user and a password if it wants them.",
			Get:  func(d *Document) string { return HideProxy(d.Network.Proxy) },
			Set: func(_ Env, d *Document, text string) error {
				proxy := KeepProxy(strings.TrimSpace(text), d.Network.Proxy)
				if proxy != "" {
					if err := checkProxy(proxy); err != nil {
						return err
					}
				}
				d.Network.Proxy = proxy
				return nil
			},
		},
	}
}

// parseList reads a list without doubles.
func parseList(text string, parse func(string) (string, error)) ([]string, error) {
	var list []string
	for _, word := range fields(text) {
		canonical, err := parse(word)
		if err != nil {
			return nil, fmt.Errorf("has %q, which %w", word, err)
		}
		if !slices.Contains(list, canonical) {
			list = append(list, canonical)
		}
	}
	return list, nil
}

// firstName is the name of the first adapter, as well as it is known.
func firstName(env Env, d *Document) string {
	switch {
	case len(env.Adapters) > 0:
		return env.Adapters[0]
	case len(d.Network.Interfaces) > 0:
		return d.Network.Interfaces[0].Name
	}
	return "eth0"
}

// firstInterface is the entry of the first adapter; one that asks by DHCP when
// there is none.
func firstInterface(env Env, d *Document) Interface {
	name := firstName(env, d)
	for _, i := range d.Network.Interfaces {
		if i.Name == name {
			return i
		}
	}
	return Interface{Name: name, IPv4: byDHCP, IPv6: byAuto}
}

// editFirst changes the entry of the first adapter, and takes it away when it
// says no more than that all is automatic.
func editFirst(env Env, d *Document, edit func(i *Interface)) {
	entry := firstInterface(env, d)
	edit(&entry)
	plain := entry.IPv4 == byDHCP && entry.IPv6 == byAuto && entry.VLAN == 0 && entry.MTU == 0 &&
		len(entry.Addresses) == 0 && len(entry.Gateways) == 0 && len(entry.Routes) == 0
	list := slices.Clone(d.Network.Interfaces)
	at := slices.IndexFunc(list, func(i Interface) bool { return i.Name == entry.Name })
	switch {
	case at < 0 && plain:
	case at < 0:
		list = append([]Interface{entry}, list...)
	case plain:
		list = slices.Delete(list, at, at+1)
	default:
		list[at] = entry
	}
	if len(list) == 0 {
		list = nil
	}
	d.Network.Interfaces = list
}

func (i Interface) static() bool { return i.IPv4 == byStatic || i.IPv6 == byStatic }

// setAddress puts a family's first address in the place of the one before,
// and so makes the family static. An adapter that became static for its sake,
// and has no IPv4 address, has none.
func (i *Interface) setAddress(six bool, address string) {
	list := slices.Clone(i.Addresses)
	at := slices.IndexFunc(list, func(a string) bool { return isSix(a) == six })
	switch {
	case at >= 0:
		list[at] = address
	case six:
		list = append(list, address)
	default:
		list = append([]string{address}, list...)
	}
	i.Addresses = list
	if !six {
		i.IPv4 = byStatic
		return
	}
	i.IPv6 = byStatic
	if i.IPv4 == byStatic && !i.has(false) {
		i.IPv4 = byNobody
	}
}

// noAddress makes a static family automatic, or, of IPv4, leaves a static
// adapter to its IPv6 address.
func (i *Interface) noAddress(six bool) {
	switch {
	case six && i.IPv6 == byStatic:
		i.drop(true)
		i.IPv6 = byAuto
	case !six && i.IPv4 == byStatic:
		i.drop(false)
		if i.IPv6 == byStatic {
			i.IPv4 = byNobody
		}
	}
}

// has says whether there is an address of a family, right or wrong.
func (i Interface) has(six bool) bool {
	return slices.ContainsFunc(i.Addresses, func(a string) bool { return isSix(a) == six })
}

// drop takes a family's addresses and gateways away.
func (i *Interface) drop(six bool) {
	ofFamily := func(s string) bool { return isSix(s) == six }
	i.Addresses = slices.DeleteFunc(slices.Clone(i.Addresses), ofFamily)
	i.Gateways = slices.DeleteFunc(slices.Clone(i.Gateways), ofFamily)
}

// isSix says whether an address, with or without a length, is one of IPv6.
func isSix(text string) bool {
	text, _, _ = strings.Cut(text, "/")
	a, err := netip.ParseAddr(text)
	return err == nil && a.Is6()
}

func family(six bool) int {
	if six {
		return 6
	}
	return 4
}
