package kernel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/settingtest"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/host/hosttest"
)

// everyRule is one rule of each kind.
func everyRule() []setting.Rule {
	env := settingtest.Env()
	d := setting.Default(env)
	d.Setup.Complete = true
	d.Firewall = setting.Firewall{
		Management: []string{"192.0.2.0/24", "2001:db8::/32", "198.51.100.7", "2001:db8::7"},
		Rules: []setting.FirewallRule{
			{Comment: "büro", Source: "10.1.2.0/23", Protocol: "tcp", Port: "8000-8100", Action: "accept"},
			{Source: "203.0.113.0/25", Protocol: "any", Action: "reject"},
			{Protocol: "icmp", Action: "drop"},
			{Source: "2001:db8:8000::/33", Protocol: "icmp", Action: "reject"},
			{Source: "0.0.0.0/0", Protocol: "udp", Port: "53", Action: "drop"},
			{Source: "::/0", Protocol: "tcp", Port: "1-65535", Action: "reject"},
			{Protocol: "any", Action: "accept"},
		},
	}
	return setting.FirewallRules(env, d)
}

func TestEveryRuleCanBeReadBack(t *testing.T) {
	for _, r := range everyRule() {
		exprs, err := expressions(r)
		if err != nil {
			t.Errorf("%v: %v", r, err)
			continue
		}
		if got := decode(exprs, label(r)); got != r {
			t.Errorf("%+v came back as %+v", r, got)
		}
	}
}

func TestSetRulesAreThoseInForce(t *testing.T) {
	n := newNamespace(t)
	l := &Local{}
	n.run(t, func() error {
		if rules, err := l.Rules(); err != nil || rules != nil {
			t.Errorf("before there is a table: %v, %v", rules, err)
		}
		for _, rules := range [][]setting.Rule{everyRule(), everyRule()[:4], everyRule()} {
			if err := l.SetRules(rules); err != nil {
				return err
			}
			got, err := l.Rules()
			if err != nil {
				return err
			}
			if !reflect.DeepEqual(got, rules) {
				t.Errorf("got  %v\nwant %v", got, rules)
			}
		}
		return nil
	})
}

// The longest list that settings allow goes through the socket's buffers.
func TestSetManyRules(t *testing.T) {
	n := newNamespace(t)
	l := &Local{}
	var rules []setting.Rule
	for i := range 500 {
		rules = append(rules, setting.Rule{
			Origin: "own", Comment: strings.Repeat("ü", 50), Source: fmt.Sprintf("2001:db8:%x::/48", i+1),
			Protocol: "tcp", FirstPort: 1 + i, LastPort: 1000 + i, Action: "reject",
		})
	}
	n.run(t, func() error {
		if err := l.SetRules(rules); err != nil {
			return err
		}
		got, err := l.Rules()
		if !reflect.DeepEqual(got, rules) {
			t.Errorf("%d rules came back as %d others", len(rules), len(got))
		}
		return err
	})
}

