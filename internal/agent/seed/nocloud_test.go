package seed

import (
	"path/filepath"
	"strings"
	"testing"
)

// card adds an Ethernet adapter.
func (m *machine) card(name, mac, index string) {
	dir := filepath.Join("sys/class/net", name)
	m.write(filepath.Join(dir, "type"), "1\n")
	m.write(filepath.Join(dir, "address"), mac+"\n")
	m.write(filepath.Join(dir, "ifindex"), index+"\n")
	m.write(filepath.Join(dir, "device/vendor"), "")
}

func noCloudMachine(t *testing.T, files map[string]string) *machine {
	m := newMachine(t)
	m.card("ens19", "bc:24:11:00:00:02", "3")
	m.card("ens18", "bc:24:11:00:00:01", "2")
	m.write("sys/class/net/lo/type", "772\n")
	m.write("sys/class/net/dummy0/type", "1\n") // no device behind it
	m.disk("sr0", "", "", isoHead("cidata"))
	m.media["sr0"] = files
	return m
}

func TestNoCloud(t *testing.T) {
	for name, test := range map[string]struct {
		files  map[string]string
		text   string
		values map[string]string
		wrong  []string
	}{
		"as Proxmox writes it": {
			files: map[string]string{
				"meta-data": "instance-id: 7d0d4b5e\n",
				"user-data": "#cloud-config\nhostname: web1\nmanage_etc_hosts: true\nfqdn: web1.example.com\nuser: root\npassword: $5$x\nchpasswd:\n  expire: False\nusers:\n  - default\npackage_upgrade: true\n",
				"network-config": "version: 1\nconfig:\n    - type: physical\n      name: eth0\n      mac_address: 'BC:24:11:00:00:01'\n      subnets:\n      - type: static\n        address: '192.0.2.5'\n        netmask: '255.255.255.128'\n        gateway: '192.0.2.1'\n" +
					"    - type: physical\n      name: eth1\n      mac_address: 'bc:24:11:00:00:02'\n      subnets:\n      - type: dhcp4\n    - type: nameserver\n      address:\n      - '192.0.2.53'\n      search:\n      - 'example.com'\n",
			},
			text:   `{"format": 1, "network": {"interfaces": [{"name": "ens18", "ipv4": "static", "ipv6": "auto", "addresses": ["192.0.2.5/25"], "gateways": ["192.0.2.1"]}], "dns": ["192.0.2.53"], "search": ["example.com"]}}`,
			values: map[string]string{"network.hostname": "web1.example.com"},
		},
		"user data": {
			files: map[string]string{
				"meta-data": `{"local-hostname": "from-meta"}`,
				"user-data": "#cloud-config\ntimezone: Europe/Berlin\nntp: {servers: [a.example, b.example], pools: [c.example]}\nkeyboard: {layout: de}\n" +
					"ingot:\n  network.dns: [192.0.2.53, 192.0.2.54]\n  access: {password: hunter2, accounts: [{name: bob}]}\n  application: {db_host: db, workers: 4, debug: false}\n  setup: {eula: accept}\n  time.zone:\n  firewall: {management: [192.0.2.0/24]}\n",
			},
			text: `{"format": 1, "access": {"accounts": [{"name": "bob"}]}, "firewall": {"management": ["192.0.2.0/24"]}}`,
			values: map[string]string{"network.hostname": "from-meta", "time.zone": "Europe/Berlin", "time.servers": "a.example b.example c.example", "keyboard.layout": "de",
				"network.dns": "192.0.2.53 192.0.2.54", "access.password": "hunter2", "application.db_host": "db", "application.workers": "4", "application.debug": "false", "setup.eula": "accept"},
			wrong: []string{"time.zone: came without a value"},
		},
		"netplan": {
			files: map[string]string{"network-config": `
network:
  version: 2
  ethernets:
    any: {match: {name: "ens*9"}, addresses: ["2001:db8::7/64", {"192.0.2.7/24": {label: "x"}}], mtu: 9000,
          routes: [{to: default, via: 192.0.2.1}, {to: 198.51.100.0/24, via: 192.0.2.2, metric: 5}], gateway6: "2001:db8::1",
          nameservers: {addresses: [192.0.2.53, 192.0.2.53], search: [example.com]}}
  vlans:
    v7: {id: 7, link: any, dhcp4: true}
    v8: {id: 4095, link: any}
  bonds: {b: {}}
`},
			text: `{"format": 1, "network": {"interfaces": [
				{"name": "ens19", "ipv4": "static", "ipv6": "static", "addresses": ["2001:db8::7/64", "192.0.2.7/24"], "gateways": ["2001:db8::1", "192.0.2.1"], "routes": [{"to": "198.51.100.0/24", "via": "192.0.2.2", "metric": 5}], "mtu": 9000},
				{"name": "ens19.7", "vlan": 7, "ipv4": "dhcp", "ipv6": "auto"}], "dns": ["192.0.2.53"], "search": ["example.com"]}}`,
			wrong: []string{"VLAN v8 has no number", "bonds are not read"},
		},
		"by number, when no name fits": {
			files: map[string]string{"network-config": "version: 2\nethernets: {eth0: {dhcp4: true}, eth1: {addresses: [2001:db8::9/64]}, eth2: {dhcp4: true}}"},
			text:  `{"format": 1, "network": {"interfaces": [{"name": "ens19", "ipv4": "off", "ipv6": "static", "addresses": ["2001:db8::9/64"]}]}}`,
			wrong: []string{"no network adapter of this machine is eth2"},
		},
		"no card of that address": {
			files: map[string]string{"network-config": "version: 2\nethernets: {ens18: {match: {macaddress: '02:00:00:00:00:01'}, addresses: [192.0.2.7/24]}}"},
			wrong: []string{"no network adapter of this machine is ens18"},
		},
		"version 1, VLAN and routes": {
			files: map[string]string{"network-config": `{"version": 1, "config": [
				{"type": "vlan", "name": "eth0.9", "vlan_link": "eth0", "vlan_id": 9, "subnets": [{"type": "static", "address": "192.0.2.9/24", "dns_nameservers": "192.0.2.53", "routes": [{"network": "198.51.100.0", "netmask": "255.255.255.0", "gateway": "192.0.2.2"}]}]},
				{"type": "physical", "name": "eth0", "subnets": [{"type": "static6", "address": "2001:db8::5", "netmask": "64"}, {"type": "odd"}]},
				{"type": "bridge", "name": "br0"}]}`},
			text: `{"format": 1, "network": {"interfaces": [{"name": "ens18", "ipv4": "off", "ipv6": "static", "addresses": ["2001:db8::5/64"]},
				{"name": "ens18.9", "vlan": 9, "ipv4": "static", "ipv6": "auto", "addresses": ["192.0.2.9/24"], "routes": [{"to": "198.51.100.0/24", "via": "192.0.2.2"}]}], "dns": ["192.0.2.53"]}}`,
			wrong: []string{`subnets of type "odd"`, `type "bridge" is not read`},
		},
		"an address without a length": {
			files: map[string]string{"network-config": "version: 2\nethernets: {ens18: {addresses: [192.0.2.7]}}"},
			wrong: []string{`"192.0.2.7" is not an address with the length`},
		},
		"another version": {files: map[string]string{"network-config": "version: 3"}, wrong: []string{`network-config of the NoCloud disk sr0: its version is "3"`}},
		"a script":        {files: map[string]string{"user-data": "#!/bin/sh\nrm -rf /\n"}, wrong: []string{"user-data does not begin with #cloud-config"}},
		"a mistake":       {files: map[string]string{"user-data": "#cloud-config\na: b: c\n"}, wrong: []string{"user-data of the NoCloud disk sr0: line 2, column"}},
		"a document": {
			files: map[string]string{"user-data": "#cloud-config\nhostname: a\ningot: {format: 1, network: {hostname: b, dns: [192.0.2.53]}, time.zone: UTC}\n"},
			text:  `{"format": 1, "network": {"hostname": "b", "dns": ["192.0.2.53"]}}`, values: map[string]string{"network.hostname": "a", "time.zone": "UTC"},
		},
		"an odd map": {files: map[string]string{"user-data": "#cloud-config\ningot: [a]\n"}, wrong: []string{"ingot: is not a mapping"}},
		"empty":      {files: map[string]string{"user-data": "", "meta-data": "\n", "network-config": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			m := noCloudMachine(t, test.files)
			expect(t, read(t, m.options(), "nocloud"), test.text, test.values, test.wrong...)
		})
	}
}

