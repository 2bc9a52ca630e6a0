package setting_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/settingtest"
)

// setAll sets "key=text" after one another.
func setAll(t *testing.T, env setting.Env, d *setting.Document, values ...string) {
	t.Helper()
	for _, v := range values {
		key, text, _ := strings.Cut(v, "=")
		p, ok := setting.Find(env, key)
		if !ok {
			t.Fatalf("there is no property %s", key)
		}
		if err := p.Set(env, d, text); err != nil {
			t.Fatalf("%s: %v", v, err)
		}
	}
}

func interfacesOf(d *setting.Document) string {
	data, _ := json.Marshal(d.Network.Interfaces)
	return string(data)
}

func TestNetworkModes(t *testing.T) {
	const none = "null"
	for _, c := range []struct {
		name   string
		before []setting.Interface
		values []string
		want   string
		valid  bool
	}{
		{"dhcp when it is", nil, []string{"network.mode=dhcp", "network.address=", "network.gateway="}, none, true},
		{"an address alone", nil, []string{"network.address=192.0.2.7/24"},
			`[{"name":"eth0","ipv4":"static","ipv6":"auto","addresses":["192.0.2.7/24"]}]`, true},
		{"all of it", nil, []string{"network.mode=static", "network.address=192.0.2.7/24", "network.gateway=192.0.2.1"},
			`[{"name":"eth0","ipv4":"static","ipv6":"auto","addresses":["192.0.2.7/24"],"gateways":["192.0.2.1"]}]`, true},
		{"in another order", nil, []string{"network.gateway=192.0.2.1", "network.address=192.0.2.7/24", "network.mode=static"},
			`[{"name":"eth0","ipv4":"static","ipv6":"auto","addresses":["192.0.2.7/24"],"gateways":["192.0.2.1"]}]`, true},
		{"both families", nil, []string{"network.address6=2001:DB8::7/64", "network.gateway6=fe80::1", "network.address=192.0.2.7/24", "network.gateway=192.0.2.1"},
			`[{"name":"eth0","ipv4":"static","ipv6":"static","addresses":["192.0.2.7/24","2001:db8::7/64"],"gateways":["fe80::1","192.0.2.1"]}]`, true},
		{"IPv6 alone", nil, []string{"network.mode=static", "network.address=", "network.address6=2001:db8::7/64"},
			`[{"name":"eth0","ipv4":"off","ipv6":"static","addresses":["2001:db8::7/64"]}]`, true},
		{"static without an address", nil, []string{"network.mode=static"}, `[{"name":"eth0","ipv4":"static","ipv6":"auto"}]`, false},
		{"a gateway without an address", nil, []string{"network.gateway=192.0.2.1"},
			`[{"name":"eth0","ipv4":"dhcp","ipv6":"auto","gateways":["192.0.2.1"]}]`, false},
		{"back to dhcp", []setting.Interface{static()}, []string{"network.mode=dhcp"}, none, true},
		{"back to dhcp, but with an MTU", []setting.Interface{{Name: "eth0", IPv4: "static", IPv6: "static", MTU: 1400,
			Addresses: []string{"192.0.2.7/24", "2001:db8::7/64"}, Gateways: []string{"192.0.2.1", "2001:db8::1"}}},
			[]string{"network.mode=dhcp"}, `[{"name":"eth0","ipv4":"dhcp","ipv6":"auto","mtu":1400}]`, true},
		{"another address", []setting.Interface{static()}, []string{"network.address=192.0.2.8/25", "network.gateway=192.0.2.2"},
			`[{"name":"eth0","ipv4":"static","ipv6":"auto","addresses":["192.0.2.8/25"],"gateways":["192.0.2.2"]}]`, true},
		{"no gateway", []setting.Interface{static()}, []string{"network.gateway="},
			`[{"name":"eth0","ipv4":"static","ipv6":"auto","addresses":["192.0.2.7/24"]}]`, true},
		{"other adapters stay", []setting.Interface{{Name: "eth1", IPv4: "off", IPv6: "off"}}, []string{"network.address=192.0.2.7/24", "network.mode=dhcp"},
			`[{"name":"eth1","ipv4":"off","ipv6":"off"}]`, true},
		{"no IPv6 address where IPv6 is off", []setting.Interface{{Name: "eth0", IPv4: "dhcp", IPv6: "off"}}, []string{"network.address6="},
			`[{"name":"eth0","ipv4":"dhcp","ipv6":"off"}]`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := settingtest.Env()
			d := wired(c.before...)
			setAll(t, env, d, c.values...)
			if got := interfacesOf(d); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if problems := partOf("network").Validate(env, d); (len(problems) == 0) != c.valid {
				t.Errorf("problems are %+v", problems)
			}
		})
	}
}