// nft is an independent reader of what we write.
func TestNftReadsOurRules(t *testing.T) {
	hosttest.Need(t, "nft")
	n := newNamespace(t)
	var out bytes.Buffer
	n.run(t, func() error {
		if err := (&Local{}).SetRules(everyRule()); err != nil {
			return err
		}
		return host.Local{}.Run(context.Background(), host.Command{Name: "nft", Args: []string{"--stateless", "--numeric", "list", "ruleset"}, Stdout: &out})
	})
	want := `table inet ingot {
	chain input {
		type filter hook input priority 0; policy drop;
		iifname "lo" counter accept comment "system: the machine itself"
		ct state 0x2,0x4 counter accept comment "system: replies"
		ct state 0x1 counter drop comment "system: broken packets"
		icmp type 3 counter accept comment "system: unreachable"
		icmp type 11-12 counter accept comment "system: time exceeded, bad header"
		icmpv6 type 1-4 counter accept comment "system: unreachable, too big, time exceeded, bad header"
		icmpv6 type 130-136 counter accept comment "system: groups, routers and neighbours"
		udp dport 68 counter accept comment "system: DHCP"
		ip6 saddr fe80::/10 udp dport 546 counter accept comment "system: DHCPv6"
		ip saddr 10.1.2.0/23 tcp dport 8000-8100 counter accept comment "own: büro"
		ip saddr 203.0.113.0/25 counter reject comment "own"
		meta l4proto 1 counter drop comment "own"
		meta l4proto 58 counter drop comment "own"
		ip6 saddr 2001:db8:8000::/33 meta l4proto 58 counter reject comment "own"
		meta nfproto 2 udp dport 53 counter drop comment "own"
		meta nfproto 10 tcp dport 1-65535 counter reject with tcp reset comment "own"
		counter accept comment "own"
		icmp type 8 counter accept comment "system: ping"
		icmpv6 type 128 counter accept comment "system: ping"
		ip saddr 192.0.2.0/24 tcp dport 5480 counter accept comment "management: management page"
		ip6 saddr 2001:db8::/32 tcp dport 5480 counter accept comment "management: management page"
		ip saddr 198.51.100.7 tcp dport 5480 counter accept comment "management: management page"
		ip6 saddr 2001:db8::7 tcp dport 5480 counter accept comment "management: management page"
		tcp dport 80 counter accept comment "web: Web"
		counter drop comment "system: everything else"
	}
}
`
	if got := out.String(); got != want {
		t.Errorf("nft read:\n%s\nwant:\n%s", got, want)
	}
}

