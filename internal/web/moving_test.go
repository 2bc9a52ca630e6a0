package web

import (
	"net/http/httptest"
	"testing"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// The pages say where they go exactly when the visitor's own address goes.
func TestMoving(t *testing.T) {
	static := func(name string, addresses ...string) setting.Interface {
		return setting.Interface{Name: name, IPv4: "static", IPv6: "static", Addresses: addresses}
	}
	dhcp := func(name string) setting.Interface { return setting.Interface{Name: name, IPv4: "dhcp", IPv6: "auto"} }
	off := setting.Interface{Name: "eth0", IPv4: "off", IPv6: "off"}
	type list = []setting.Interface
	now := list{static("eth0", "192.0.2.7/24", "2001:db8::7/64"), static("eth1", "198.51.100.7/24"), static("eth0.5", "203.0.113.7/24")}
	for _, c := range []struct {
		host     string
		old, new list
		to       string
		moves    bool
	}{
		{"192.0.2.7:5480", now, now, "", false},
		{"192.0.2.7:5480", now, list{static("eth0", "192.0.2.8/24", "2001:db8::7/64")}, "https://192.0.2.8:5480/", true},
		{"192.0.2.7", now, list{static("eth0", "2001:db8::9/64", "192.0.2.8/24")}, "https://192.0.2.8:443/", true},
		{"192.0.2.7:5480", now, list{static("eth0", "192.0.2.9/24", "192.0.2.7/24")}, "", false},
		{"[2001:db8::7]:5480", now, list{static("eth0", "192.0.2.7/24", "2001:db8::8/64")}, "https://[2001:db8::8]:5480/", true},
		{"[2001:db8::7]", now, list{static("eth0", "192.0.2.7/24")}, "https://192.0.2.7:443/", true},
		{"192.0.2.7:5480", now, list{dhcp("eth0")}, "", true},
		{"192.0.2.7:5480", now, nil, "", true},
		{"192.0.2.7:5480", nil, list{{Name: "eth0", IPv4: "dhcp", IPv6: "auto", MTU: 1400}}, "", false}, // the same lease
		{"192.0.2.7:5480", nil, list{static("eth0", "192.0.2.7/24")}, "", false},
		{"192.0.2.7:5480", now, list{off, static("eth1", "198.51.100.8/24")}, "https://198.51.100.8:5480/", true},
		{"192.0.2.7:5480", now, list{off}, "", true},
		{"198.51.100.7:5480", now, list{static("eth0", "192.0.2.9/24"), static("eth1", "198.51.100.7/24")}, "", false}, // another adapter's
		{"203.0.113.7:5480", now, list{now[0]}, "https://192.0.2.7:5480/", true},                                       // the VLAN goes
		{"shop.example.com:5480", now, list{off}, "", false},
		{"10.0.2.2:5480", now, list{off}, "", false}, // a forwarded port
	} {
		v := &visit{r: httptest.NewRequest("POST", "https://"+c.host+"/", nil)}
		v.status.Network = []wire.Interface{
			{Name: "eth0", Addresses: []string{"192.0.2.7/24", "2001:db8::7/64"}}, {Name: "eth1", Addresses: []string{"198.51.100.7/24"}},
			{Name: "eth0.5", Addresses: []string{"203.0.113.7/24"}},
		}
		if to, moves := v.movesTo(c.old, c.new); to != c.to || moves != c.moves {
			t.Errorf("from %s, %+v: %q, %v; want %q, %v", c.host, c.new, to, moves, c.to, c.moves)
		}
	}
}

// The simple form has the first adapter's values.
func TestMovingByValues(t *testing.T) {
	for _, c := range []struct {
		host   string
		values map[string]string
		to     string
		moves  bool
	}{
		{"192.0.2.7:5480", map[string]string{"network.hostname": "x"}, "", false},
		{"192.0.2.7:5480", map[string]string{"network.mode": "static", "network.address": " 192.0.2.8/24"}, "https://192.0.2.8:5480/", true},
		{"192.0.2.7:5480", map[string]string{"network.mode": "static", "network.address": "192.0.2.7/24"}, "", false},
		{"192.0.2.7:5480", map[string]string{"network.address": "nonsense"}, "", false},
		{"192.0.2.7:5480", map[string]string{"network.mode": "dhcp"}, "", true},
		{"shop.example.com:5480", map[string]string{"network.mode": "dhcp"}, "", false},
	} {
		v := &visit{r: httptest.NewRequest("POST", "https://"+c.host+"/", nil)}
		v.status.Network = []wire.Interface{{Name: "eth0", Addresses: []string{"192.0.2.7/24"}}}
		if to, moves := v.moves(c.values); to != c.to || moves != c.moves {
			t.Errorf("%s, %v: %q, %v; want %q, %v", c.host, c.values, to, moves, c.to, c.moves)
		}
	}
}

// What is shown of a form's way back is the page of the form.
func TestShown(t *testing.T) {
	s := newSite(fakeAPI{status: demo()})
	for path, want := range map[string]string{
		"/": "/", "/settings/firewall": "/settings/firewall", "/settings/firewall/rules": "/settings/firewall",
		"/access/accounts/otto/role": "/access", "/history/3/revert": "/history/3", "/services/web/restart": "/", "/nothing/at/all": "/",
	} {
		if got := s.shown(path); got != want {
			t.Errorf("%s is shown at %s; want %s", path, got, want)
		}
	}
}
