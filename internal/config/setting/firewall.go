package setting

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/config/setting/nettext"
)

// Firewall says which packets are let in besides replies. Management and the
// declared ports of the application are open unless a rule or Management
// says otherwise; everything else is closed.
type Firewall struct {
	// Networks and addresses from which the management port is reached:
	// 192.0.2.0/24. Empty means from everywhere.
	Management []string `json:"management,omitempty"`
	// Own rules, in order, before the built-in ones.
	Rules []FirewallRule `json:"rules,omitempty"`
}

// FirewallRule is one own rule.
type FirewallRule struct {
	// What it is for.
	Comment string `json:"comment,omitempty"`
	// Network or address that packets come from; "" is anywhere.
	Source string `json:"source,omitempty"`
	// tcp, udp, icmp or any.
	Protocol string `json:"protocol"`
	// A port or a range: 80, 8000-8100; "" is all.
	Port string `json:"port,omitempty"`
	// accept, drop or reject.
	Action string `json:"action"`
}

// Rule is one rule in force, in the form in which the kernel is told and asked.
type Rule struct {
	// Origin says where it comes from: "system", "management", "support", a
	// service's name, or "own".
	Origin  string `json:"origin"`
	Comment string `json:"comment,omitempty"`
	Source  string `json:"source,omitempty"`
	// Protocol is tcp, udp, icmp, icmpv6 or "" for any.
	Protocol string `json:"protocol,omitempty"`
	// FirstPort to LastPort; of ICMP, the types of message; 0 to 0 is all.
	FirstPort int `json:"first_port,omitempty"`
	LastPort  int `json:"last_port,omitempty"`
	// State is "", "established" (related ones too) or "invalid"; Link "" or "lo".
	State  string `json:"state,omitempty"`
	Link   string `json:"link,omitempty"`
	Action string `json:"action"`
	// Packets and Bytes counted; only when read back.
	Packets uint64 `json:"packets,omitempty"`
	Bytes   uint64 `json:"bytes,omitempty"`
}

type firewall struct{}

func (firewall) Key() string { return "firewall" }

// Default leaves the part empty: management from everywhere, no own rules.
func (firewall) Default(env Env, d *Document) { d.Firewall = Firewall{} }

func (firewall) Properties(env Env) []Property {
	return []Property{{
		Key: "firewall.management", Title: "Management networks", Group: "Firewall",
		Help: "Networks and addresses from which the appliance can be managed. Empty means from everywhere.",
		Type: Names, Example: "192.0.2.0/24",
		Get: func(d *Document) string { return strings.Join(d.Firewall.Management, ", ") },
		Set: func(_ Env, d *Document, text string) error {
			sources := fields(text)
			for i, s := range sources {
				canonical, err := nettext.ParseSource(s)
				if err != nil {
					return fmt.Errorf("has %q, which %w", s, err)
				}
				sources[i] = canonical
			}
			d.Firewall.Management = sources
			return nil
		},
	}}
}

// Files are none: the kernel is told.
func (firewall) Files(env Env, d *Document) ([]File, error) { return nil, nil }

// ApplyEarly closes the machine before there is anything to reach.
func (firewall) ApplyEarly(sys *System, env Env, d *Document) error {
	return sys.Net.SetRules(FirewallRules(env, d))
}

// Apply sets the rules if others are in force. It always looks: they follow
// from other parts of the document, too.
func (firewall) Apply(ctx context.Context, sys *System, env Env, d *Document, changed bool) error {
	wanted := rulesNow(sys, env, d)
	actual, err := sys.Net.Rules()
	if err != nil {
		sys.logf("setting the firewall anew: %v", err)
	} else if sameRules(wanted, actual) {
		return nil
	}
	return sys.Net.SetRules(wanted)
}

func (firewall) Verify(ctx context.Context, sys *System, env Env, d *Document) error {
	actual, err := sys.Net.Rules()
	if err != nil {
		return err
	}
	for _, f := range ruleFacts(rulesNow(sys, env, d), actual) {
		if f.Differs {
			return fmt.Errorf("the firewall's %s is %s instead of %s", f.Name, orNone(f.Actual), orNone(f.Wanted))
		}
	}
	return nil
}

func (firewall) Actual(ctx context.Context, sys *System, env Env, d *Document) ([]Fact, error) {
	actual, err := sys.Net.Rules()
	if err != nil {
		return nil, err
	}
	return ruleFacts(rulesNow(sys, env, d), actual), nil
}

// Guards says that every change of the firewall can cut somebody off.
func (firewall) Guards(old, new *Document) bool {
	return !slices.Equal(old.Firewall.Management, new.Firewall.Management) ||
		!slices.Equal(old.Firewall.Rules, new.Firewall.Rules)
}

// ruleFacts puts the rules side by side. Rules have an order, so the first
// that is missing shifts all that follow.
func ruleFacts(wanted, actual []Rule) []Fact {
	var facts []Fact
	for i := range max(len(wanted), len(actual)) {
		f := Fact{Name: fmt.Sprintf("rule %d", i+1)}
		if i < len(wanted) {
			f.Wanted = wanted[i].String()
		}
		if i < len(actual) {
			f.Actual = actual[i].String()
		}
		f.Differs = i >= len(wanted) || i >= len(actual) || !sameRule(wanted[i], actual[i])
		facts = append(facts, f)
	}
	return facts
}

func sameRules(a, b []Rule) bool { return slices.EqualFunc(a, b, sameRule) }

// sameRule compares two rules but for what they counted.
func sameRule(a, b Rule) bool {
	a.Packets, a.Bytes, b.Packets, b.Bytes = 0, 0, 0, 0
	return a == b
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
