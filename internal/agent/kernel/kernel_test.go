package kernel

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/keyboards"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/host/hosttest"
)

func TestLinksAndRoutes(t *testing.T) {
	us, them := newNamespace(t), newNamespace(t)
	connect(t, us, them)
	l := &Local{}
	us.run(t, func() error {
		if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0", MTU: 1400}}); err != nil {
			return err
		}
		links, err := l.Links()
		if err != nil {
			return err
		}
		if len(links) != 2 || links[0].MAC == "" {
			t.Fatalf("links are %+v", links)
		}
		eth := links[0]
		if eth.Name != "eth0" || !eth.Up || !eth.Carrier || !eth.Ethernet || eth.MTU != 1500 {
			t.Errorf("eth0 is %+v", eth)
		}
		for _, a := range []string{"192.0.2.1/24", "2001:db8::1/64"} {
			if !slices.Contains(eth.Addresses, netip.MustParsePrefix(a)) {
				t.Errorf("%s is missing in %v", a, eth.Addresses)
			}
		}
		if br := links[1]; br.Name != "br0" || br.Up || br.Carrier || br.Ethernet || br.MTU != 1400 {
			t.Errorf("br0 is %+v", br)
		}
		return nil
	})
	them.run(t, func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		return netlink.LinkSetDown(link)
	})
	us.run(t, func() error {
		links, err := l.Links()
		if err == nil && (links[0].Carrier || !links[0].Up) {
			t.Errorf("without its peer eth0 is %+v", links[0])
		}
		return err
	})
}

// ip is an independent writer of what we read.
func TestRoutes(t *testing.T) {
	hosttest.Need(t, "ip")
	us, them := newNamespace(t), newNamespace(t)
	connect(t, us, them)
	want := []setting.Route{
		{Destination: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("192.0.2.2"), Link: "eth0"},
		{Destination: netip.MustParsePrefix("198.51.100.0/24"), Gateway: netip.MustParseAddr("192.0.2.3"), Link: "eth0", Metric: 7},
		{Destination: netip.MustParsePrefix("203.0.113.0/24"), Gateway: netip.MustParseAddr("192.0.2.4"), Link: "eth0"},
		{Destination: netip.MustParsePrefix("203.0.113.0/24"), Gateway: netip.MustParseAddr("192.0.2.5"), Link: "eth0"},
		{Destination: netip.MustParsePrefix("::/0"), Gateway: netip.MustParseAddr("2001:db8::2"), Link: "eth0", Metric: 512},
	}
	us.run(t, func() error {
		for _, line := range []string{
			"-4 route add default via 192.0.2.2",
			"-6 route add default via 2001:db8::2 metric 512",
			"-4 route add 198.51.100.0/24 via 192.0.2.3 metric 7",
			"-4 route add 203.0.113.0/24 nexthop via 192.0.2.4 nexthop via 192.0.2.5",
			"-4 route add blackhole 10.0.0.0/8",
			"-4 route add 10.1.0.0/16 via 192.0.2.2 table 77",
		} {
			if err := (host.Local{}).Run(context.Background(), host.Command{Name: "ip", Args: strings.Fields(line)}); err != nil {
				return err
			}
		}
		routes, err := (&Local{}).Routes()
		if !reflect.DeepEqual(routes, want) {
			t.Errorf("routes are %+v, want %+v", routes, want)
		}
		return err
	})
}

func TestDeleteLink(t *testing.T) {
	n := newNamespace(t)
	l := &Local{}
	n.run(t, func() error {
		if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "eth0.5"}}); err != nil {
			return err
		}
		if err := l.DeleteLink("eth0.5"); err != nil {
			return err
		}
		if _, err := netlink.LinkByName("eth0.5"); err == nil {
			t.Error("eth0.5 is still there")
		}
		if err := l.DeleteLink("eth0.5"); err == nil || !strings.Contains(err.Error(), "cannot delete the link eth0.5") {
			t.Errorf("a link that is not there: %v", err)
		}
		return nil
	})
}

// An address that the kernel still tries is not one yet.
func TestTentativeAddressesAreLeftOut(t *testing.T) {
	index := 3
	addr := func(text string, flags int) netlink.Addr {
		a, err := netlink.ParseAddr(text)
		if err != nil {
			t.Fatal(err)
		}
		a.LinkIndex, a.Flags = index, flags
		return *a
	}
	got := addressesOf(index, []netlink.Addr{
		addr("192.0.2.7/24", unix.IFA_F_PERMANENT),
		addr("2001:db8::1/64", unix.IFA_F_TENTATIVE),
		addr("2001:db8::2/64", unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED),
		addr("2001:db8::3/64", unix.IFA_F_TENTATIVE|unix.IFA_F_OPTIMISTIC),
		addr("2001:db8::4/64", 0),
	})
	want := []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24"), netip.MustParsePrefix("2001:db8::3/64"), netip.MustParsePrefix("2001:db8::4/64")}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSetMTU(t *testing.T) {
	us, them := newNamespace(t), newNamespace(t)
	connect(t, us, them)
	l := &Local{}
	us.run(t, func() error {
		if err := l.SetMTU("eth0", 1400); err != nil {
			return err
		}
		links, err := l.Links()
		if err == nil && links[0].MTU != 1400 {
			t.Errorf("eth0 is %+v", links[0])
		}
		if err := l.SetMTU("eth0", 1<<30); err == nil || !strings.HasPrefix(err.Error(), "cannot set the MTU of eth0 to 1073741824: ") {
			t.Errorf("a senseless size: %v", err)
		}
		return err
	})
}