// What a form shows can be sent back, and changes nothing.
func TestNetworkPropertiesGoThereAndBack(t *testing.T) {
	for name, interfaces := range map[string][]setting.Interface{
		"DHCP":   nil,
		"static": {static()},
		"both": {{Name: "eth0", IPv4: "static", IPv6: "static", Addresses: []string{"192.0.2.7/24", "198.51.100.7/24", "2001:db8::7/64"},
			Gateways: []string{"192.0.2.1", "fe80::1"}, Routes: []setting.StaticRoute{{To: "10.0.0.0/8", Via: "192.0.2.2"}}}},
		"IPv6 by hand": {{Name: "eth0", IPv4: "dhcp", IPv6: "static", Addresses: []string{"2001:db8::7/64"}}},
		"IPv6 only":    {{Name: "eth0", IPv4: "off", IPv6: "static", Addresses: []string{"2001:db8::7/64"}}},
		"off":          {{Name: "eth0", IPv4: "off", IPv6: "auto"}},
	} {
		env := settingtest.Env()
		d := wired(interfaces...)
		d.Network.DNS, d.Network.Search = []string{"192.0.2.53", "2001:db8::53"}, []string{"example.com"}
		d.Network.Proxy = "http://user:p%40ss@proxy.example.com:3128"
		before := d.Clone()
		for _, p := range setting.Properties(env) {
			if !strings.HasPrefix(p.Key, "network.") && p.Key != "firewall.management" {
				continue
			}
			if name == "off" && p.Key == "network.mode" { // is shown as dhcp: the form knows two modes
				continue
			}
			text := p.Get(d)
			if strings.Contains(text, "p%40ss") || strings.Contains(text, "p@ss") {
				t.Errorf("%s: the password is shown in %s: %q", name, p.Key, text)
			}
			if err := p.Set(env, d, text); err != nil && (text != "" || p.Required) {
				t.Errorf("%s: %s does not take %q: %v", name, p.Key, text, err)
			}
		}
		if !d.Equal(before) {
			t.Errorf("%s: became %s", name, interfacesOf(d))
		}
	}
}

func TestNetworkPropertiesRefuse(t *testing.T) {
	for _, c := range []struct{ key, text, want string }{
		{"network.hostname", "", "must not be empty"},
		{"network.hostname", "a b", "may hold only letters, digits, dashes and dots"},
		{"network.mode", "auto", "must be dhcp or static"},
		{"network.address", "192.0.2.7", "lacks the length of its network: write it as in 192.0.2.7/24"},
		{"network.address", "2001:db8::7/64", "is not an IPv4 address"},
		{"network.address6", "192.0.2.7/24", "is not an IPv6 address"},
		{"network.gateway", "router", "is not an IP address"},
		{"network.gateway", "fe80::1", "is not an IPv4 address"},
		{"network.gateway6", "192.0.2.1", "is not an IPv6 address"},
		{"network.dns", "192.0.2.53, dns.example.com", `has "dns.example.com", which is not an IP address`},
		{"network.search", "example.com -x", `has "-x", which has a part that begins or ends with a dash`},
		{"network.proxy", "proxy:3128", "must begin with http:// or https://"},
		{"network.proxy", "http://user:********@proxy", "has a password that is hidden: give it again"},
		{"firewall.management", "192.0.2.7/24", `has "192.0.2.7/24", which is not a network; the one around that address is 192.0.2.0/24`},
		{"firewall.management", "office", `has "office", which is not an address or network`},
	} {
		env := settingtest.Env()
		d := setting.Default(env)
		before := d.Clone()
		p, _ := setting.Find(env, c.key)
		err := p.Set(env, d, c.text)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s=%s: %v, want %q", c.key, c.text, err, c.want)
		}
		if !d.Equal(before) {
			t.Errorf("%s=%s changed the document", c.key, c.text)
		}
	}
}

func TestNetworkPropertiesTidyUp(t *testing.T) {
	env := settingtest.Env()
	d := setting.Default(env)
	setAll(t, env, d, "network.hostname= Demo.Example.COM ", "network.dns=192.0.2.53,2001:DB8::53  192.0.2.53", "network.search=Example.com",
		"firewall.management=192.0.2.0/24 198.51.100.7/32")
	for key, want := range map[string]string{
		"network.hostname": "demo.example.com", "network.dns": "192.0.2.53, 2001:db8::53", "network.search": "example.com",
		"firewall.management": "192.0.2.0/24, 198.51.100.7",
	} {
		if p, _ := setting.Find(env, key); p.Get(d) != want {
			t.Errorf("%s is %q, want %q", key, p.Get(d), want)
		}
	}
	setAll(t, env, d, "network.dns=", "network.search= ", "firewall.management=", "network.proxy=")
	if d.Network.DNS != nil || d.Network.Search != nil || d.Firewall.Management != nil || d.Network.Proxy != "" {
		t.Errorf("not empty: %+v", d)
	}
}

