package web

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/ingotvm/ingot/test/browser"
)

// TestSupportInChromium: one administrator lets the support in, another sees
// it on whatever page they are, and ends it.
func TestSupportInChromium(t *testing.T) {
	s := newSite(t).setUp(t)
	key, certificate := s.vendor.sign("alice@example.com")
	c := s.chromium(t).login("admin")
	other := s.chromium(t).login("olga")
	c.Open("/")
	c.Press(`nav a[href="/support"]`)
	c.Sees("Nobody is let in")
	c.Shot("support-none")
	c.Do(chromedp.SetValue(chromedp.CSS("#certificate"), certificate[:200]))
	c.Fill("#why", "ticket 7")
	c.Press(`form[action="/support"] button`)
	c.Sees("not an OpenSSH certificate")
	c.Shot("support-bad")
	c.Do(chromedp.SetValue(chromedp.CSS("#certificate"), certificate))
	c.Choose("#minutes", "15")
	c.Press(`form[action="/support"] button`)
	c.Sees("The vendor’s support can log in now.")
	c.Sees("Support session for alice@example.com")

	other.Open("/settings/time")
	other.Sees("Support session for alice@example.com")
	client, err := s.vendor.dial(key)
	if err != nil {
		t.Fatal(err)
	}
	shell, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := shell.Output("echo in"); err != nil || string(out) != "in\n" {
		t.Errorf("it says %q, %v", out, err)
	}
	c.Open("/support")
	c.Sees("echo in")
	c.Shot("support-open")
	c.Open("/")
	c.Shot("support-overview")
	other.Shot("support-banner")
	other.Press(`#guests button`)
	other.Sees("The support session has ended.")
	if at := browser.Eval[string](other.Browser, "location.pathname"); at != "/settings/time" {
		t.Errorf("the button leads to %s", at)
	}
	if err := client.Wait(); err == nil {
		t.Error("the connection ends as if all were well")
	}
	c.Open("/history")
	if c.Has("#guests") {
		t.Error("the banner stays")
	}
	c.Open("/support")
	c.Sees("by olga")
	c.fits("/support")
	c.Shot("support-ended")
	c.Screen(browser.Narrow, browser.Dark)
	c.fits("/support")
	c.Shot("support-dark")
}
