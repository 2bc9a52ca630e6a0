package web

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// form is what a browser would send of the page's form to a path: its fields
// as they are, then those given as names and values in turn. A button is a
// pair, too.
func (p page) form(t *testing.T, action string, pairs ...string) url.Values {
	t.Helper()
	root, err := html.Parse(strings.NewReader(p.text))
	if err != nil {
		t.Fatal(err)
	}
	sent := url.Values{}
	found := false
	for n := range root.Descendants() {
		if n.Data != "form" || strings.SplitN(attr(n, "action"), "#", 2)[0] != action {
			continue
		}
		found = true
		for f := range n.Descendants() {
			fieldOf(f, sent)
		}
	}
	if !found {
		t.Fatalf("%s has no form to %s:\n%s", p.path, action, p.words())
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if button := pairs[i] == "do" || pairs[i] == "try" || pairs[i] == "vlan.number"; !button && !sent.Has(pairs[i]) {
			t.Fatalf("%s: the form to %s has no field %s: %v", p.path, action, pairs[i], sent)
		}
		sent.Set(pairs[i], pairs[i+1])
	}
	return sent
}

func fieldOf(n *html.Node, sent url.Values) {
	name := attr(n, "name")
	switch {
	case name == "":
	case n.Data == "select":
		for o := range n.Descendants() {
			_, selected := attribute(o, "selected")
			if o.Data == "option" && (selected || !sent.Has(name)) {
				sent.Set(name, attr(o, "value"))
			}
		}
	case n.Data == "input":
		sent.Set(name, attr(n, "value"))
	}
}

func attr(n *html.Node, key string) string {
	value, _ := attribute(n, key)
	return value
}

func attribute(n *html.Node, key string) (string, bool) {
	i := slices.IndexFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
	if i < 0 {
		return "", false
	}
	return n.Attr[i].Val, true
}

// send sends a form of the page, with some fields and a button other.
func (b *visitor) send(p page, action string, pairs ...string) page {
	b.t.Helper()
	return b.do("POST", action, p.form(b.t, action, pairs...))
}