func TestForeignChangesAreNoticed(t *testing.T) {
	hosttest.Need(t, "nft")
	for _, c := range []struct{ name, command, comment string }{
		{"a rule before ours", "insert rule inet ingot input tcp dport 22 accept", "a rule that the appliance did not make"},
		{"with our comment", `insert rule inet ingot input tcp dport 22 accept comment "system: DHCP"`, "a rule that the appliance did not make"},
		{"another policy", "chain inet ingot input { policy accept; }", "packets that meet no rule are let in"},
		{"another chain", "add chain inet ingot other { type filter hook input priority -5; policy accept; }", `a chain named "other"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNamespace(t)
			n.run(t, func() error {
				l := &Local{}
				if err := l.SetRules(everyRule()); err != nil {
					return err
				}
				if err := (host.Local{}).Run(context.Background(), host.Command{Name: "nft", Args: []string{c.command}}); err != nil {
					return err
				}
				rules, err := l.Rules()
				found := false
				for _, r := range rules {
					found = found || r.Origin == unknown && r.Comment == c.comment
				}
				if !found {
					t.Errorf("not noticed: %v", rules)
				}
				return err
			})
		})
	}
}

func TestWhatCannotBeARuleIsRefused(t *testing.T) {
	for name, r := range map[string]setting.Rule{
		"source":                  {Source: "nowhere", Action: "accept"},
		"host bits":               {Source: "192.0.2.7/24", Action: "accept"},
		"protocol":                {Protocol: "sctp", Action: "accept"},
		"port without a protocol": {FirstPort: 1, LastPort: 1, Action: "accept"},
		"range":                   {Protocol: "tcp", FirstPort: 9, LastPort: 8, Action: "accept"},
		"port":                    {Protocol: "tcp", FirstPort: 1, LastPort: 65536, Action: "accept"},
		"type":                    {Protocol: "icmp", FirstPort: 1, LastPort: 256, Action: "accept"},
		"state":                   {State: "new", Action: "accept"},
		"link":                    {Link: "a-name-that-is-too-long", Action: "accept"},
		"action":                  {Action: "log"},
	} {
		if exprs, err := expressions(r); err == nil {
			t.Errorf("%s: made %v of it", name, exprs)
		}
	}
}

func TestMissingPacketFilterIsSaidPlainly(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{os.NewSyscallError("socket", unix.EPROTONOSUPPORT), "cannot set the firewall: the kernel has no nftables: "},
		{fmt.Errorf("batch: %w", unix.EOPNOTSUPP), "cannot set the firewall: the kernel has no nftables: "},
		{fmt.Errorf("batch: %w", unix.ENOENT), "cannot set the firewall: a part of the kernel's nftables is missing: "},
		{fmt.Errorf("batch: %w", unix.EPERM), "cannot set the firewall: only root may: "},
	} {
		if err := explain("cannot set the firewall", c.err); !strings.HasPrefix(err.Error(), c.want) || !errors.Is(err, c.err) {
			t.Errorf("%v became %v", c.err, err)
		}
	}
}

// FuzzReadLabel: whatever stands in the user data of a rule, reading it does not
// fail, and what was read is written the same.
func FuzzReadLabel(f *testing.F) {
	for _, r := range everyRule() {
		f.Add(label(r))
	}
	f.Add([]byte{0, 200, 'x'})
	f.Add([]byte{7, 1, 'x', 0, 3, 'o', 'w', 'n'})
	f.Fuzz(func(t *testing.T, data []byte) {
		origin, text := readLabel(data)
		if origin == "" || strings.ContainsRune(origin+text, 0) {
			return
		}
		again, textAgain := readLabel(label(setting.Rule{Origin: origin, Comment: text}))
		if len(origin)+len(text) < 250 && (again != origin || textAgain != text) {
			t.Errorf("%q, %q came back as %q, %q", origin, text, again, textAgain)
		}
	})
}

func TestDecodeOfForeignExpressions(t *testing.T) {
	for _, exprs := range [][]expr.Any{
		nil,
		{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}},
		{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, &expr.Cmp{Data: []byte{2}}, &expr.Payload{Base: expr.PayloadBaseNetworkHeader}},
		{&expr.Ct{Key: expr.CtKeySTATE}, &expr.Bitwise{}},
		{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Data: []byte{6}}, &expr.Payload{}, &expr.Cmp{}},
	} {
		if r := decode(exprs, label(setting.Rule{Origin: "own"})); r.Origin != unknown {
			t.Errorf("%v was taken for %v", exprs, r)
		}
	}
}

// The table that stands between two machines.
func TestTraffic(t *testing.T) {
	us, them := newNamespace(t), newNamespace(t)
	connect(t, us, them)
	env := settingtest.Env()
	env.Definition().Services = append(env.Definition().Services, appliance.Service{
		Name: "other", Ports: []appliance.Port{{Port: 81, Protocol: "tcp"}},
		When: &appliance.Condition{Setting: "other", Is: "true"},
	})
	d := setting.Default(env)
	d.Setup.Complete = true
	d.Firewall.Rules = []setting.FirewallRule{
		{Source: "192.0.2.0/24", Protocol: "tcp", Port: "7000-7001", Action: "reject"},
		{Source: "198.51.100.0/24", Protocol: "tcp", Port: "7002", Action: "accept"},
		{Source: "192.0.2.2", Protocol: "tcp", Port: "7003", Action: "accept"},
	}
	l := &Local{}
	apply := func() { us.run(t, func() error { return l.SetRules(setting.FirewallRules(env, d)) }) }
	apply()
	for _, port := range []int{80, 81, 5480, 7001, 7002, 7003} {
		us.listen(t, fmt.Sprintf(":%d", port))
		them.listen(t, fmt.Sprintf(":%d", port))
	}
	expect := func(from *namespace, address, want string) {
		t.Helper()
		if got := from.dial(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	expect(them, "192.0.2.1:80", "open")
	expect(them, "[2001:db8::1]:80", "open") // by way of neighbour discovery
	expect(them, "192.0.2.1:5480", "open")
	expect(them, "192.0.2.1:81", "closed") // its condition does not hold
	expect(them, "192.0.2.1:7001", "refused")
	expect(them, "192.0.2.1:7002", "closed") // from another network only
	expect(them, "192.0.2.1:7003", "open")
	expect(them, "[2001:db8::1]:7003", "closed")
	expect(us, "192.0.2.2:81", "open") // replies come back
	expect(us, "[2001:db8::2]:81", "open")
	expect(us, "127.0.0.1:81", "open")
	for _, address := range []string{"192.0.2.1", "2001:db8::1"} {
		if err := them.do(func() error { return ping(address) }); err != nil {
			t.Errorf("ping %s: %v", address, err)
		}
	}
	d.Firewall.Management = []string{"198.51.100.0/24"}
	d.Setup.Complete = false
	apply()
	expect(them, "192.0.2.1:5480", "closed")
	expect(them, "192.0.2.1:80", "closed")
	expectCounted(t, us, l)
}

// expectCounted looks at the rules' counters: what closed ports were tried is
// counted by the last one.
func expectCounted(t *testing.T, n *namespace, l *Local) {
	t.Helper()
	n.run(t, func() error {
		rules, err := l.Rules()
		if err != nil {
			return err
		}
		last := rules[len(rules)-1]
		if last.Action != "drop" || last.Packets == 0 || last.Bytes == 0 {
			t.Errorf("the last rule counted nothing: %+v", last)
		}
		return nil
	})
}

// dial says whether a port is open, refused, or closed: does not answer.
func (n *namespace) dial(address string) string {
	result := ""
	_ = n.do(func() error {
		c, err := net.DialTimeout("tcp", address, 400*time.Millisecond)
		switch {
		case errors.Is(err, unix.ECONNREFUSED):
			result = "refused"
		case isTimeout(err):
			result = "closed"
		case err != nil:
			result = err.Error()
		default:
			defer c.Close()
			c.SetDeadline(time.Now().Add(5 * time.Second))
			if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
				result = "open, but " + err.Error()
				return nil
			}
			result = "open"
		}
		return nil
	})
	return result
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// ping sends one echo request and waits for its answer.
func ping(address string) error {
	network, local, kind, answer := "ip4:icmp", "0.0.0.0", icmp.Type(ipv4.ICMPTypeEcho), icmp.Type(ipv4.ICMPTypeEchoReply)
	protocol := unix.IPPROTO_ICMP
	if strings.Contains(address, ":") {
		network, local, kind, answer, protocol = "ip6:ipv6-icmp", "::", ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply, unix.IPPROTO_ICMPV6
	}
	c, err := icmp.ListenPacket(network, local)
	if err != nil {
		return err
	}
	defer c.Close()
	request := icmp.Message{Type: kind, Body: &icmp.Echo{ID: 7, Seq: 1, Data: []byte("ingot")}}
	data, err := request.Marshal(nil)
	if err != nil {
		return err
	}
	if _, err := c.WriteTo(data, &net.IPAddr{IP: net.ParseIP(address)}); err != nil {
		return err
	}
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	for buffer := make([]byte, 1500); ; {
		n, _, err := c.ReadFrom(buffer)
		if err != nil {
			return err
		}
		if m, err := icmp.ParseMessage(protocol, buffer[:n]); err == nil && m.Type == answer {
			return nil
		}
	}
}

// The transaction is the kernel's: a list that it refuses leaves the old one.
func TestRefusedRulesLeaveTheOldOnes(t *testing.T) {
	n := newNamespace(t)
	n.run(t, func() error {
		l := &Local{}
		if err := l.SetRules(everyRule()); err != nil {
			return err
		}
		c, err := dial()
		if err != nil {
			return err
		}
		defer c.CloseLasting()
		tab := table()
		c.DelTable(tab)
		c.AddTable(tab)
		c.AddRule(&nftables.Rule{Table: tab, Chain: &nftables.Chain{Name: "missing"}, Exprs: []expr.Any{&expr.Counter{}}})
		if err := c.Flush(); err == nil {
			t.Error("the kernel took a rule without a chain")
		}
		rules, err := l.Rules()
		if !reflect.DeepEqual(rules, everyRule()) {
			t.Errorf("the old rules are gone: %v", rules)
		}
		return err
	})
}
