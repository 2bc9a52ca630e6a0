package setting

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config/setting/nettext"
)

// Origins of rules; a rule for a port of a service has the service's name.
const (
	originSystem     = "system"
	originManagement = "management"
	originOwn        = "own"
	originSupport    = "support"
)

// What rules do with a packet.
const (
	accept = "accept"
	drop   = "drop"
	reject = "reject"
)

const (
	// maxComment is in characters. The kernel keeps 256 bytes with a rule: a
	// service's name and fifty characters of any script fit.
	maxComment = 50
	// maxRules bounds own rules, and management networks: each is one rule
	// that every first packet of a connection passes.
	maxRules = 100
)

// FirewallRules are the rules that a document asks for, in order. Replies,
// errors and what finding neighbours takes come before own rules, so that no
// own rule can break connections that the appliance itself opens; ping,
// management and services come after, so that an own rule can close them.
func FirewallRules(env Env, d *Document) []Rule {
	rules := []Rule{
		{Origin: originSystem, Comment: "the machine itself", Link: "lo", Action: accept},
		{Origin: originSystem, Comment: "replies", State: "established", Action: accept},
		{Origin: originSystem, Comment: "broken packets", State: "invalid", Action: drop},
		{Origin: originSystem, Comment: "unreachable", Protocol: "icmp", FirstPort: 3, LastPort: 3, Action: accept},
		{Origin: originSystem, Comment: "time exceeded, bad header", Protocol: "icmp", FirstPort: 11, LastPort: 12, Action: accept},
		{Origin: originSystem, Comment: "unreachable, too big, time exceeded, bad header", Protocol: "icmpv6", FirstPort: 1, LastPort: 4, Action: accept},
		{Origin: originSystem, Comment: "groups, routers and neighbours", Protocol: "icmpv6", FirstPort: 130, LastPort: 136, Action: accept},
		{Origin: originSystem, Comment: "DHCP", Protocol: "udp", FirstPort: 68, LastPort: 68, Action: accept},
		{Origin: originSystem, Comment: "DHCPv6", Source: "fe80::/10", Protocol: "udp", FirstPort: 546, LastPort: 546, Action: accept},
	}
	for _, r := range d.Firewall.Rules {
		rules = append(rules, ownRules(r)...)
	}
	rules = append(rules,
		Rule{Origin: originSystem, Comment: "ping", Protocol: "icmp", FirstPort: 8, LastPort: 8, Action: accept},
		Rule{Origin: originSystem, Comment: "ping", Protocol: "icmpv6", FirstPort: 128, LastPort: 128, Action: accept})
	rules = append(rules, managementRules(d.Firewall.Management)...)
	if d.TLS.source() == ByACME {
		rules = append(rules, Rule{Origin: originSystem, Comment: "the certificate's authority", Protocol: "tcp",
			FirstPort: ACMEPort, LastPort: ACMEPort, Action: accept})
	}
	for _, s := range env.Definition().Services {
		if ServiceEnabled(env, d, s) {
			rules = append(rules, serviceRules(s)...)
		}
	}
	return append(rules, Rule{Origin: originSystem, Comment: "everything else", Action: drop})
}

// rulesNow are [FirewallRules] and, while a support session is open, that for
// its port: from where the appliance is managed.
func rulesNow(sys *System, env Env, d *Document) []Rule {
	rules := FirewallRules(env, d)
	if sys.Guests == nil || !sys.Guests() {
		return rules
	}
	guests := managementRules(d.Firewall.Management)
	for i := range guests {
		guests[i].Origin, guests[i].Comment = originSupport, "support session"
		guests[i].FirstPort, guests[i].LastPort = appliance.SupportPort, appliance.SupportPort
	}
	return slices.Insert(rules, len(rules)-1, guests...) // before everything else
}

// ownRules are one own rule; two when it is about ICMP of both families.
func ownRules(own FirewallRule) []Rule {
	r := Rule{Origin: originOwn, Comment: own.Comment, Source: own.Source, Protocol: own.Protocol, Action: own.Action}
	if source, err := nettext.ParseSource(own.Source); own.Source != "" && err == nil {
		r.Source = source // what is no source fails in the kernel, and opens nothing
	}
	r.FirstPort, r.LastPort, _ = nettext.ParsePorts(own.Port)
	switch own.Protocol {
	case "any":
		r.Protocol = ""
	case "icmp":
		v6 := r
		v6.Protocol = "icmpv6"
		switch {
		case r.Source == "":
			return []Rule{r, v6}
		case strings.Contains(r.Source, ":"):
			return []Rule{v6}
		}
	}
	return []Rule{r}
}

