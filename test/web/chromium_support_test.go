package web

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// TestSupportInChromium: one administrator lets the support in, another sees
// it on whatever page they are, and ends it.
func TestSupportInChromium(t *testing.T) {
	s := newSite(t).setUp(t)
	key, certificate := s.vendor.sign("alice@example.com")
	c := s.chromium(t).login("admin")
	other := s.chromium(t).login("olga")
	c.open("/")
	c.press(`nav a[href="/support"]`)
	c.sees("Nobody is let in")
	c.shot("support-none")
	c.do(chromedp.SetValue(chromedp.CSS("#certificate"), certificate[:200]))
	c.fill("#why", "ticket 7")
	c.press(`form[action="/support"] button`)
	c.sees("not an OpenSSH certificate")
	c.shot("support-bad")
	c.do(chromedp.SetValue(chromedp.CSS("#certificate"), certificate))
	c.choose("#minutes", "15")
	c.press(`form[action="/support"] button`)
	c.sees("The vendor’s support can log in now.")
	c.sees("Support session for alice@example.com")

	other.open("/settings/time")
	other.sees("Support session for alice@example.com")
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
	c.open("/support")
	c.sees("echo in")
	c.shot("support-open")
	c.open("/")
	c.shot("support-overview")
	other.shot("support-banner")
	other.press(`#guests button`)
	other.sees("The support session has ended.")
	if at := eval[string](other, "location.pathname"); at != "/settings/time" {
		t.Errorf("the button leads to %s", at)
	}
	if err := client.Wait(); err == nil {
		t.Error("the connection ends as if all were well")
	}
	c.open("/history")
	if c.has("#guests") {
		t.Error("the banner stays")
	}
	c.open("/support")
	c.sees("by olga")
	c.fits("/support")
	c.shot("support-ended")
	c.screen(narrow, dark)
	c.fits("/support")
	c.shot("support-dark")
}
