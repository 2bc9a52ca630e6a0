package web

import (
	"strings"
	"testing"

	"github.com/ingotvm/ingot/test/browser"
)

func contains(body, text string) bool { return strings.Contains(body, text) }

// TestWizardInChromium sets a new appliance up, and logs in.
func TestWizardInChromium(t *testing.T) {
	s := newSite(t)
	c := s.chromium(t)
	setup, err := s.local.Setup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.Open("/")
	c.Shot("overview-new")
	c.Press(`a[href="/setup"]`)
	c.Sees("one-time code")
	c.Fill("#code", "AAAA-AAAA")
	c.Press("main button")
	c.Sees("code is wrong")
	c.Shot("setup-code")
	c.Fill("#code", setup.Code)
	c.Press("main button")
	for _, step := range setup.Steps {
		c.Do(browser.WaitFor(`input[name=step][value="` + step.Name + `"]`))
		switch step.Name {
		case "administrator":
			c.Fill(`input[name="access.password"]`, password)
			c.Fill(`input[name="again:access.password"]`, password[1:])
			c.Press("main button")
			c.Sees("not the same")
			c.Shot("setup-" + step.Name)
			c.Fill(`input[name="access.password"]`, password)
			c.Fill(`input[name="again:access.password"]`, password)
		case "application":
			c.Fill(`input[name="application.owner"]`, "owner@example.com")
			c.Shot("setup-" + step.Name)
		default:
			c.Shot("setup-" + step.Name)
		}
		c.Press("main button")
	}
	c.Sees("The appliance is set up")
	c.Shot("login")
	c.login("admin")
	c.Shot("overview")
}

// TestConfirmInChromium changes the proxy: the countdown runs by itself in all
// windows, and ends in all of them once the change is confirmed in one.
func TestConfirmInChromium(t *testing.T) {
	s := newSite(t).setUp(t)
	c := s.chromium(t).login("admin")
	other := s.chromium(t).login("olga")
	c.Open("/settings/network")
	c.Fill(`input[name="network.proxy"]`, "http://proxy.example.com:3128")
	c.Press("#ask button:not([name])")
	c.Sees("is undone in")
	c.Shot("pending")
	other.Open("/history")
	other.Sees("is undone in")
	for _, w := range []*chromium{c, other} {
		const left = `document.querySelector("#pending p").innerText`
		_ = browser.Eval[bool](w.Browser, "window.loadedOnce = true")
		before := browser.Eval[string](w.Browser, left)
		eventually(t, "the countdown goes on", func() bool { return browser.Eval[string](w.Browser, left) != before })
		if !browser.Eval[bool](w.Browser, "window.loadedOnce === true") {
			t.Error("the whole page was loaded anew")
		}
	}
	c.Press(`form[action="/confirm"] button`)
	c.Sees("The change is confirmed.")
	eventually(t, "the bar goes away in the other window", func() bool { return !other.Has("#pending") })
	if !browser.Eval[bool](other.Browser, "window.loadedOnce === true") {
		t.Error("the other window's page was loaded anew")
	}
	// The bar of a page that answered a form asks for a page that exists.
	c.Fill(`input[name="network.proxy"]`, "")
	c.Press("#ask button:not([name])")
	c.Sees("is undone in")
	c.Open("/settings/firewall")
	c.Press(`button[value="add firewall.rules"]`)
	c.Fill(`input[name="firewall.rules[0].port"]`, "none")
	c.Press(`form[action^="/settings/firewall/rules"] .buttons:last-of-type button:not([name])`)
	c.Sees("the last change waits to be confirmed")
	if got := browser.Eval[string](c.Browser, `document.querySelector("#pending").getAttribute("hx-get")`); got != "/settings/firewall" {
		t.Errorf("the bar asks for %s", got)
	}
}

// TestPreviewInChromium: a choice shows the fields that it needs, and keeps
// what was typed elsewhere.
func TestPreviewInChromium(t *testing.T) {
	s := newSite(t).setUp(t)
	c := s.chromium(t).login("admin")
	const host = `input[name="application.database_host"]`
	c.Open("/settings/application")
	c.Fill(`input[name="application.name"]`, "My shop")
	c.Fill(`input[name="application.database_password"]`, "not yet sent")
	if c.Has(host) {
		t.Error("the server is asked for before there is one")
	}
	c.Choose(`select[name="application.database"]`, "external")
	c.Do(browser.WaitFor(host))
	if got := browser.Eval[string](c.Browser, `document.querySelector('input[name="application.name"]').value`); got != "My shop" {
		t.Errorf("the name became %q", got)
	}
	if got := browser.Eval[string](c.Browser, `document.querySelector('input[name="application.database_password"]').value`); got != "not yet sent" {
		t.Errorf("the password became %q", got)
	}
	c.Shot("preview")
	c.Press("#ask button:not([name])")
	c.Do(browser.WaitFor("#f-application-database_host-problem"))
	c.Fill(host, "db.example.com")
	c.Choose(`select[name="application.database"]`, "embedded")
	eventually(t, "the server is not asked for any more", func() bool { return !c.Has(host) })
	c.Press("#ask button:not([name])")
	c.Sees("Saved.")
}

