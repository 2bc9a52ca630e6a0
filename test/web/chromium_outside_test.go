package web

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/ingotvm/ingot/internal/agent/oidc/providertest"
	"github.com/ingotvm/ingot/test/browser"
)

// byName is the site as browsers know it by another name than the provider's
// address: only then do they take the two for different sites.
func (s *site) byName() *site {
	other := *s
	other.url = strings.Replace(s.url, "127.0.0.1", "localhost", 1)
	return &other
}

// vouch presses the provider's button and logs in there.
func (c *chromium) vouch(name string) {
	c.t.Helper()
	c.Press(`a[href^="/login/provider"]`)
	c.Do(chromedp.WaitVisible(chromedp.CSS("#username")))
	c.Fill("#username", name)
	c.Fill("#password", providertest.Password)
	c.Press("button[type=submit]")
}

// TestProviderInChromium logs in by a provider of another site, in each role,
// with and without JavaScript, and not without one.
func TestProviderInChromium(t *testing.T) {
	s := newSite(t).setUp(t).byName()
	browser.Need(t)
	p := s.providerFor(t)
	s.set(t, "oidc", p.Setting())
	for name, role := range map[string]string{"alice": "Administrator", "oskar": "Operator", "aurel": "Auditor"} {
		c := s.chromium(t)
		if name == "oskar" {
			c.NoScripts()
		}
		c.Open("/settings/time")
		c.Sees("Log in with Example Ltd")
		c.Shot("login-provider")
		c.vouch(name)
		c.Do(browser.WaitFor(`form[action="/settings/time"], form[action="/logout"]`))
		c.Sees("oidc:" + name + " · " + role)
		if name != "oskar" {
			if got := browser.Eval[string](c.Browser, "location.pathname"); got != "/settings/time" {
				t.Errorf("%s is led to %s", name, got)
			}
		}
		c.Open("/access")
		c.Sees("Your account is not kept on this appliance")
		c.Shot("access-outside-" + name)
		c.Press(`form[action="/logout"] button`)
		c.Sees("You are logged out")
	}
	c := s.chromium(t)
	c.Open("/login")
	c.vouch("nora")
	c.Sees("in no group that may log in here")
	c.Shot("login-provider-nobody")
	p.Tamper(func(t *providertest.Token) { t.Claims["nonce"] = "another" })
	c.vouch("alice")
	c.Sees("its token is of another log-in")
	c.Shot("login-provider-forged")
	p.Tamper(nil)
	// What came back once is worth nothing in another window, or later.
	c.Open("/login/provider/back?state=x&code=y&error=access_denied&error_description=Call+this+number")
	c.Sees("not begun in this browser")
	if c.Has("#main") && strings.Contains(browser.Eval[string](c.Browser, "document.body.innerText"), "Call this number") {
		t.Error("anybody can write on the log-in page")
	}
}
