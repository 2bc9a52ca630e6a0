package setting_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/settingtest"
)

// apply plays the engine: it writes the files and calls Apply.
func apply(t *testing.T, m *settingtest.Machine, d *setting.Document) error {
	t.Helper()
	files, err := partOf("network").Files(settingtest.Env(), d)
	if err != nil {
		t.Fatal(err)
	}
	changed := m.Write(t, files...)
	return partOf("network").Apply(context.Background(), m.System(), settingtest.Env(), d, changed)
}

func TestNetworkApplyDoesOnlyWhatIsNew(t *testing.T) {
	m := settingtest.New(t)
	d := wired()
	files, err := partOf("network").Files(settingtest.Env(), d)
	if err != nil {
		t.Fatal(err)
	}
	m.Write(t, files...)
	if err := partOf("network").(setting.Early).ApplyEarly(m.System(), settingtest.Env(), d); err != nil {
		t.Fatal(err)
	}
	m.ExpectCalls(t, "sethostname demo")
	step := func(name string, change func(), want ...string) {
		t.Helper()
		m.Forget()
		change()
		if err := apply(t, m, d); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := m.Calls(); !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	const networkd, resolved = "reload-or-restart systemd-networkd.service", "restart systemd-resolved.service"
	step("nothing", func() {})
	step("the name", func() { d.Network.Hostname = "other" }, "sethostname other")
	step("an address", func() { d.Network.Interfaces = []setting.Interface{static()} }, networkd)
	step("a proxy", func() { d.Network.Proxy = "http://proxy" })
	step("DNS", func() { d.Network.DNS = []string{"192.0.2.53"} }, resolved)
	step("both", func() { d.Network.DNS, d.Network.Interfaces = nil, nil }, networkd, resolved)
	step("again nothing", func() {})
}

// A daemon that failed to read its files reads them when they are put back.
func TestNetworkApplyUndoesAfterAFailure(t *testing.T) {
	m := settingtest.New(t)
	old, broken := wired(), errors.New("broken")
	if err := apply(t, m, old); err != nil {
		t.Fatal(err)
	}
	m.Forget()
	m.Fail("reload-or-restart systemd-networkd.service", broken)
	if err := apply(t, m, wired(static())); !errors.Is(err, broken) {
		t.Fatalf("error %v", err)
	}
	m.Fail("reload-or-restart systemd-networkd.service", nil)
	if err := apply(t, m, old); err != nil {
		t.Fatal(err)
	}
	m.ExpectCalls(t, "reload-or-restart systemd-networkd.service", "reload-or-restart systemd-networkd.service", "restart systemd-resolved.service")
}

// networkd never takes a size of packets back: we do, when a change is undone.
func TestNetworkApplyTakesMTUsBack(t *testing.T) {
	const networkd = "reload-or-restart systemd-networkd.service"
	jumbo := static()
	jumbo.MTU = 9000
	for _, c := range []struct {
		name     string
		early    []setting.Interface // at the start
		mtu      int                 // then
		steps    [][]setting.Interface
		fail     bool // the first step
		networkd int  // the MTU that networkd sets
		want     []string
	}{
		{name: "set and undone", mtu: 1450, networkd: 9000, steps: [][]setting.Interface{{jumbo}, nil},
			want: []string{networkd, networkd, "set-mtu eth0 1450"}},
		{name: "set, changed and undone", mtu: 1450, networkd: 9000, steps: [][]setting.Interface{{jumbo}, {{Name: "eth0", IPv4: "dhcp", IPv6: "auto", MTU: 8000}}, nil},
			want: []string{networkd, networkd, networkd, "set-mtu eth0 1450"}},
		{name: "failed and undone", mtu: 1450, networkd: 9000, fail: true, steps: [][]setting.Interface{{jumbo}, nil},
			want: []string{networkd, networkd, "set-mtu eth0 1450", "restart systemd-resolved.service"}},
		{name: "set since the start", early: []setting.Interface{jumbo}, mtu: 9000, networkd: 9000, steps: [][]setting.Interface{nil},
			want: []string{networkd, "set-mtu eth0 1500"}},
		{name: "nobody's", mtu: 1450, networkd: 1450, steps: [][]setting.Interface{{static()}, nil}, want: []string{networkd, networkd}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := settingtest.New(t)
			m.Kernel.Name = "demo"
			m.Net.LinkList[0].MTU = c.mtu
			if err := partOf("network").(setting.Early).ApplyEarly(m.System(), settingtest.Env(), wired(c.early...)); err != nil {
				t.Fatal(err)
			}
			m.Forget()
			broken := errors.New("broken")
			m.Units.On = func(_ context.Context, action, _ string) error {
				if action != "reload-or-restart" {
					return nil
				}
				m.Net.Change(func(n *settingtest.Net) { n.LinkList = []setting.Link{{Name: "eth0", MTU: c.networkd, Ethernet: true}} })
				if c.fail {
					c.fail = false
					return broken
				}
				return nil
			}
			for _, interfaces := range c.steps {
				if err := apply(t, m, wired(interfaces...)); err != nil && !errors.Is(err, broken) {
					t.Fatal(err)
				}
			}
			m.ExpectCalls(t, c.want...)
		})
	}
}

