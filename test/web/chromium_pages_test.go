package web

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/console/terminal"
	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/words"
	"github.com/ingotvm/ingot/test/browser"
)

// seen are the pages to look at, as administrator.
var seen = []string{
	"/", "/settings/application", "/settings/network", "/settings/network/adapters", "/settings/firewall", "/settings/time", "/settings/language",
	"/settings/keyboard", "/settings/ldap", "/settings/oidc", "/access", "/certificate", "/history", "/history/5", "/log", "/updates", "/support", "/power", "/pages/getting-started", "/nowhere",
}

func shotName(path string) string {
	return strings.Trim(strings.ReplaceAll(path, "/", "-"), "-") + map[bool]string{true: "home"}[path == "/"]
}

// withRules gives the appliance own rules, a VLAN and a route, so that the
// pages have something to show. With another network nobody tries whether the
// directory and the provider are there.
func (s *site) withRules(t *testing.T) *site {
	t.Helper()
	const merge = `{"firewall": {"rules": [
		{"action": "accept", "protocol": "tcp", "port": "22", "source": "192.0.2.0/24", "comment": "The administrators"},
		{"action": "drop", "protocol": "any", "source": "198.51.100.0/24", "comment": "Guests"}]},
		"network": {"no_proxy": [".example.com"], "interfaces": [
		{"name": "eth0", "ipv4": "static", "ipv6": "auto", "addresses": ["192.0.2.7/24"], "gateways": ["192.0.2.1"],
			"routes": [{"to": "198.51.100.0/24", "via": "192.0.2.2", "metric": 10}]},
		{"name": "eth0.12", "vlan": 12, "ipv4": "dhcp", "ipv6": "off"}]},
		"ldap": {"kind": "ldap", "servers": ["ldaps://ldap.example.com"], "bind_dn": "cn=shop,ou=services,dc=example,dc=com", "bind_password": "x",
			"base": "ou=people,dc=example,dc=com", "admin_groups": ["shop-admins"], "auditor_groups": ["cn=auditors,ou=groups,dc=example,dc=com"]},
		"oidc": {"state": "on", "title": "Example Ltd", "issuer": "https://login.example.com", "client_id": "shop", "operator_groups": ["shop-operators"]}}`
	if _, err := s.local.Change(t.Context(), 0, wire.Change{Merge: []byte(merge)}); err != nil {
		t.Fatal(err)
	}
	if err := s.local.Confirm(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPagesInChromium looks at every page, by day and by night.
func TestPagesInChromium(t *testing.T) {
	s := newSite(t).setUp(t).withRules(t)
	c := s.chromium(t).login("admin")
	for _, scheme := range []string{browser.Light, browser.Dark} {
		c.Screen(browser.Wide, scheme)
		for _, path := range seen {
			c.Open(path)
			c.Shot(shotName(path) + "-" + scheme)
		}
	}
}

// fits fails if the page is wider than the screen.
func (c *chromium) fits(path string) {
	c.t.Helper()
	const tooWide = `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, .diff, .hidden, .skip")).map(e => e.outerHTML.slice(0, 80))`
	if list := browser.Eval[[]string](c.Browser, tooWide); len(list) > 0 || browser.Eval[bool](c.Browser, "document.documentElement.scrollWidth > innerWidth") {
		c.t.Errorf("%s is wider than %d: %v", path, c.Width, list)
	}
}

// english are the texts that no page in the language may show as a line.
func english(language string) map[string]string {
	texts := map[string]string{}
	en, other := words.Words{Wanted: "en", Charset: terminal.Full}, words.Words{Wanted: language, Charset: terminal.Full}
	for _, id := range words.IDs() {
		if text, ok := en.Lookup(id); ok && text != other.Text(id) {
			texts[text] = id
		}
	}
	for _, s := range setting.All() {
		if s.Key() == "application" {
			continue
		}
		for _, p := range s.Properties(setting.Env{Boot: &release.Boot{Definition: &appliance.Definition{Updates: &appliance.Updates{}}}}) {
			for _, text := range []string{p.Title, p.Help} {
				if title, _ := other.Lookup("property." + p.Key); text != title {
					texts[text] = p.Key
				}
			}
		}
	}
	return texts
}

// isIn fails if a page is not in a language, holds words that stayed English,
// or does not fit its screen.
func (c *chromium) isIn(language, path string) {
	c.t.Helper()
	forbidden := english(language)
	if lang := browser.Eval[string](c.Browser, "document.documentElement.lang"); lang != language {
		c.t.Errorf("%s is in %q; want %q", path, lang, language)
	}
	for _, line := range strings.Split(browser.Eval[string](c.Browser, "document.body.innerText"), "\n") {
		if id, ok := forbidden[strings.TrimSpace(line)]; ok && !vendors(line) {
			c.t.Errorf("%s in %s: %q (%s) is English", path, language, line, id)
		}
	}
	c.fits(path)
}

// TestLanguagesInChromium: German and Japanese pages fit their screens, and
// hold no words that stayed English.
func TestLanguagesInChromium(t *testing.T) {
	s := newSite(t)
	c := s.chromium(t)
	setup, err := s.local.Setup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.Open("/setup")
	c.Fill("#code", setup.Code)
	c.Press("main button")
	c.Do(browser.WaitFor(`input[name=step]`))
	speak := func(language string) { t.Helper(); s.speak(t, language) }
	visit := func(kind string, paths []string) {
		t.Helper()
		for _, language := range []string{"de", "ja"} {
			speak(language)
			for _, path := range paths {
				c.Screen(browser.Wide, browser.Light)
				c.Open(path)
				c.Shot(fmt.Sprintf("%s-%s%s", language, kind, shotName(strings.ReplaceAll(path, "?step=", "-"))))
				c.isIn(language, path)
				c.Screen(browser.Narrow, browser.Light)
				c.isIn(language, path)
			}
		}
	}
	if _, err := s.local.Answer(t.Context(), wire.Answer{Step: "language", Values: map[string]string{"language.language": "de"}}); err != nil {
		t.Fatal(err)
	}
	var steps []string
	for _, step := range setup.Steps {
		steps = append(steps, "/setup?step="+step.Name)
	}
	visit("wizard-", append([]string{"/"}, steps...))
	s.setUp(t).withRules(t)
	speak("en")
	s.letIn(t)
	c.login("admin")
	visit("", seen)
	if err := s.local.EndSupport(t.Context()); err != nil {
		t.Fatal(err)
	}
	visit("ended-", []string{"/support"})
}

// vendors says whether a line is what the made-up vendor called a setting.
func vendors(line string) bool {
	return slices.Contains([]string{"Database", "Server", "Open", "Limits", "Timeout"}, strings.TrimSpace(line))
}

// accessible fails for everything that axe finds wrong with the page, on any
// screen.
func (c *chromium) accessible(as, path string) {
	c.t.Helper()
	axe, err := os.ReadFile("../../internal/web/node_modules/axe-core/axe.min.js")
	if err != nil {
		c.t.Fatalf("%v: make build fetches it", err)
	}
	for _, width := range []int64{browser.Wide, browser.Narrow} {
		for _, scheme := range []string{browser.Light, browser.Dark} {
			c.Screen(width, scheme)
			_ = browser.Eval[bool](c.Browser, "(typeof axe === 'undefined' && (0, eval)("+quote(string(axe))+"), true)")
			const run = `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.flatMap(v => v.nodes.map(n => v.id + " at " + n.target.join(" ") + ": " + n.failureSummary)))`
			for _, v := range browser.Eval[[]string](c.Browser, run, chromedp.EvalAwaitPromise) {
				c.t.Errorf("%s as %s (%d, %s): %s", path, as, width, scheme, v)
			}
		}
	}
}

// TestAccessible: axe finds nothing wrong with any page, on any screen.
func TestAccessible(t *testing.T) {
	browser.Need(t)
	s := newSite(t)
	c := s.chromium(t)
	setup, err := s.local.Setup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/setup"} {
		c.Open(path)
		c.accessible("nobody yet", path)
	}
	c.Fill("#code", setup.Code)
	c.Press("main button")
	c.Do(browser.WaitFor("input[name=step]"))
	for _, step := range setup.Steps {
		path := "/setup?step=" + step.Name
		c.Open(path)
		c.accessible("nobody yet", path)
	}
	s.setUp(t).withRules(t)
	for _, path := range []string{"/", "/login", "/nowhere"} {
		c.Open(path)
		c.accessible("nobody", path)
	}
	c.login("admin")
	for _, path := range seen {
		c.Open(path)
		c.accessible("admin", path)
	}
	s.letIn(t)
	for _, path := range []string{"/support", "/"} {
		c.Open(path)
		c.accessible("admin", path+" while the support is let in")
	}
	if err := s.local.EndSupport(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Open("/support")
	c.accessible("admin", "/support with an earlier session")
	c.Open("/access")
	c.Fill(`form[action="/access/factor"] input[type=password]`, password+"\r")
	c.Do(browser.WaitFor(`form[action="/access/factor/on"]`))
	c.accessible("admin", "/access/factor")
	n := s.under("localhost").chromium(t).login("olga")
	d := n.device()
	n.addPasskey("Telephone")
	n.Sees("The passkey is added.")
	n.accessible("olga", "/access with a passkey")
	d.knows(false)
	n.addPasskey("Another")
	n.Sees("does not trust")
	n.accessible("olga", "/access/passkeys")
	n.Open("/access")
	n.logout()
	n.Press(passkeyButton)
	n.Sees("does not trust")
	n.accessible("nobody", "/login with passkeys")
	// Pages that refuse, and the bar.
	c.Open("/settings/firewall")
	c.Fill(`input[name="firewall.rules[0].port"]`, "none\r")
	c.Sees("is not a port")
	c.accessible("admin", "/settings/firewall with a problem")
	c.Fill(`input[name="firewall.rules[0].port"]`, "23\r")
	c.Sees("is undone in")
	c.accessible("admin", "/settings/firewall with the bar")
}

// quote is a text as a script's string.
func quote(text string) string {
	data, _ := json.Marshal(text)
	return string(data)
}