func TestNetworkPropertiesMean(t *testing.T) {
	env := settingtest.Env()
	for _, c := range []struct {
		d    *setting.Document
		want bool
	}{{wired(), false}, {wired(static()), true}} {
		for _, key := range []string{"network.address", "network.gateway", "network.address6", "network.gateway6"} {
			if p, _ := setting.Find(env, key); p.When(c.d) != c.want || p.Step != setting.StepNetwork {
				t.Errorf("%s: means something: %v", key, p.When(c.d))
			}
		}
	}
	env.Adapters = nil
	d := wired(setting.Interface{Name: "ens18", IPv4: "dhcp", IPv6: "off"})
	setAll(t, env, d, "network.address=192.0.2.7/24")
	if got := interfacesOf(d); got != `[{"name":"ens18","ipv4":"static","ipv6":"off","addresses":["192.0.2.7/24"]}]` {
		t.Errorf("the first adapter is not that of the document: %s", got)
	}
}

func TestProxyPassword(t *testing.T) {
	for _, c := range []struct{ proxy, shown, changed, kept string }{
		{"http://user:secret@proxy:3128", "http://user:********@proxy:3128", "http://user:********@proxy:3128", "http://user:secret@proxy:3128"},
		{"http://us%2Fer:sec%40ret@proxy", "http://us%2Fer:********@proxy", "https://us%2Fer:********@proxy", "https://us%2Fer:sec%40ret@proxy"},
		{"http://user:secret@proxy", "http://user:********@proxy", "http://user:new@proxy", "http://user:new@proxy"},
		{"http://user:secret@proxy", "http://user:********@proxy", "http://user:********@evil", "http://user:********@evil"},
		{"http://user:secret@proxy", "http://user:********@proxy", "http://other:********@proxy", "http://other:********@proxy"},
		{"http://user@proxy", "http://user@proxy", "http://user@proxy", "http://user@proxy"},
		{"http://proxy", "http://proxy", "", ""},
		{"", "", "http://proxy", "http://proxy"},
		{"http://user:sec ret@%zz", "********", "", ""},
	} {
		if got := setting.HideProxy(c.proxy); got != c.shown {
			t.Errorf("%s is shown as %s, want %s", c.proxy, got, c.shown)
		}
		if got := setting.KeepProxy(c.changed, c.proxy); got != c.kept {
			t.Errorf("%s on %s became %s, want %s", c.changed, c.proxy, got, c.kept)
		}
	}
}

// FuzzNetworkFiles: whatever the values are, the files have the lines that
// valid ones have, and no other; what is valid can be written.
func FuzzNetworkFiles(f *testing.F) {
	f.Add("demo", "eth0", "192.0.2.7/24", "192.0.2.1", "10.0.0.0/8", "192.0.2.53", "example.com")
	f.Add("a\nb", "eth0\n", "192.0.2.7/24\n", "fe80::1%a\nb", "::/0", "[::1]", "~.")
	f.Fuzz(func(t *testing.T, hostname, name, address, gateway, to, dns, search string) {
		env := settingtest.Env()
		d := wired(setting.Interface{
			Name: name, IPv4: "static", IPv6: "auto", Addresses: []string{address}, Gateways: []string{gateway},
			Routes: []setting.StaticRoute{{To: to, Via: gateway}},
		})
		d.Network.Hostname, d.Network.DNS, d.Network.Search = hostname, []string{dns}, []string{search}
		files, err := partOf("network").Files(env, d)
		if err != nil {
			if problems := partOf("network").Validate(env, d); len(problems) == 0 {
				t.Errorf("valid, but: %v", err)
			}
			return
		}
		var keys []string
		for _, file := range files {
			for line := range strings.Lines(string(file.Data)) {
				key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
				if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
					t.Errorf("%s has the line %q", file.Path, line)
				}
				if strings.Contains(file.Path, "systemd") && key != "" {
					keys = append(keys, key)
				}
			}
		}
		want := "[Match] Name [Network] DHCP IPv6AcceptRA LinkLocalAddressing IPv6PrivacyExtensions Address Gateway " +
			"[Route] Destination Gateway [Resolve] DNS Domains"
		if got := strings.Join(keys, " "); got != want && !strings.Contains(name, ".") {
			t.Errorf("the lines are %s", got)
		}
	})
}