func managementRules(networks []string) []Rule {
	rule := Rule{
		Origin: originManagement, Comment: "management page", Protocol: "tcp",
		FirstPort: appliance.ManagementPort, LastPort: appliance.ManagementPort, Action: accept,
	}
	if len(networks) == 0 {
		return []Rule{rule}
	}
	var rules []Rule
	for _, n := range networks {
		rule.Source = n
		if source, err := nettext.ParseSource(n); err == nil {
			rule.Source = source
		}
		rules = append(rules, rule)
	}
	return rules
}

func serviceRules(s appliance.Service) []Rule {
	var rules []Rule
	for _, p := range s.Ports {
		protocol := p.Protocol
		if protocol == "" {
			protocol = "tcp"
		}
		for _, number := range p.Reached() {
			rules = append(rules, Rule{
				Origin: s.Name, Comment: shorten(p.Title, maxComment), Protocol: protocol,
				FirstPort: number, LastPort: number, Action: accept,
			})
		}
	}
	return rules
}

func shorten(s string, characters int) string {
	if utf8.RuneCountInString(s) <= characters {
		return s
	}
	return string([]rune(s)[:characters])
}

// Ports are the rule's ports as people write them: "80", "8000-8100", of ICMP
// "type 8"; "" for all.
func (r Rule) Ports() string {
	if r.FirstPort == 0 && r.LastPort == 0 {
		return ""
	}
	text := strconv.Itoa(r.FirstPort)
	if r.LastPort != r.FirstPort {
		text += "-" + strconv.Itoa(r.LastPort)
	}
	if r.Protocol == "icmp" || r.Protocol == "icmpv6" {
		return "type " + text
	}
	return text
}

// String is the rule for people: "accept tcp 5480 from 192.0.2.0/24 (management: page)".
func (r Rule) String() string {
	words := []string{r.Action}
	for _, w := range []string{r.State, r.Protocol, r.Ports()} {
		if w != "" {
			words = append(words, w)
		}
	}
	if len(words) == 1 {
		words = append(words, "all")
	}
	if r.Source != "" {
		words = append(words, "from", r.Source)
	}
	if r.Link != "" {
		words = append(words, "on", r.Link)
	}
	origin := r.Origin
	if r.Comment != "" {
		origin += ": " + r.Comment
	}
	return strings.Join(words, " ") + " (" + origin + ")"
}

func (firewall) Validate(env Env, d *Document) []Problem {
	var p problems
	for i, n := range d.Firewall.Management {
		p.source(fmt.Sprintf("firewall.management[%d]", i), n)
	}
	if len(d.Firewall.Management) > maxRules {
		p.add("firewall.management", fmt.Sprintf("there are more than %d networks", maxRules), "Join networks to larger ones.")
	}
	if len(d.Firewall.Rules) > maxRules {
		p.add("firewall.rules", fmt.Sprintf("there are more than %d rules", maxRules), "Join rules: use networks and ranges of ports.")
	}
	for i, r := range d.Firewall.Rules {
		p.rule(fmt.Sprintf("firewall.rules[%d]", i), r)
	}
	return p
}

func (p *problems) rule(path string, r FirewallRule) {
	if utf8.RuneCountInString(r.Comment) > maxComment || !utf8.ValidString(r.Comment) || strings.ContainsFunc(r.Comment, unicode.IsControl) {
		p.add(path+".comment", fmt.Sprintf("the comment is not one line of at most %d characters", maxComment), "")
	}
	if r.Source != "" {
		p.source(path+".source", r.Source)
	}
	switch r.Protocol {
	case "tcp", "udp", "icmp", "any":
	default:
		p.add(path+".protocol", fmt.Sprintf("%q is not a protocol", r.Protocol), "Use tcp, udp, icmp or any.")
	}
	if r.Port != "" {
		if _, _, err := nettext.ParsePorts(r.Port); err != nil {
			p.add(path+".port", fmt.Sprintf("%q %v", r.Port, err), "Write a port, such as 80, or a range, such as 8000-8100.")
		} else if r.Protocol == "icmp" || r.Protocol == "any" {
			p.add(path+".port", "only tcp and udp have ports", "Name the protocol, or leave the port out.")
		}
	}
	switch r.Action {
	case accept, drop, reject:
	default:
		p.add(path+".action", fmt.Sprintf("%q is not an action", r.Action), "Use accept, drop or reject.")
	}
}

func (p *problems) source(path, text string) {
	if _, err := nettext.ParseSource(text); err != nil {
		p.add(path, fmt.Sprintf("%q %v", text, err), "Write an address, such as 192.0.2.7, or a network, such as 192.0.2.0/24.")
	}
}