// FuzzNoCloud: whatever the files hold, they are answers in which no value is
// empty, or an error.
func FuzzNoCloud(f *testing.F) {
	f.Add("instance-id: x\nlocal-hostname: y", "#cloud-config\ningot: {network.hostname: x, a: {b: [c, {d: e}]}}", "version: 1\nconfig: [{type: physical, name: eth0, subnets: [{type: static, address: 192.0.2.1, netmask: 255.255.255.0}]}]")
	f.Add("", "#cloud-config\nntp: {servers: [a]}\nkeyboard: {layout: de}", "version: 2\nethernets: {a: {match: {name: \"[\"}, addresses: [{x: y}], routes: [{to: default}]}}\nvlans: {v: {id: 1, link: a}}")
	f.Fuzz(func(t *testing.T, meta, user, network string) {
		c := newCollector("nocloud", Options{Keys: testKeys})
		cards := []adapter{{name: "ens18", mac: "02:00:00:00:00:01", index: 2}}
		if c.metaData([]byte(meta)) != nil || c.userData([]byte(user)) != nil || c.networkConfig([]byte(network), cards) != nil {
			return
		}
		a, err := c.finish()
		if err != nil {
			t.Fatal(err)
		}
		for key, value := range a.Values {
			if strings.TrimSpace(value) == "" {
				t.Errorf("%q is empty", key)
			}
		}
		if len(a.Text) > 0 && a.Text[0] != '{' {
			t.Errorf("text = %q", a.Text)
		}
	})
}
