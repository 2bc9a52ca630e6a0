package setting_test

import (
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/settingtest"
)

// partOf is one setting by its key.
func partOf(key string) setting.Setting {
	for _, s := range setting.All() {
		if s.Key() == key {
			return s
		}
	}
	panic("no setting " + key)
}

// wired is a document whose network has these interfaces.
func wired(interfaces ...setting.Interface) *setting.Document {
	d := setting.Default(settingtest.Env())
	d.Network.Interfaces = interfaces
	return d
}

// static is eth0 with an address and gateway of IPv4.
func static() setting.Interface {
	return setting.Interface{
		Name: "eth0", IPv4: "static", IPv6: "auto", Addresses: []string{"192.0.2.7/24"}, Gateways: []string{"192.0.2.1"},
	}
}

const plainFiles = `-- /etc/hostname 0644 root
demo
-- /etc/hosts 0644 root
127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
127.0.1.1 demo
`

func TestNetworkFiles(t *testing.T) {
	everything := setting.Interface{
		Name: "ens18", IPv4: "static", IPv6: "static", MTU: 9000,
		Addresses: []string{"192.0.2.7/24", "198.51.100.7/25", "2001:DB8::7/64"},
		Gateways:  []string{"192.0.2.1", "fe80::1"},
		Routes:    []setting.StaticRoute{{To: "10.0.0.0/8", Via: "192.0.2.2", Metric: 50}, {To: "fd00::/8", Via: "2001:db8::2"}},
	}
	for _, c := range []struct {
		name    string
		network setting.Network
		want    string
	}{
		{"DHCP", setting.Network{Hostname: "demo"}, plainFiles},
		{"a whole name, DNS and domains", setting.Network{
			Hostname: "demo.example.com", DNS: []string{"192.0.2.53", "2001:DB8::53"}, Search: []string{"example.com", "lab.example.com"},
		}, `-- /etc/hostname 0644 root
demo.example.com
-- /etc/hosts 0644 root
127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
127.0.1.1 demo.example.com demo
-- /run/systemd/resolved.conf.d/50-ingot.conf 0644 root
[Resolve]
DNS=192.0.2.53
DNS=2001:db8::53
Domains=example.com
Domains=lab.example.com
`},
		{"static", setting.Network{Hostname: "demo", Interfaces: []setting.Interface{everything}}, plainFiles +
			`-- /etc/systemd/network/10-ingot-ens18.network 0644 root
[Match]
Name=ens18

[Link]
MTUBytes=9000

[Network]
DHCP=no
IPv6AcceptRA=no
LinkLocalAddressing=ipv6
IPv6PrivacyExtensions=no
Address=192.0.2.7/24
Address=198.51.100.7/25
Address=2001:db8::7/64
Gateway=192.0.2.1
Gateway=fe80::1

[Route]
Destination=10.0.0.0/8
Gateway=192.0.2.2
Metric=50

[Route]
Destination=fd00::/8
Gateway=2001:db8::2
`},
		{"VLANs on an adapter that asks by DHCP", setting.Network{Hostname: "demo", Interfaces: []setting.Interface{
			{Name: "eth0.10", VLAN: 10, IPv4: "static", IPv6: "off", Addresses: []string{"192.0.2.7/24"}},
			{Name: "eth0.20", VLAN: 20, IPv4: "off", IPv6: "auto"},
		}}, plainFiles + `-- /etc/systemd/network/10-ingot-eth0.10.network 0644 root
[Match]
Name=eth0.10

[Network]
DHCP=no
IPv6AcceptRA=no
LinkLocalAddressing=no
IPv6PrivacyExtensions=no
Address=192.0.2.7/24
-- /etc/systemd/network/10-ingot-eth0.10.netdev 0644 root
[NetDev]
Name=eth0.10
Kind=vlan

[VLAN]
Id=10
-- /etc/systemd/network/10-ingot-eth0.20.network 0644 root
[Match]
Name=eth0.20

[Network]
DHCP=ipv6
IPv6AcceptRA=yes
LinkLocalAddressing=ipv6
IPv6PrivacyExtensions=no
-- /etc/systemd/network/10-ingot-eth0.20.netdev 0644 root
[NetDev]
Name=eth0.20
Kind=vlan

[VLAN]
Id=20
-- /etc/systemd/network/10-ingot-eth0.network 0644 root
[Match]
Name=eth0

[Network]
DHCP=yes
IPv6AcceptRA=yes
LinkLocalAddressing=ipv6
IPv6PrivacyExtensions=no
VLAN=eth0.10
VLAN=eth0.20

[DHCPv4]
ClientIdentifier=mac
UseDomains=yes
`},
		{"a trunk", setting.Network{Hostname: "demo", Interfaces: []setting.Interface{
			{Name: "eth0", IPv4: "off", IPv6: "off"},
			{Name: "eth1", IPv4: "dhcp", IPv6: "off"},
		}}, plainFiles + `-- /etc/systemd/network/10-ingot-eth0.network 0644 root
[Match]
Name=eth0

[Network]
DHCP=no
IPv6AcceptRA=no
LinkLocalAddressing=no
IPv6PrivacyExtensions=no
-- /etc/systemd/network/10-ingot-eth1.network 0644 root
[Match]
Name=eth1

[Network]
DHCP=ipv4
IPv6AcceptRA=no
LinkLocalAddressing=no
IPv6PrivacyExtensions=no

[DHCPv4]
ClientIdentifier=mac
UseDomains=yes
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := wired()
			d.Network = c.network
			if problems := partOf("network").Validate(settingtest.Env(), d); len(problems) > 0 {
				t.Errorf("not valid: %+v", problems)
			}
			files, err := partOf("network").Files(settingtest.Env(), d)
			if err != nil {
				t.Fatal(err)
			}
			if got := settingtest.Files(files); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// No value brings a line of its own into a file, valid or not.
func TestNetworkFilesKeepToTheirLines(t *testing.T) {
	const evil = "x\n[Network]\nDHCP=yes"
	for name, spoil := range map[string]func(n *setting.Network){
		"hostname": func(n *setting.Network) { n.Hostname = evil },
		"name":     func(n *setting.Network) { n.Interfaces[0].Name = evil },
		"pattern":  func(n *setting.Network) { n.Interfaces[0].Name = "eth*" },
		"path":     func(n *setting.Network) { n.Interfaces[0].Name = "../x" },
		"address":  func(n *setting.Network) { n.Interfaces[0].Addresses[0] = "192.0.2.7/24\nx" },
		"gateway":  func(n *setting.Network) { n.Interfaces[0].Gateways[0] = evil },
		"zone":     func(n *setting.Network) { n.Interfaces[0].Gateways[0] = "fe80::1%x\nDHCP=yes" },
		"route":    func(n *setting.Network) { n.Interfaces[0].Routes[0].To = evil },
		"via":      func(n *setting.Network) { n.Interfaces[0].Routes[0].Via = evil },
		"DNS":      func(n *setting.Network) { n.DNS[0] = evil },
		"search":   func(n *setting.Network) { n.Search[0] = evil },
	} {
		d := wired(static())
		d.Network.Interfaces[0].Routes = []setting.StaticRoute{{To: "10.0.0.0/8", Via: "192.0.2.2"}}
		d.Network.DNS, d.Network.Search = []string{"192.0.2.53"}, []string{"example.com"}
		if _, err := partOf("network").Files(settingtest.Env(), d); err != nil {
			t.Fatal(err)
		}
		spoil(&d.Network)
		if files, err := partOf("network").Files(settingtest.Env(), d); err == nil {
			t.Errorf("%s: wrote\n%s", name, settingtest.Files(files))
		}
		if problems := partOf("network").Validate(settingtest.Env(), d); len(problems) == 0 {
			t.Errorf("%s is valid", name)
		}
	}
}

func TestNetworkValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(n *setting.Network)
		want   string // "path: message"; "" when it is valid
	}{
		{"nothing", func(n *setting.Network) {}, ""},
		{"unknown adapter", func(n *setting.Network) { n.Interfaces[0].Name = "ens99" }, ""},
		{"whole name", func(n *setting.Network) { n.Hostname = "a-1.Example.com" }, ""},
		{"no name", func(n *setting.Network) { n.Hostname = "" }, "network.hostname: the host name must not be empty"},
		{"long name", func(n *setting.Network) { n.Hostname = strings.Repeat("abcdefg.", 8) + "a" }, "network.hostname: the host name is longer than 64 characters"},
		{"long label", func(n *setting.Network) { n.Hostname = strings.Repeat("a", 64) }, "network.hostname: the host name has a part between dots of more than 63 characters"},
		{"dash", func(n *setting.Network) { n.Hostname = "-a" }, "network.hostname: the host name has a part that begins or ends with a dash"},
		{"underscore", func(n *setting.Network) { n.Hostname = "a_b" }, "network.hostname: the host name may hold only letters, digits, dashes and dots"},
		{"umlaut", func(n *setting.Network) { n.Hostname = "büro" }, "network.hostname: the host name may hold only letters, digits, dashes and dots"},
		{"dot at the end", func(n *setting.Network) { n.Hostname = "a." }, "network.hostname: the host name has an empty part between dots"},
		{"address for a name", func(n *setting.Network) { n.Hostname = "192.0.2.7" }, "network.hostname: the host name ends in a number, as if it were an address"},

		{"loopback", func(n *setting.Network) { n.Interfaces[0].Name = "lo" }, `network.interfaces[0].name: "lo" is not the name of an adapter`},
		{"long adapter", func(n *setting.Network) { n.Interfaces[0].Name = "abcdefghijklmnop" }, `network.interfaces[0].name: "abcdefghijklmnop" is not the name of an adapter`},
		{"adapter twice", func(n *setting.Network) {
			n.Interfaces = append(n.Interfaces, setting.Interface{Name: "eth0", IPv4: "dhcp", IPv6: "off"})
		}, "network.interfaces[1].name: the adapter eth0 is there twice"},
		{"ipv4", func(n *setting.Network) {
			n.Interfaces[0].IPv4 = "auto"
			n.Interfaces[0].Addresses = nil
			n.Interfaces[0].Gateways = nil
		},
			`network.interfaces[0].ipv4: "auto" says nothing of where IPv4 addresses come from`},
		{"ipv6", func(n *setting.Network) { n.Interfaces[0].IPv6 = "" }, `network.interfaces[0].ipv6: "" says nothing of where IPv6 addresses come from`},

		{"address without a length", func(n *setting.Network) { n.Interfaces[0].Addresses = append(n.Interfaces[0].Addresses, "192.0.2.8") },
			`network.interfaces[0].addresses[1]: the address "192.0.2.8" lacks the length of its network: write it as in 192.0.2.7/24`},
		{"no address", func(n *setting.Network) { n.Interfaces[0].Addresses = append(n.Interfaces[0].Addresses, "x") },
			`network.interfaces[0].addresses[1]: the address "x" is not an address with the length of its network, such as 192.0.2.7/24`},
		{"network", func(n *setting.Network) { n.Interfaces[0].Addresses[0] = "192.0.2.0/24" },
			`network.interfaces[0].addresses[0]: the address "192.0.2.0/24" is the network itself, not an address in it`},
		{"broadcast", func(n *setting.Network) {
			n.Interfaces[0].Addresses[0] = "192.0.3.255/23"
			n.Interfaces[0].Gateways = nil
		},
			`network.interfaces[0].addresses[0]: the address "192.0.3.255/23" is the network's broadcast address`},
		{"two addresses of a cable", func(n *setting.Network) {
			n.Interfaces[0].Addresses[0] = "192.0.2.0/31"
		}, ""},
		{"single address", func(n *setting.Network) {
			n.Interfaces[0].Addresses[0] = "192.0.2.7/32"
			n.Interfaces[0].Gateways = nil
		}, ""},
		{"multicast", func(n *setting.Network) {
			n.Interfaces[0].Addresses = append(n.Interfaces[0].Addresses, "224.0.0.5/24")
		},
			`network.interfaces[0].addresses[1]: the address "224.0.0.5/24" is not the address of a machine`},
		{"loopback address", func(n *setting.Network) { n.Interfaces[0].Addresses = append(n.Interfaces[0].Addresses, "127.0.0.5/8") },
			`network.interfaces[0].addresses[1]: the address "127.0.0.5/8" is the machine's own address inside itself`},
		{"address twice", func(n *setting.Network) {
			n.Interfaces = append(n.Interfaces, setting.Interface{Name: "eth1", IPv4: "static", IPv6: "off", Addresses: []string{"192.0.2.7/25"}})
		}, "network.interfaces[1].addresses[0]: the address 192.0.2.7 is there twice"},
		{"static without an address", func(n *setting.Network) { n.Interfaces[0].Addresses = nil; n.Interfaces[0].Gateways = nil },
			"network.interfaces[0].ipv4: ipv4 is static, but there is no IPv4 address"},
		{"static IPv6 without an address", func(n *setting.Network) { n.Interfaces[0].IPv6 = "static" },
			"network.interfaces[0].ipv6: ipv6 is static, but there is no IPv6 address"},
		{"an address beside DHCP", func(n *setting.Network) { n.Interfaces[0].IPv4 = "dhcp" },
			"network.interfaces[0].addresses[0]: there is an IPv4 address, but ipv4 is dhcp"},
		{"an IPv6 address beside auto", func(n *setting.Network) {
			n.Interfaces[0].Addresses = append(n.Interfaces[0].Addresses, "2001:db8::7/64")
		}, "network.interfaces[0].addresses[1]: there is an IPv6 address, but ipv6 is auto"},

		{"gateway elsewhere", func(n *setting.Network) { n.Interfaces[0].Gateways[0] = "198.51.100.1" },
			"network.interfaces[0].gateways[0]: the gateway 198.51.100.1 is in no network of this adapter's static addresses"},
		{"gateway is us", func(n *setting.Network) { n.Interfaces[0].Gateways[0] = "192.0.2.7" },
			"network.interfaces[0].gateways[0]: the gateway 192.0.2.7 is this adapter's own address"},
		{"gateway is the broadcast address", func(n *setting.Network) { n.Interfaces[0].Gateways[0] = "192.0.2.255" },
			"network.interfaces[0].gateways[0]: the gateway 192.0.2.255 is not the address of a machine in 192.0.2.0/24"},
		{"link-local gateway", func(n *setting.Network) { n.Interfaces[0].Gateways = append(n.Interfaces[0].Gateways, "fe80::1") }, ""},
		{"link-local gateway without IPv6", func(n *setting.Network) {
			n.Interfaces[0].IPv6 = "off"
			n.Interfaces[0].Gateways = append(n.Interfaces[0].Gateways, "fe80::1")
		}, "network.interfaces[0].gateways[1]: the gateway fe80::1 is an IPv6 address, but ipv6 is off"},
		{"two gateways", func(n *setting.Network) { n.Interfaces[0].Gateways = append(n.Interfaces[0].Gateways, "192.0.2.2") },
			"network.interfaces[0].gateways[1]: there is another gateway of the same family"},
		{"two adapters with gateways", func(n *setting.Network) {
			n.Interfaces = append(n.Interfaces, setting.Interface{Name: "eth1", IPv4: "static", IPv6: "off", Addresses: []string{"198.51.100.7/24"}, Gateways: []string{"198.51.100.1"}})
		}, "network.interfaces[1].gateways[0]: there is another gateway of the same family"},

		{"route", func(n *setting.Network) {
			n.Interfaces[0].Routes = []setting.StaticRoute{{To: "10.0.0.0/8", Via: "192.0.2.2", Metric: 5}}
		}, ""},
		{"route to an address", func(n *setting.Network) {
			n.Interfaces[0].Routes = []setting.StaticRoute{{To: "10.1.0.0/8", Via: "192.0.2.2"}}
		},
			`network.interfaces[0].routes[0].to: "10.1.0.0/8" is not a network`},
		{"route to everywhere", func(n *setting.Network) {
			n.Interfaces[0].Routes = []setting.StaticRoute{{To: "0.0.0.0/0", Via: "192.0.2.2"}}
		},
			"network.interfaces[0].routes[0].to: a route to everywhere is a gateway"},
		{"route by a stranger", func(n *setting.Network) {
			n.Interfaces[0].Routes = []setting.StaticRoute{{To: "10.0.0.0/8", Via: "198.51.100.1"}}
		},
			"network.interfaces[0].routes[0].via: the gateway 198.51.100.1 is in no network of this adapter's static addresses"},
		{"route of two families", func(n *setting.Network) {
			n.Interfaces[0].Routes = []setting.StaticRoute{{To: "10.0.0.0/8", Via: "fe80::1"}}
		},
			"network.interfaces[0].routes[0].via: the network and the gateway are of different families"},
		{"metric", func(n *setting.Network) {
			n.Interfaces[0].Routes = []setting.StaticRoute{{To: "10.0.0.0/8", Via: "192.0.2.2", Metric: -1}}
		}, "network.interfaces[0].routes[0].metric: -1 is not a metric"},
		{"route beside DHCP", func(n *setting.Network) {
			n.Interfaces[0] = setting.Interface{Name: "eth0", IPv4: "dhcp", IPv6: "auto", Routes: []setting.StaticRoute{{To: "10.0.0.0/8", Via: "198.51.100.1"}}}
		}, ""},

		{"MTU", func(n *setting.Network) { n.Interfaces[0].MTU = 9217 }, "network.interfaces[0].mtu: 9217 is not a size of packets that networks have"},
		{"small MTU", func(n *setting.Network) { n.Interfaces[0].MTU = 575 }, "network.interfaces[0].mtu: 575 is not a size of packets that networks have"},
		{"MTU of IPv6", func(n *setting.Network) { n.Interfaces[0].MTU = 1279 }, "network.interfaces[0].mtu: IPv6 needs packets of at least 1280 bytes"},
		{"MTU of IPv4", func(n *setting.Network) { n.Interfaces[0].MTU = 576; n.Interfaces[0].IPv6 = "off" }, ""},

		{"VLAN", func(n *setting.Network) { addVLAN(n, "eth0.4094", 4094, 0) }, ""},
		{"VLAN without a number", func(n *setting.Network) { addVLAN(n, "eth0.5", 0, 0) },
			"network.interfaces[1].vlan: a name with a number after a dot is a VLAN's, but its number is missing"},
		{"VLAN with another number", func(n *setting.Network) { addVLAN(n, "eth0.5", 6, 0) },
			`network.interfaces[1].name: "eth0.5" does not end in the number of its VLAN`},
		{"VLAN of no adapter", func(n *setting.Network) { addVLAN(n, "office", 6, 0) },
			`network.interfaces[1].name: "office" does not end in the number of its VLAN`},
		{"VLAN 4095", func(n *setting.Network) { addVLAN(n, "eth0.4095", 4095, 0) },
			"network.interfaces[1].vlan: 4095 is not the number of a VLAN"},
		{"VLAN on a VLAN", func(n *setting.Network) { addVLAN(n, "eth0.5.6", 6, 0) }, `network.interfaces[1].name: "eth0.5.6" is not the name of an adapter`},
		{"VLAN with larger packets", func(n *setting.Network) { n.Interfaces[0].MTU = 1500; addVLAN(n, "eth0.5", 5, 1501) },
			"network.interfaces[1].mtu: the MTU is greater than that of eth0, which carries the VLAN"},

		{"DNS", func(n *setting.Network) { n.DNS = []string{"192.0.2.53", "dns.example.com"} },
			`network.dns[1]: the DNS server "dns.example.com" is not an IP address`},
		{"DNS of nobody", func(n *setting.Network) { n.DNS = []string{"0.0.0.0"} },
			`network.dns[0]: the DNS server "0.0.0.0" is not the address of a machine`},
		{"DNS twice", func(n *setting.Network) { n.DNS = []string{"192.0.2.53", "192.0.2.53"} },
			"network.dns[1]: the DNS server 192.0.2.53 is there twice"},
		{"search", func(n *setting.Network) { n.Search = []string{"example..com"} },
			`network.search[0]: the search domain "example..com" has an empty part between dots`},
		{"search twice", func(n *setting.Network) { n.Search = []string{"a.b", "a.b"} }, "network.search[1]: the search domain a.b is there twice"},
		{"proxy", func(n *setting.Network) { n.Proxy = "https://user:p%40ss@proxy.example.com:3128/" }, ""},
		{"proxy by address", func(n *setting.Network) { n.Proxy = "http://[2001:db8::1]:3128" }, ""},
		{"proxy without a scheme", func(n *setting.Network) { n.Proxy = "proxy.example.com:3128" }, "network.proxy: the proxy must begin with http:// or https://"},
		{"proxy of a kind", func(n *setting.Network) { n.Proxy = "socks5://proxy:1080" }, "network.proxy: the proxy must begin with http:// or https://"},
		{"proxy without a host", func(n *setting.Network) { n.Proxy = "http://:3128" }, "network.proxy: the proxy has a host that is not a domain name of 1 to 253 characters"},
		{"proxy's port", func(n *setting.Network) { n.Proxy = "http://proxy:70000" }, "network.proxy: the proxy has a port that is not 1 to 65535"},
		{"proxy with a path", func(n *setting.Network) { n.Proxy = "http://proxy/x" }, "network.proxy: the proxy must end after the port"},
		{"proxy with a line", func(n *setting.Network) { n.Proxy = "http://proxy\nx" }, "network.proxy: the proxy is not a URL, such as http://proxy.example.com:3128"},
		{"proxy with a hidden password", func(n *setting.Network) { n.Proxy = "http://user:********@proxy" }, "network.proxy: the proxy has a password that is hidden: give it again"},
		{"no proxy", func(n *setting.Network) {
			n.NoProxy = []string{"localhost", ".example.com", "*.example.com", "192.0.2.7", "2001:db8::/32"}
		}, ""},
		{"no proxy at all", func(n *setting.Network) { n.NoProxy = []string{"a b"} }, `network.no_proxy[0]: "a b" is not a host, a domain, an address or a network`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := wired(static())
			c.change(&d.Network)
			problems := partOf("network").Validate(settingtest.Env(), d)
			var got []string
			for _, p := range problems {
				got = append(got, p.Path+": "+p.Message)
			}
			if strings.Join(got, "\n") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if _, err := partOf("network").Files(settingtest.Env(), d); c.want == "" && err != nil {
				t.Errorf("valid, but: %v", err)
			}
		})
	}
}