func TestNetworkApplyDeletesVLANs(t *testing.T) {
	m := settingtest.New(t)
	m.Net.LinkList = append(m.Net.LinkList,
		setting.Link{Name: "eth0.5"}, setting.Link{Name: "eth0.6"}, setting.Link{Name: "br0.5"}, setting.Link{Name: "wg0"},
		setting.Link{Name: "eth0.7", Ethernet: true})
	m.Kernel.Name = "demo"
	if err := apply(t, m, wired(setting.Interface{Name: "eth0.6", VLAN: 6, IPv4: "dhcp", IPv6: "auto"})); err != nil {
		t.Fatal(err)
	}
	m.ExpectCalls(t, "delete-link eth0.5", "reload-or-restart systemd-networkd.service", "restart systemd-resolved.service")
	m.Forget()
	if err := apply(t, m, wired(setting.Interface{Name: "eth0.5", VLAN: 5, IPv4: "dhcp", IPv6: "auto"})); err != nil {
		t.Fatal(err)
	}
	m.ExpectCalls(t, "delete-link eth0.6", "restart systemd-networkd.service") // which alone makes it anew
}

func TestNetworkVerifyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := settingtest.New(t)
		m.Kernel.Name = "demo"
		go func() {
			time.Sleep(3 * time.Second)
			m.Net.Change(func(n *settingtest.Net) {
				n.LinkList[0].Addresses = []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24")}
			})
			time.Sleep(3 * time.Second)
			m.Net.Change(func(n *settingtest.Net) {
				n.RouteList = []setting.Route{{Destination: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("192.0.2.1"), Link: "eth0"}}
			})
		}()
		ctx, cancel := context.WithTimeout(context.Background(), setting.VerifyTimeout)
		defer cancel()
		began := time.Now()
		if err := partOf("network").Verify(ctx, m.System(), settingtest.Env(), wired(static())); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < 6*time.Second || took > 7*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestNetworkVerify(t *testing.T) {
	address := netip.MustParsePrefix("192.0.2.7/24")
	gateway := setting.Route{Destination: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("192.0.2.1"), Link: "eth0"}
	good := func(n *settingtest.Net) {
		n.LinkList[0].Addresses = []netip.Prefix{address}
		n.RouteList = []setting.Route{gateway}
	}
	for _, c := range []struct {
		name      string
		edit      func(i *setting.Interface)
		net       func(n *settingtest.Net)
		want, log string
	}{
		{name: "good", net: good},
		{name: "without an address", net: func(n *settingtest.Net) { n.RouteList = []setting.Route{gateway} },
			want: "the network did not become what it should: eth0 has not got the address 192.0.2.7/24"},
		{name: "without a gateway", net: func(n *settingtest.Net) { good(n); n.RouteList[0].Link = "eth1" },
			want: "the network did not become what it should: eth0 has not got the gateway 192.0.2.1"},
		{name: "with another MTU", net: good, edit: func(i *setting.Interface) { i.MTU = 9000 },
			want: "the network did not become what it should: eth0 has an MTU of 1500 instead of 9000"},
		{name: "not connected", net: func(n *settingtest.Net) { n.LinkList[0].Carrier = false }, log: "network: eth0 is not connected"},
		{name: "not there", net: func(n *settingtest.Net) { n.LinkList = nil }, log: "network: there is no adapter eth0"},
		{name: "no VLAN", net: good, edit: func(i *setting.Interface) { i.Name = "eth0.5"; i.VLAN = 5 },
			want: "the network did not become what it should: there is no VLAN eth0.5"},
		{name: "VLAN of no adapter", net: good, edit: func(i *setting.Interface) { i.Name = "eth9.5"; i.VLAN = 5 }, log: "network: there is no adapter eth9.5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := settingtest.New(t)
				m.Kernel.Name = "demo"
				c.net(m.Net)
				i := static()
				if c.edit != nil {
					c.edit(&i)
				}
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				err := partOf("network").Verify(ctx, m.System(), settingtest.Env(), wired(i))
				if got := fmt.Sprint(err); c.want != "" && got != c.want || c.want == "" && err != nil {
					t.Errorf("error %v, want %q", err, c.want)
				}
				if got := strings.Join(m.Logs(), "\n"); got != c.log {
					t.Errorf("logged %q, want %q", got, c.log)
				}
			})
		})
	}
	m := settingtest.New(t)
	if err := partOf("network").Verify(context.Background(), m.System(), settingtest.Env(), wired()); fmt.Sprint(err) != `the machine is named "localhost" instead of "demo"` {
		t.Errorf("with another name: %v", err)
	}
}

