package web

import (
	"strings"
	"testing"
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
	c.open("/")
	c.shot("overview-new")
	c.press(`a[href="/setup"]`)
	c.sees("one-time code")
	c.fill("#code", "AAAA-AAAA")
	c.press("main button")
	c.sees("code is wrong")
	c.shot("setup-code")
	c.fill("#code", setup.Code)
	c.press("main button")
	for _, step := range setup.Steps {
		c.do(waitFor(`input[name=step][value="` + step.Name + `"]`))
		switch step.Name {
		case "administrator":
			c.fill(`input[name="access.password"]`, password)
			c.fill(`input[name="again:access.password"]`, password[1:])
			c.press("main button")
			c.sees("not the same")
			c.shot("setup-" + step.Name)
			c.fill(`input[name="access.password"]`, password)
			c.fill(`input[name="again:access.password"]`, password)
		case "application":
			c.fill(`input[name="application.owner"]`, "owner@example.com")
			c.shot("setup-" + step.Name)
		default:
			c.shot("setup-" + step.Name)
		}
		c.press("main button")
	}
	c.sees("The appliance is set up")
	c.shot("login")
	c.login("admin")
	c.shot("overview")
}

// TestConfirmInChromium changes the proxy: the countdown runs by itself in all
// windows, and ends in all of them once the change is confirmed in one.
func TestConfirmInChromium(t *testing.T) {
	s := newSite(t).setUp(t)
	c := s.chromium(t).login("admin")
	other := s.chromium(t).login("olga")
	c.open("/settings/network")
	c.fill(`input[name="network.proxy"]`, "http://proxy.example.com:3128")
	c.press("#ask button:not([name])")
	c.sees("is undone in")
	c.shot("pending")
	other.open("/history")
	other.sees("is undone in")
	for _, w := range []*chromium{c, other} {
		const left = `document.querySelector("#pending p").innerText`
		_ = eval[bool](w, "window.loadedOnce = true")
		before := eval[string](w, left)
		eventually(t, "the countdown goes on", func() bool { return eval[string](w, left) != before })
		if !eval[bool](w, "window.loadedOnce === true") {
			t.Error("the whole page was loaded anew")
		}
	}
	c.press(`form[action="/confirm"] button`)
	c.sees("The change is confirmed.")
	eventually(t, "the bar goes away in the other window", func() bool { return !other.has("#pending") })
	if !eval[bool](other, "window.loadedOnce === true") {
		t.Error("the other window's page was loaded anew")
	}
	// The bar of a page that answered a form asks for a page that exists.
	c.fill(`input[name="network.proxy"]`, "")
	c.press("#ask button:not([name])")
	c.sees("is undone in")
	c.open("/settings/firewall")
	c.press(`button[value="add firewall.rules"]`)
	c.fill(`input[name="firewall.rules[0].port"]`, "none")
	c.press(`form[action^="/settings/firewall/rules"] .buttons:last-of-type button:not([name])`)
	c.sees("the last change waits to be confirmed")
	if got := eval[string](c, `document.querySelector("#pending").getAttribute("hx-get")`); got != "/settings/firewall" {
		t.Errorf("the bar asks for %s", got)
	}
}

// TestPreviewInChromium: a choice shows the fields that it needs, and keeps
// what was typed elsewhere.
func TestPreviewInChromium(t *testing.T) {
	s := newSite(t).setUp(t)
	c := s.chromium(t).login("admin")
	const host = `input[name="application.database_host"]`
	c.open("/settings/application")
	c.fill(`input[name="application.name"]`, "My shop")
	c.fill(`input[name="application.database_password"]`, "not yet sent")
	if c.has(host) {
		t.Error("the server is asked for before there is one")
	}
	c.choose(`select[name="application.database"]`, "external")
	c.do(waitFor(host))
	if got := eval[string](c, `document.querySelector('input[name="application.name"]').value`); got != "My shop" {
		t.Errorf("the name became %q", got)
	}
	if got := eval[string](c, `document.querySelector('input[name="application.database_password"]').value`); got != "not yet sent" {
		t.Errorf("the password became %q", got)
	}
	c.shot("preview")
	c.press("#ask button:not([name])")
	c.do(waitFor("#f-application-database_host-problem"))
	c.fill(host, "db.example.com")
	c.choose(`select[name="application.database"]`, "embedded")
	eventually(t, "the server is not asked for any more", func() bool { return !c.has(host) })
	c.press("#ask button:not([name])")
	c.sees("Saved.")
}