// TestTwoAdministratorsInChromium: the later one is told, and loses nothing.
func TestTwoAdministratorsInChromium(t *testing.T) {
	s := newSite(t).setUp(t)
	one, two := s.chromium(t).login("admin"), s.chromium(t).login("admin")
	const tills, name = `input[name="application.tills"]`, `input[name="application.name"]`
	one.Open("/settings/application")
	two.Open("/settings/application")
	one.Fill(tills, "5")
	one.Press("#ask button:not([name])")
	one.Sees("Saved.")
	two.Fill(name, "The other name")
	two.Choose(`select[name="application.database"]`, "external") // a preview does not make an old form a new one
	two.Do(browser.WaitFor(`input[name="application.database_host"]`))
	two.Choose(`select[name="application.database"]`, "embedded")
	eventually(t, "the preview is over", func() bool { return !two.Has(`input[name="application.database_host"]`) })
	two.Fill(tills, "7")
	two.Press("#ask button:not([name])")
	two.Sees("Somebody else has changed the settings")
	two.Shot("overtaken")
	two.Press("#ask button:not([name])")
	two.Sees("Saved.")
	config := s.document(t).Application
	if config["tills"] != "7" || config["name"] != "The other name" {
		t.Errorf("the settings are %v", config)
	}
}

// TestRolesInChromium: operators and auditors see what they may.
func TestRolesInChromium(t *testing.T) {
	s := newSite(t).setUp(t)
	for account, sees := range map[string]map[string]bool{
		"olga": {"/": true, "/power": true},
		"anna": {"/": false, "/power": true},
	} {
		c := s.chromium(t).login(account)
		for path, may := range sees {
			c.Open(path)
			if got := c.Has(`main form button`); path == "/" && got != may {
				t.Errorf("%s at %s: buttons %v", account, path, got)
			}
		}
		if got, want := c.Has(`nav a[href="/power"]`), account == "olga"; got != want {
			t.Errorf("%s: the menu has power: %v", account, got)
		}
		for _, path := range []string{"/settings/application", "/settings/firewall", "/settings/network/adapters", "/access", "/history/2"} {
			c.Open(path)
			c.Shot("as-" + account + strings.ReplaceAll(path, "/", "-"))
			if path != "/access" && c.Has("main form button:not(.hidden)") {
				t.Errorf("%s at %s: there is a button", account, path)
			}
		}
	}
}

// TestPhoneAtNightInChromium adds a rule on a browser.Narrow, dark screen.
func TestPhoneAtNightInChromium(t *testing.T) {
	s := newSite(t).setUp(t)
	c := s.chromium(t)
	c.Screen(browser.Narrow, browser.Dark)
	c.login("admin")
	c.Open("/settings/firewall")
	c.Press(`button[value="add firewall.rules"]`)
	c.Do(browser.WaitFor(`input[name="firewall.rules[0].port"]`))
	if y := browser.Eval[float64](c.Browser, "window.scrollY"); y == 0 {
		t.Error("the page came back at its top, far from the new rule")
	}
	c.Fill(`input[name="firewall.rules[0].port"]`, "22\r") // Enter saves, and moves nothing
	c.Sees("is undone in")
	c.Shot("phone-firewall")
	c.fits("/settings/firewall")
	c.Press(`form[action="/undo"] button`)
	c.Sees("The change is undone.")
}

// TestNoScriptsInChromium sets an appliance up and changes a setting in a
// browser that runs no scripts.
func TestNoScriptsInChromium(t *testing.T) {
	s := newSite(t)
	c := s.chromium(t)
	c.NoScripts()
	setup, err := s.local.Setup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.Open("/setup")
	c.Fill("#code", setup.Code)
	c.Press("main button")
	for _, step := range setup.Steps {
		c.Do(browser.WaitFor(`input[name=step][value="` + step.Name + `"]`))
		switch step.Name {
		case "administrator":
			c.Fill(`input[name="access.password"]`, password)
			c.Fill(`input[name="again:access.password"]`, password)
		case "application":
			c.Fill(`input[name="application.owner"]`, "owner@example.com")
		}
		c.Press("main button")
	}
	c.Sees("The appliance is set up")
	c.login("admin")
	c.Open("/settings/application")
	c.Fill(`input[name="application.tills"]`, "8\r") // Enter is enough
	c.Sees("Saved.")
	if got := s.document(t).Application["tills"]; got != "8" {
		t.Errorf("there are %s tills", got)
	}
}
