package setting_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/settingtest"
)

// ruleLines are rules as text, one a line.
func ruleLines(rules []setting.Rule) string {
	var b strings.Builder
	for _, r := range rules {
		b.WriteString(r.String() + "\n")
	}
	return b.String()
}

const (
	firstRules = `accept all on lo (system: the machine itself)
accept established (system: replies)
drop invalid (system: broken packets)
accept icmp type 3 (system: unreachable)
accept icmp type 11-12 (system: time exceeded, bad header)
accept icmpv6 type 1-4 (system: unreachable, too big, time exceeded, bad header)
accept icmpv6 type 130-136 (system: groups, routers and neighbours)
accept udp 68 (system: DHCP)
accept udp 546 from fe80::/10 (system: DHCPv6)
`
	pingRules = `accept icmp type 8 (system: ping)
accept icmpv6 type 128 (system: ping)
`
	management = "accept tcp 5480 (management: management page)\n"
	web        = "accept tcp 80 (web: Web)\n"
	lastRule   = "drop all (system: everything else)\n"
)

func TestFirewallRules(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(env setting.Env, d *setting.Document)
		want   string
	}{
		{"before setup", func(_ setting.Env, d *setting.Document) { d.Setup.Complete = false }, firstRules + pingRules + management + lastRule},
		{"after setup", func(setting.Env, *setting.Document) {}, firstRules + pingRules + management + web + lastRule},
		{"management networks", func(_ setting.Env, d *setting.Document) {
			d.Firewall.Management = []string{"192.0.2.0/24", "2001:DB8::7/128"}
		}, firstRules + pingRules + `accept tcp 5480 from 192.0.2.0/24 (management: management page)
accept tcp 5480 from 2001:db8::7 (management: management page)
` + web + lastRule},
		{"own rules", func(_ setting.Env, d *setting.Document) {
			d.Firewall.Rules = []setting.FirewallRule{
				{Comment: "office", Source: "192.0.2.0/24", Protocol: "tcp", Port: "8000-8100", Action: "accept"},
				{Source: "198.51.100.7/32", Protocol: "any", Action: "reject"},
				{Protocol: "icmp", Action: "drop"},
				{Source: "192.0.2.0/24", Protocol: "icmp", Action: "accept"},
				{Source: "2001:db8::/32", Protocol: "icmp", Action: "accept"},
				{Protocol: "udp", Port: "53", Action: "drop"},
			}
		}, firstRules + `accept tcp 8000-8100 from 192.0.2.0/24 (own: office)
reject all from 198.51.100.7 (own)
drop icmp (own)
drop icmpv6 (own)
accept icmp from 192.0.2.0/24 (own)
accept icmpv6 from 2001:db8::/32 (own)
drop udp 53 (own)
` + pingRules + management + web + lastRule},
		{"a service whose condition does not hold", func(env setting.Env, d *setting.Document) { addDatabase(env, "local") },
			firstRules + pingRules + management + web + lastRule},
		{"a service whose condition holds by default", func(env setting.Env, d *setting.Document) { addDatabase(env, "remote") },
			firstRules + pingRules + management + web + "accept udp 3306 (database)\n" + lastRule},
		{"a service whose condition holds", func(env setting.Env, d *setting.Document) {
			addDatabase(env, "local")
			d.Application["database"] = "local"
		}, firstRules + pingRules + management + web + "accept udp 3306 (database)\n" + lastRule},
		{"a long title", func(env setting.Env, d *setting.Document) {
			env.Definition().Services[0].Ports[0].Title = strings.Repeat("é", 60)
		}, firstRules + pingRules + management + "accept tcp 80 (web: " + strings.Repeat("é", 50) + ")\n" + lastRule},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := settingtest.Env()
			d := setting.Default(env)
			d.Setup.Complete = true
			c.change(env, d)
			if got := ruleLines(setting.FirewallRules(env, d)); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// addDatabase adds a service that runs while the setting "database", remote
// by default, is as given.
func addDatabase(env setting.Env, is appliance.Scalar) {
	def := env.Definition()
	def.Settings = []appliance.Setting{{Key: "database", Type: "enum", Default: "remote", Options: []appliance.Option{{Value: "local"}, {Value: "remote"}}}}
	def.Services = append(def.Services, appliance.Service{
		Name: "database", Ports: []appliance.Port{{Port: 3306, Protocol: "udp"}}, When: &appliance.Condition{Setting: "database", Is: is},
	})
}

func TestFirewallValidate(t *testing.T) {
	good := setting.FirewallRule{Comment: "bürö", Source: "192.0.2.0/24", Protocol: "tcp", Port: "80", Action: "accept"}
	for _, c := range []struct {
		name   string
		change func(f *setting.Firewall, r *setting.FirewallRule)
		want   string
	}{
		{"good", func(f *setting.Firewall, r *setting.FirewallRule) {}, ""},
		{"address", func(f *setting.Firewall, r *setting.FirewallRule) { r.Source = "2001:db8::1" }, ""},
		{"everything", func(f *setting.Firewall, r *setting.FirewallRule) {
			*r = setting.FirewallRule{Protocol: "any", Action: "drop"}
		}, ""},
		{"source", func(f *setting.Firewall, r *setting.FirewallRule) { r.Source = "office" }, `firewall.rules[0].source: "office" is not an address or network`},
		{"host bits", func(f *setting.Firewall, r *setting.FirewallRule) { r.Source = "192.0.2.7/24" },
			`firewall.rules[0].source: "192.0.2.7/24" is not a network; the one around that address is 192.0.2.0/24`},
		{"zone", func(f *setting.Firewall, r *setting.FirewallRule) { r.Source = "fe80::1%eth0" }, `firewall.rules[0].source: "fe80::1%eth0" is not an address or network`},
		{"mapped", func(f *setting.Firewall, r *setting.FirewallRule) { r.Source = "::ffff:192.0.2.0/120" }, `firewall.rules[0].source: "::ffff:192.0.2.0/120" is not an address or network`},
		{"protocol", func(f *setting.Firewall, r *setting.FirewallRule) { r.Protocol = "sctp" }, `firewall.rules[0].protocol: "sctp" is not a protocol`},
		{"port", func(f *setting.Firewall, r *setting.FirewallRule) { r.Port = "65536" }, `firewall.rules[0].port: "65536" is not a port or range of ports`},
		{"port 0", func(f *setting.Firewall, r *setting.FirewallRule) { r.Port = "0-5" }, `firewall.rules[0].port: "0-5" is not a port or range of ports`},
		{"half a range", func(f *setting.Firewall, r *setting.FirewallRule) { r.Port = "5-" }, `firewall.rules[0].port: "5-" is not a port or range of ports`},
		{"range backwards", func(f *setting.Firewall, r *setting.FirewallRule) { r.Port = "9-8" }, `firewall.rules[0].port: "9-8" is a range that ends before it begins`},
		{"port of ICMP", func(f *setting.Firewall, r *setting.FirewallRule) { r.Protocol = "icmp" }, "firewall.rules[0].port: only tcp and udp have ports"},
		{"port of any", func(f *setting.Firewall, r *setting.FirewallRule) { r.Protocol = "any" }, "firewall.rules[0].port: only tcp and udp have ports"},
		{"action", func(f *setting.Firewall, r *setting.FirewallRule) { r.Action = "log" }, `firewall.rules[0].action: "log" is not an action`},
		{"comment", func(f *setting.Firewall, r *setting.FirewallRule) { r.Comment = "a\nb" }, "firewall.rules[0].comment: the comment is not one line of at most 50 characters"},
		{"long comment", func(f *setting.Firewall, r *setting.FirewallRule) { r.Comment = strings.Repeat("x", 51) }, "firewall.rules[0].comment: the comment is not one line of at most 50 characters"},
		{"management", func(f *setting.Firewall, r *setting.FirewallRule) { f.Management = []string{"192.0.2.0/24", "x"} }, `firewall.management[1]: "x" is not an address or network`},
		{"many rules", func(f *setting.Firewall, r *setting.FirewallRule) {
			f.Rules = slices.Repeat([]setting.FirewallRule{good}, 101)
		},
			"firewall.rules: there are more than 100 rules"},
		{"many networks", func(f *setting.Firewall, r *setting.FirewallRule) {
			f.Management = slices.Repeat([]string{"192.0.2.0/24"}, 101)
		}, "firewall.management: there are more than 100 networks"},
	} {
		d := setting.Default(settingtest.Env())
		d.Firewall.Rules = []setting.FirewallRule{good}
		c.change(&d.Firewall, &d.Firewall.Rules[0])
		var got []string
		for _, p := range partOf("firewall").Validate(settingtest.Env(), d) {
			got = append(got, p.Path+": "+p.Message)
		}
		if strings.Join(got, "\n") != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestFirewallFollows(t *testing.T) {
	ctx, env, firewall := context.Background(), settingtest.Env(), partOf("firewall")
	m := settingtest.New(t)
	d := setting.Default(env)
	if err := firewall.(setting.Early).ApplyEarly(m.System(), env, d); err != nil {
		t.Fatal(err)
	}
	early := len(m.Net.RuleList)
	m.Net.RuleList[3].Packets = 7 // what was counted is no difference
	for range 2 {
		if err := firewall.Apply(ctx, m.System(), env, d, false); err != nil {
			t.Fatal(err)
		}
	}
	m.ExpectCalls(t, fmt.Sprintf("set-rules %d", early))

	m.Forget()
	d.Setup.Complete = true // another part, but it opens a port
	if err := firewall.Apply(ctx, m.System(), env, d, false); err != nil {
		t.Fatal(err)
	}
	m.ExpectCalls(t, fmt.Sprintf("set-rules %d", early+1))
	if err := firewall.Verify(ctx, m.System(), env, d); err != nil {
		t.Error(err)
	}

	m.Net.RuleList = m.Net.RuleList[:early]
	want := "the firewall's rule 13 is drop all (system: everything else) instead of accept tcp 80 (web: Web)"
	m.Net.RuleList[12] = setting.FirewallRules(env, d)[13]
	if err := firewall.Verify(ctx, m.System(), env, d); fmt.Sprint(err) != want {
		t.Errorf("verify: %v", err)
	}
	facts, err := firewall.Actual(ctx, m.System(), env, d)
	if err != nil || len(facts) != early+1 {
		t.Fatalf("facts %v, %v", facts, err)
	}
	if f := facts[early]; f != (setting.Fact{Name: "rule 14", Wanted: "drop all (system: everything else)", Differs: true}) {
		t.Errorf("the last fact is %+v", f)
	}
	if facts[0].Differs {
		t.Errorf("the first fact is %+v", facts[0])
	}

	m.Forget()
	m.Fail("rules", errors.New("unreadable"))
	if err := firewall.Apply(ctx, m.System(), env, d, false); err != nil {
		t.Fatal(err)
	}
	m.ExpectCalls(t, fmt.Sprintf("set-rules %d", early+1)) // what cannot be read is set
	if err := firewall.Verify(ctx, m.System(), env, d); err == nil {
		t.Error("verified what cannot be read")
	}
}

func TestFirewallGuards(t *testing.T) {
	guard := partOf("firewall").(setting.Guard)
	a := setting.Default(settingtest.Env())
	for name, change := range map[string]func(f *setting.Firewall){
		"management": func(f *setting.Firewall) { f.Management = []string{"192.0.2.0/24"} },
		"rules":      func(f *setting.Firewall) { f.Rules = []setting.FirewallRule{{Protocol: "any", Action: "drop"}} },
	} {
		b := a.Clone()
		change(&b.Firewall)
		if !guard.Guards(a, b) || !guard.Guards(b, a) {
			t.Errorf("%s is not guarded", name)
		}
	}
	if guard.Guards(a, a.Clone()) {
		t.Error("nothing is guarded")
	}
}

// TestFirewallLetsGuestsIn only while a support session is open, and from where
// the appliance is managed.
func TestFirewallLetsGuestsIn(t *testing.T) {
	ctx, env, firewall := context.Background(), settingtest.Env(), partOf("firewall")
	m := settingtest.New(t)
	sys, open := m.System(), false
	sys.Guests = func() bool { return open }
	d := setting.Default(env)
	d.Setup.Complete = true
	guests := func() (list []string) {
		t.Helper()
		if err := firewall.Apply(ctx, sys, env, d, false); err != nil {
			t.Fatal(err)
		}
		if err := firewall.Verify(ctx, sys, env, d); err != nil {
			t.Error(err)
		}
		for _, r := range m.Net.RuleList {
			if r.Origin == "support" {
				list = append(list, r.String())
			}
		}
		if last := m.Net.RuleList[len(m.Net.RuleList)-1].String(); last+"\n" != lastRule {
			t.Errorf("the last rule is %s", last)
		}
		return list
	}
	expect := func(want ...string) {
		t.Helper()
		if got := guests(); !slices.Equal(got, want) {
			t.Errorf("guests are let in by %q, want %q", got, want)
		}
	}
	expect()
	open = true
	expect("accept tcp 5422 (support: support session)")
	d.Firewall.Management = []string{"192.0.2.0/24", "2001:db8::7"}
	expect("accept tcp 5422 from 192.0.2.0/24 (support: support session)", "accept tcp 5422 from 2001:db8::7 (support: support session)")
	facts, err := firewall.Actual(ctx, sys, env, d)
	if err != nil || slices.ContainsFunc(facts, func(f setting.Fact) bool { return f.Differs }) {
		t.Errorf("facts %+v, %v", facts, err)
	}
	open = false
	expect()
}