func addVLAN(n *setting.Network, name string, number, mtu int) {
	n.Interfaces = append(n.Interfaces, setting.Interface{Name: name, VLAN: number, IPv4: "dhcp", IPv6: "off", MTU: mtu})
}

// TestNetworkProblemsNameTheirProperty: a form moves to the field that is wrong.
func TestNetworkProblemsNameTheirProperty(t *testing.T) {
	for want, change := range map[string]func(*setting.Interface){
		"network.address":  func(i *setting.Interface) { i.Addresses, i.Gateways = nil, nil },
		"network.address6": func(i *setting.Interface) { i.IPv6 = "static" },
		"network.gateway":  func(i *setting.Interface) { i.Gateways = []string{"203.0.113.1"} },
		"network.gateway6": func(i *setting.Interface) { i.Gateways = append(i.Gateways, "2001:db8::1") },
		"":                 func(i *setting.Interface) { i.MTU = 1 },
	} {
		first := setting.Interface{Name: "eth0", IPv4: "static", IPv6: "auto", Addresses: []string{"192.0.2.7/24"}, Gateways: []string{"192.0.2.1"}}
		change(&first)
		env := settingtest.Env()
		d := setting.Default(env)
		d.Network.Interfaces = []setting.Interface{first}
		problems := partOf("network").Validate(env, d)
		if len(problems) != 1 || problems[0].Property != want {
			t.Errorf("want one problem of %q, got %+v", want, problems)
		}
		if _, found := setting.Find(env, want); want != "" && !found {
			t.Errorf("there is no property %s", want)
		}
	}
}