func (s *site) document(t *testing.T) *setting.Document {
	t.Helper()
	config, err := s.local.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var d setting.Document
	if err := json.Unmarshal(config.Document, &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

// TestOwnRulesWithoutScripts adds, edits, moves and takes away rules of the
// firewall, wrongly and rightly.
func TestOwnRulesWithoutScripts(t *testing.T) {
	const rules, first, second, third = "/settings/firewall/rules", "firewall.rules[0]", "firewall.rules[1]", "firewall.rules[2]"
	s := newSite(t).setUp(t)
	b := s.browser(t).login("admin")
	p := b.get("/settings/firewall").says(t, 200, "Own rules", "There are none.", "Add a rule", "!Rule 1")
	b.send(p, rules).says(t, 200, "Nothing was changed")
	p = b.send(p, rules, "do", "add firewall.rules").says(t, 200, "Rule 1", "!There are none.", "!Rule 2")
	p = b.send(p, rules, first+".port", "99999", first+".source", "nowhere", first+".comment", "the boss", "why", "for the boss").
		says(t, 422, "f-firewall-rules-0-port-problem", "f-firewall-rules-0-source-problem", `value="99999"`, `value="the boss"`, `value="for the boss"`, "!f-firewall-rules-0-comment-problem")
	p = b.send(p, rules, first+".port", "22", first+".source", "192.0.2.7", "do", "add firewall.rules").says(t, 200, "Rule 2", `value="for the boss"`)
	p = b.send(p, rules, second+".port", "23-24", second+".action", "drop", "do", "add firewall.rules").says(t, 200, "Rule 3")
	p = b.send(p, rules, third+".protocol", "icmp", third+".port", "8").says(t, 422, "f-firewall-rules-2-port-problem", "only tcp and udp have ports", "!f-firewall-rules-1-port-problem")
	p = b.send(p, rules, "do", "drop "+third).says(t, 200, "!Rule 3")
	p = b.send(p, rules, "do", "up "+second).says(t, 200)
	if got := p.form(t, rules); got.Get(first+".port") != "23-24" || got.Get(first+".action") != "drop" || got.Get(second+".source") != "192.0.2.7" {
		t.Errorf("the rules are not in the other order: %v", got)
	}
	for _, nonsense := range []string{"up " + first, "down " + second, "drop firewall.rules[9]", "drop firewall.rules[x]", "add network", "burn", "up"} {
		b.send(p, rules, "do", nonsense).says(t, 200, "Rule 2", "!Rule 3")
	}
	b.send(p, rules, "try", "yes").says(t, 200, "The values are good", "!is undone in")
	if got := s.document(t).Firewall.Rules; got != nil {
		t.Fatalf("something was saved already: %v", got)
	}
	b.send(p, rules).says(t, 200, "Saved.", "is undone in", "own rule", "the boss")
	want := []setting.FirewallRule{{Protocol: "tcp", Port: "23-24", Action: "drop"}, {Comment: "the boss", Source: "192.0.2.7", Protocol: "tcp", Port: "22", Action: "accept"}}
	if got := s.document(t).Firewall.Rules; !slices.Equal(got, want) {
		t.Errorf("the rules are %+v", got)
	}
	b.post("/confirm", "back", "/settings/firewall").says(t, 200, "The change is confirmed.")
	b.get("/history").says(t, 200, "for the boss")

	// The old page of somebody else overwrites nothing, not even after a button.
	old := b.send(p, rules, "do", "down "+first)
	late := b.send(old, rules).says(t, 412, "Somebody else has changed", `href="/settings/firewall"`)
	b.send(late, rules, first+".comment", "mine").says(t, 200, "Saved.")
	b.post("/confirm")
	p = b.get("/settings/firewall").says(t, 200, "mine")
	p = b.send(p, rules, "do", "drop "+first)
	p = b.send(p, rules, "do", "drop "+first)
	b.send(p, rules).says(t, 200, "Saved.", "There are none.")
	b.post("/undo").says(t, 200, "The change is undone.")
	b.get("/settings/firewall").says(t, 200, "mine")

	anna := s.browser(t).login("anna")
	p = anna.get("/settings/firewall").says(t, 200, "mine", "!Add a rule", "!Save the rules", "!Take away")
	anna.send(p, rules, first+".comment", "hers").says(t, 403)
}

// TestAdaptersWithoutScripts sets everything that an adapter can have.
func TestAdaptersWithoutScripts(t *testing.T) {
	const path = "/settings/network/adapters"
	s := newSite(t).setUp(t)
	// What the machine has is not ours to know: an adapter that it has not got.
	b := s.browser(t).login("admin")
	b.get("/settings/network").says(t, 200, `href="/settings/network/adapters"`)
	p := b.get(path).says(t, 200, "Adapters, VLANs and routes", "Reached directly")
	given := url.Values{"base": {b.get("/settings/network").base(t)}, "network.no_proxy": {""},
		"network.interfaces[0]": {"lan9"}, "network.interfaces[0].ipv4": {"static"}, "network.interfaces[0].ipv6": {"auto"}}
	send := func(p page, pairs ...string) page { t.Helper(); return b.send(p, path, pairs...) }
	const nine, vlan = "network.interfaces[0]", "network.interfaces[1]"
	p = b.do("POST", path, given).says(t, 422, "Adapter lan9", "not in this machine", "f-network-interfaces-0-ipv4-problem", "no IPv4 address")
	p = send(p, nine+".addresses", "192.0.2.7/24 2001:db8::7/64", nine+".gateways", "198.51.100.1", nine+".mtu", "big").
		says(t, 422, "f-network-interfaces-0-mtu-problem", "not a whole number", `value="big"`)
	p = send(p, nine+".mtu", "9000").says(t, 422, "f-network-interfaces-0-addresses-problem", "ipv6 is auto", "f-network-interfaces-0-gateways-problem", "in no network")
	p = send(p, nine+".ipv6", "static", nine+".gateways", "192.0.2.1", "do", "add "+nine+".routes").says(t, 200, "Route 1")
	p = send(p, nine+".routes[0].to", "198.51.100.7/24", nine+".routes[0].via", "192.0.2.2", nine+".routes[0].metric", "5").
		says(t, 422, "f-network-interfaces-0-routes-0-to-problem", "is not a network")
	p = send(p, nine+".routes[0].to", "198.51.100.0/24", "do", "add "+nine+".routes").says(t, 200, "Route 2")
	p = send(p, "do", "drop "+nine+".routes[1]").says(t, 200, "!Route 2")
	for _, wrong := range []string{"", "0", "4095", "x"} {
		send(p, "do", "add network.interfaces", "vlan.number", wrong).says(t, 422, "f-vlan-number-problem", "!VLAN 0")
	}
	p = send(p, "do", "add network.interfaces", "vlan.number", "12").says(t, 200, "VLAN 12 on lan9")
	send(p, "do", "add network.interfaces", "vlan.number", "12").says(t, 422, "This VLAN is there already")
	p = send(p, vlan+".mtu", "9100").says(t, 422, "f-network-interfaces-1-mtu-problem", "greater than that of lan9")
	p = send(p, vlan+".mtu", "", "network.no_proxy", "a b/c").says(t, 422, "f-network-no_proxy-problem")
	p = send(p, "network.no_proxy", "intranet.example.com, .example.org", "why", "by hand").says(t, 200, "Saved.", "is undone in")
	n := s.document(t).Network
	want := []setting.Interface{{
		Name: "lan9", IPv4: "static", IPv6: "static", Addresses: []string{"192.0.2.7/24", "2001:db8::7/64"}, Gateways: []string{"192.0.2.1"}, MTU: 9000,
		Routes: []setting.StaticRoute{{To: "198.51.100.0/24", Via: "192.0.2.2", Metric: 5}},
	}, {Name: "lan9.12", VLAN: 12, IPv4: "dhcp", IPv6: "auto"}}
	got, _ := json.Marshal(n.Interfaces)
	if text, _ := json.Marshal(want); string(got) != string(text) {
		t.Errorf("the adapters are\n%s; want\n%s", got, text)
	}
	if !slices.Equal(n.NoProxy, []string{"intranet.example.com", ".example.org"}) {
		t.Errorf("without the proxy: %v", n.NoProxy)
	}
	b.post("/confirm").says(t, 200, "The change is confirmed.")

	p = b.get(path)
	send(p).says(t, 200, "Nothing was changed")
	number := regexp.MustCompile(`name="do" value="drop (network\.interfaces\[\d+\])" aria-label="Take away: VLAN 12`).FindStringSubmatch(p.text)
	if number == nil {
		t.Fatalf("the VLAN cannot be taken away:\n%s", p.text)
	}
	p = send(p, "do", "drop "+number[1]).says(t, 200, "!VLAN 12")
	send(p).says(t, 200, "Saved.", "!VLAN 12", "lan9")
	b.post("/confirm")
	if got := s.document(t).Network.Interfaces; len(got) != 1 {
		t.Errorf("the adapters are %+v", got)
	}
	olga := s.browser(t).login("olga")
	p = olga.get(path).says(t, 200, "lan9", "!Add a route", "!Add the VLAN", "!Take away")
	olga.send(p, path, "network.no_proxy", "hers.example").says(t, 403)
}