// TestTwoAdministratorsInChromium: the later one is told, and loses nothing.
func TestTwoAdministratorsInChromium(t *testing.T) {
	s := newSite(t).setUp(t)
	one, two := s.chromium(t).login("admin"), s.chromium(t).login("admin")
	const tills, name = `input[name="application.tills"]`, `input[name="application.name"]`
	one.open("/settings/application")
	two.open("/settings/application")
	one.fill(tills, "5")
	one.press("#ask button:not([name])")
	one.sees("Saved.")
	two.fill(name, "The other name")
	two.choose(`select[name="application.database"]`, "external") // a preview does not make an old form a new one
	two.do(waitFor(`input[name="application.database_host"]`))
	two.choose(`select[name="application.database"]`, "embedded")
	eventually(t, "the preview is over", func() bool { return !two.has(`input[name="application.database_host"]`) })
	two.fill(tills, "7")
	two.press("#ask button:not([name])")
	two.sees("Somebody else has changed the settings")
	two.shot("overtaken")
	two.press("#ask button:not([name])")
	two.sees("Saved.")
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
			c.open(path)
			if got := c.has(`main form button`); path == "/" && got != may {
				t.Errorf("%s at %s: buttons %v", account, path, got)
			}
		}
		if got, want := c.has(`nav a[href="/power"]`), account == "olga"; got != want {
			t.Errorf("%s: the menu has power: %v", account, got)
		}
		for _, path := range []string{"/settings/application", "/settings/firewall", "/settings/network/adapters", "/access", "/history/2"} {
			c.open(path)
			c.shot("as-" + account + strings.ReplaceAll(path, "/", "-"))
			if path != "/access" && c.has("main form button:not(.hidden)") {
				t.Errorf("%s at %s: there is a button", account, path)
			}
		}
	}
}

// TestPhoneAtNightInChromium adds a rule on a narrow, dark screen.
func TestPhoneAtNightInChromium(t *testing.T) {
	s := newSite(t).setUp(t)
	c := s.chromium(t)
	c.screen(narrow, dark)
	c.login("admin")
	c.open("/settings/firewall")
	c.press(`button[value="add firewall.rules"]`)
	c.do(waitFor(`input[name="firewall.rules[0].port"]`))
	if y := eval[float64](c, "window.scrollY"); y == 0 {
		t.Error("the page came back at its top, far from the new rule")
	}
	c.fill(`input[name="firewall.rules[0].port"]`, "22\r") // Enter saves, and moves nothing
	c.sees("is undone in")
	c.shot("phone-firewall")
	c.fits("/settings/firewall")
	c.press(`form[action="/undo"] button`)
	c.sees("The change is undone.")
}

// TestNoScriptsInChromium sets an appliance up and changes a setting in a
// browser that runs no scripts.
func TestNoScriptsInChromium(t *testing.T) {
	s := newSite(t)
	c := s.chromium(t)
	c.noScripts()
	setup, err := s.local.Setup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.open("/setup")
	c.fill("#code", setup.Code)
	c.press("main button")
	for _, step := range setup.Steps {
		c.do(waitFor(`input[name=step][value="` + step.Name + `"]`))
		switch step.Name {
		case "administrator":
			c.fill(`input[name="access.password"]`, password)
			c.fill(`input[name="again:access.password"]`, password)
		case "application":
			c.fill(`input[name="application.owner"]`, "owner@example.com")
		}
		c.press("main button")
	}
	c.sees("The appliance is set up")
	c.login("admin")
	c.open("/settings/application")
	c.fill(`input[name="application.tills"]`, "8\r") // Enter is enough
	c.sees("Saved.")
	if got := s.document(t).Application["tills"]; got != "8" {
		t.Errorf("there are %s tills", got)
	}
}
