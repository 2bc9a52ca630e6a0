package web

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/ingotvm/ingot/internal/agent/oidc/providertest"
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
	c.press(`a[href^="/login/provider"]`)
	c.do(chromedp.WaitVisible(chromedp.CSS("#username")))
	c.fill("#username", name)
	c.fill("#password", providertest.Password)
	c.press("button[type=submit]")
}

// TestProviderInChromium logs in by a provider of another site, in each role,
// with and without JavaScript, and not without one.
func TestProviderInChromium(t *testing.T) {
	s := newSite(t).setUp(t).byName()
	needChromium(t)
	p := s.providerFor(t)
	s.set(t, "oidc", p.Setting())
	for name, role := range map[string]string{"alice": "Administrator", "oskar": "Operator", "aurel": "Auditor"} {
		c := s.chromium(t)
		if name == "oskar" {
			c.noScripts()
		}
		c.open("/settings/time")
		c.sees("Log in with Example Ltd")
		c.shot("login-provider")
		c.vouch(name)
		c.do(waitFor(`form[action="/settings/time"], form[action="/logout"]`))
		c.sees("oidc:" + name + " · " + role)
		if name != "oskar" {
			if got := eval[string](c, "location.pathname"); got != "/settings/time" {
				t.Errorf("%s is led to %s", name, got)
			}
		}
		c.open("/access")
		c.sees("Your account is not kept on this appliance")
		c.shot("access-outside-" + name)
		c.press(`form[action="/logout"] button`)
		c.sees("You are logged out")
	}
	c := s.chromium(t)
	c.open("/login")
	c.vouch("nora")
	c.sees("in no group that may log in here")
	c.shot("login-provider-nobody")
	p.Tamper(func(t *providertest.Token) { t.Claims["nonce"] = "another" })
	c.vouch("alice")
	c.sees("its token is of another log-in")
	c.shot("login-provider-forged")
	p.Tamper(nil)
	// What came back once is worth nothing in another window, or later.
	c.open("/login/provider/back?state=x&code=y&error=access_denied&error_description=Call+this+number")
	c.sees("not begun in this browser")
	if c.has("#main") && strings.Contains(eval[string](c, "document.body.innerText"), "Call this number") {
		t.Error("anybody can write on the log-in page")
	}
}