func TestNetworkActual(t *testing.T) {
	m := settingtest.New(t)
	m.Kernel.Name = "other"
	m.Net.LinkList[0].Addresses = []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24"), netip.MustParsePrefix("fe80::1/64")}
	m.Net.LinkList = append(m.Net.LinkList,
		setting.Link{Name: "eth1", MTU: 1500, Up: true, Carrier: true, Ethernet: true, Addresses: []netip.Prefix{netip.MustParsePrefix("198.51.100.9/24")}},
		setting.Link{Name: "eth2", Ethernet: true}, setting.Link{Name: "wg0"})
	m.Net.RouteList = []setting.Route{
		{Destination: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("198.51.100.1"), Link: "eth1"},
		{Destination: netip.MustParsePrefix("10.0.0.0/8"), Gateway: netip.MustParseAddr("192.0.2.9"), Link: "eth0"},
	}
	m.Net.DNS, m.Net.Domains = []netip.Addr{netip.MustParseAddr("198.51.100.53")}, []string{"example.com"}
	eth0 := static()
	eth0.MTU = 9000
	d := wired(eth0, setting.Interface{Name: "eth9", IPv4: "dhcp", IPv6: "auto"})
	d.Network.DNS, d.Network.Search = []string{"192.0.2.53"}, []string{"example.com"}
	facts, err := partOf("network").Actual(context.Background(), m.System(), settingtest.Env(), d)
	if err != nil {
		t.Fatal(err)
	}
	want := []setting.Fact{
		{Name: "host name", Wanted: "demo", Actual: "other", Differs: true},
		{Name: "addresses of eth0", Wanted: "192.0.2.7/24, automatic IPv6", Actual: "192.0.2.7/24"},
		{Name: "gateway of eth0", Wanted: "192.0.2.1", Differs: true},
		{Name: "MTU of eth0", Wanted: "9000", Actual: "1500", Differs: true},
		{Name: "addresses of eth1", Wanted: "DHCP", Actual: "198.51.100.9/24"},
		{Name: "gateway of eth1", Wanted: "DHCP", Actual: "198.51.100.1"},
		{Name: "MTU of eth1", Actual: "1500"},
		{Name: "addresses of eth2", Wanted: "DHCP", Actual: "not connected", Differs: true},
		{Name: "addresses of eth9", Wanted: "DHCP", Actual: "no such adapter", Differs: true},
		{Name: "DNS servers", Wanted: "192.0.2.53, DHCP", Actual: "198.51.100.53", Differs: true},
		{Name: "search domains", Wanted: "example.com", Actual: "example.com"},
	}
	if !reflect.DeepEqual(facts, want) {
		got, _ := json.MarshalIndent(facts, "", " ")
		t.Errorf("facts are %s", got)
	}
}
