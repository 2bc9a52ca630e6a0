package web

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// under is the same site at a name instead of its address.
func (s *site) under(name string) *site {
	other := *s
	other.url = strings.Replace(s.url, "127.0.0.1", name, 1)
	return &other
}

// device is a telephone or security key of a browser.
type device struct {
	c  *chromium
	id webauthn.AuthenticatorID
}

// device gives the browser one that knows its user, unless told otherwise.
func (c *chromium) device() *device {
	c.t.Helper()
	if _, err := chromedp.Call(c.ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		c.t.Fatal(err)
	}
	added, err := chromedp.Call(c.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	if err != nil {
		c.t.Fatal(err)
	}
	return &device{c, added.AuthenticatorID}
}

// addPasskey adds one to who is logged in.
func (c *chromium) addPasskey(name string) {
	c.t.Helper()
	c.open("/access")
	c.fill("#passkey-name", name)
	c.fill("#passkey-current", password)
	c.press(`form[action="/access/passkeys"] button`)
}

// TestPasskeyInChromium adds a passkey, logs out and in with it, without a name.
func TestPasskeyInChromium(t *testing.T) {
	s := newSite(t).setUp(t).under("localhost")
	c := s.chromium(t).login("olga")
	c.device()
	c.addPasskey("My telephone")
	c.sees("The passkey is added.")
	c.sees("for localhost, added")
	c.shot("passkey-list")
	c.press(`form[action="/logout"] button`)
	c.sees("You are logged out")
	c.open("/login")
	c.press(`form[action="/login/passkey"] button`)
	c.sees("Your last log-in")
}