func TestNetworkGuards(t *testing.T) {
	guard := partOf("network").(setting.Guard)
	for name, c := range map[string]struct {
		change func(n *setting.Network)
		want   bool
	}{
		"nothing":    {func(n *setting.Network) {}, false},
		"hostname":   {func(n *setting.Network) { n.Hostname = "x" }, false},
		"search":     {func(n *setting.Network) { n.Search = []string{"x"} }, false},
		"no_proxy":   {func(n *setting.Network) { n.NoProxy = []string{"x"} }, false},
		"empty list": {func(n *setting.Network) { n.DNS = []string{} }, false},
		"dns":        {func(n *setting.Network) { n.DNS = []string{"192.0.2.53"} }, true},
		"proxy":      {func(n *setting.Network) { n.Proxy = "http://x" }, true},
		"address":    {func(n *setting.Network) { n.Interfaces[0].Addresses[0] = "192.0.2.8/24" }, true},
		"mtu":        {func(n *setting.Network) { n.Interfaces[0].MTU = 1400 }, true},
		"interfaces": {func(n *setting.Network) { n.Interfaces = nil }, true},
	} {
		before := wired(static())
		after := before.Clone()
		c.change(&after.Network)
		if got := guard.Guards(before, after); got != c.want {
			t.Errorf("%s: guarded %v, want %v", name, got, c.want)
		}
	}
}