func TestHostname(t *testing.T) {
	n := newNamespace(t)
	l := &Local{}
	n.run(t, func() error {
		if err := l.Sethostname("demo.example.com"); err != nil {
			return err
		}
		name, err := l.Hostname()
		if name != "demo.example.com" {
			t.Errorf("the name is %q", name)
		}
		return err
	})
}

func TestSetKeymap(t *testing.T) {
	keymap := keyboards.Keymap{0: {16: 0xfb71}, 1: {16: 0xfb51}}
	broken := errors.New("broken")
	for _, c := range []struct {
		name, terminal string
		fail           error
		loaded         bool
		want           error
	}{
		{name: "no terminal"},
		{name: "the first", terminal: "tty0", loaded: true},
		{name: "the second", terminal: "tty1", loaded: true},
		{name: "no virtual terminal", terminal: "tty0", fail: unix.ENOTTY},
		{name: "a terminal that fails", terminal: "tty0", fail: broken, want: broken},
	} {
		t.Run(c.name, func(t *testing.T) {
			loaded := keyboards.Keymap{0: {}, 1: {}}
			l := &Local{Root: t.TempDir(), keys: func(f *os.File, k kbentry) error {
				if filepath.Base(f.Name()) != c.terminal {
					t.Errorf("loaded through %s", f.Name())
				}
				if c.fail == nil {
					loaded[k.table][k.index] = k.value
				}
				return c.fail
			}}
			if err := os.Mkdir(filepath.Join(l.Root, "dev"), 0o755); err != nil {
				t.Fatal(err)
			}
			if c.terminal != "" {
				if err := os.WriteFile(filepath.Join(l.Root, "dev", c.terminal), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.SetKeymap(keymap); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if got := reflect.DeepEqual(loaded, keymap); got != c.loaded {
				t.Errorf("loaded %v", loaded)
			}
		})
	}
}

// The kernel refuses what is no terminal; the call itself is right as far as
// a file can tell.
func TestSetKeyOfAFile(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := setKey(f, kbentry{}); !errors.Is(err, unix.ENOTTY) {
		t.Errorf("error %v", err)
	}
}

func TestServers(t *testing.T) {
	l := &Local{Root: t.TempDir()}
	if servers, domains, err := l.Servers(); servers != nil || domains != nil || err != nil {
		t.Errorf("without a file: %v, %v, %v", servers, domains, err)
	}
	name := filepath.Join(l.Root, resolvConf)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "# made by a daemon\n\nnameserver 192.0.2.53\nnameserver fe80::1%2\nnameserver 192.0.2.53\nnameserver x\noptions edns0\nsearch example.com lab.example.com.\nsearch .\n"
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	servers, domains, err := l.Servers()
	if err != nil {
		t.Fatal(err)
	}
	if want := []netip.Addr{netip.MustParseAddr("192.0.2.53"), netip.MustParseAddr("fe80::1")}; !slices.Equal(servers, want) {
		t.Errorf("servers are %v", servers)
	}
	if want := []string{"example.com", "lab.example.com"}; !slices.Equal(domains, want) {
		t.Errorf("domains are %v", domains)
	}
}

// FuzzParseResolvConf: what was read, written and read again is the same.
func FuzzParseResolvConf(f *testing.F) {
	f.Add("nameserver 192.0.2.53\nsearch example.com\n")
	f.Add("nameserver fe80::1%eth0\nsearch .\n")
	f.Fuzz(func(t *testing.T, text string) {
		servers, domains := parseResolvConf(text)
		var again strings.Builder
		for _, s := range servers {
			again.WriteString("nameserver " + s.String() + "\n")
		}
		if len(domains) > 0 {
			again.WriteString("search " + strings.Join(domains, ". ") + ".\n")
		}
		servers2, domains2 := parseResolvConf(again.String())
		if !slices.Equal(servers, servers2) || !slices.Equal(domains, domains2) {
			t.Errorf("%v, %v came back as %v, %v", servers, domains, servers2, domains2)
		}
	})
}
