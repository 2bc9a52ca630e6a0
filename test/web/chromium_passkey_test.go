package web

import (
	"crypto/sha256"
	"encoding/base64"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/console/terminal"
	"github.com/ingotvm/ingot/internal/words"
	"github.com/ingotvm/ingot/test/browser"
)

const shopName = "shop.example.com"

// trusted is a browser that finds the site under a name, and trusts its
// certificate as if an authority had signed it.
func (s *site) trusted(t *testing.T) *chromium {
	t.Helper()
	key := sha256.Sum256(s.greeting(t)[0].RawSubjectPublicKeyInfo)
	return s.under(shopName).chromium(t, chromedp.Flag("host-resolver-rules", "MAP "+shopName+" 127.0.0.1"),
		chromedp.Flag("ignore-certificate-errors", false), chromedp.Flag("ignore-certificate-errors-spki-list", base64.StdEncoding.EncodeToString(key[:])))
}

// putKey is webauthn.AddCredential without the members that Chromium takes of
// some kinds of device only, even if they say nothing.
var putKey = cdp.Command[putParams, cdp.Empty]{Method: webauthn.CommandAddCredential}

type putParams struct {
	Device     webauthn.AuthenticatorID `json:"authenticatorId"`
	Credential putCredential            `json:"credential"`
}

type putCredential struct {
	ID       []byte  `json:"credentialId"`
	Resident bool    `json:"isResidentCredential"`
	Host     string  `json:"rpId"`
	Key      []byte  `json:"privateKey"`
	User     []byte  `json:"userHandle"`
	Count    float64 `json:"signCount"`
	Name     string  `json:"userName"`
}

// device is a telephone or security key of a browser.
type device struct {
	c  *chromium
	id webauthn.AuthenticatorID
}

// device gives the browser one that knows its user.
func (c *chromium) device() *device {
	c.t.Helper()
	if _, err := chromedp.Call(c.Ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		c.t.Fatal(err)
	}
	added, err := chromedp.Call(c.Ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	if err != nil {
		c.t.Fatal(err)
	}
	return &device{c, added.AuthenticatorID}
}

// knows says whether it finds that its user is its user.
func (d *device) knows(user bool) {
	d.c.t.Helper()
	if _, err := chromedp.Call(d.c.Ctx, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: d.id, IsUserVerified: user}); err != nil {
		d.c.t.Fatal(err)
	}
}

// lies makes it leave out of its answers that it has verified its user, or
// sign wrongly.
func (d *device) lies(unverified, badly bool) {
	d.c.t.Helper()
	bits := webauthn.SetResponseOverrideBitsParams{AuthenticatorID: d.id, IsBadUV: &unverified, IsBogusSignature: &badly}
	if _, err := chromedp.Call(d.c.Ctx, webauthn.SetResponseOverrideBits, bits); err != nil {
		d.c.t.Fatal(err)
	}
}

// keys are all that it holds.
func (d *device) keys() []*webauthn.Credential {
	d.c.t.Helper()
	got, err := chromedp.Call(d.c.Ctx, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: d.id})
	if err != nil {
		d.c.t.Fatal(err)
	}
	return got.Credentials
}

// put makes it hold these keys and no others.
func (d *device) put(keys ...*webauthn.Credential) {
	d.c.t.Helper()
	if _, err := chromedp.Call(d.c.Ctx, webauthn.ClearCredentials, webauthn.ClearCredentialsParams{AuthenticatorID: d.id}); err != nil {
		d.c.t.Fatal(err)
	}
	for _, key := range keys {
		if _, err := chromedp.Call(d.c.Ctx, putKey, putParams{d.id, putCredential{
			key.CredentialID, key.IsResidentCredential, key.RpID, key.PrivateKey, key.UserHandle, key.SignCount, key.UserName,
		}}); err != nil {
			d.c.t.Fatal(err)
		}
	}
}

// addPasskey asks for one, as who is logged in.
func (c *chromium) addPasskey(name string) {
	c.t.Helper()
	c.Open("/access")
	c.Fill("#passkey-name", name)
	c.Fill("#passkey-current", password)
	c.Press(`form[action="/access/passkeys"] button`)
}

const passkeyButton = `form[action="/login/passkey"] button`

func (c *chromium) logout() {
	c.t.Helper()
	c.Press(`form[action="/logout"] button`)
	c.Sees("You are logged out")
	c.Open("/login")
}

// TestPasskeyInChromium adds passkeys, logs in with them without a name, and
// loses one.
func TestPasskeyInChromium(t *testing.T) {
	s := newSite(t).setUp(t)
	c := s.trusted(t)
	c.Open("/login")
	if c.Has(passkeyButton) {
		t.Error("there is a button, and nobody has a passkey")
	}
	c.login("olga")
	d := c.device()
	c.addPasskey("My telephone")
	c.Sees("The passkey is added.")
	c.Sees("for " + shopName + ", added")
	phone := d.keys()
	if len(phone) != 1 || !phone[0].IsResidentCredential || phone[0].RpID != shopName || phone[0].UserName != "olga" {
		t.Fatalf("the device holds %+v", phone)
	}
	c.Shot("passkey-list")
	c.addPasskey("The same telephone")
	c.Sees("holds a passkey of yours for this name already")
	c.Shot("passkey-known")
	d.put() // another device
	c.Press("main form button")
	c.Sees("The passkey is added.")
	stick := d.keys()
	c.Open("/access")
	c.Sees("passkeys: 2")

	for _, keys := range [][]*webauthn.Credential{phone, stick} {
		d.put(keys...)
		c.logout()
		c.Press(passkeyButton)
		c.Sees("olga · Operator")
	}
	c.Open("/access")
	c.Sees("last used")
	c.Press(`form[action="/access/passkeys/` + base64.RawURLEncoding.EncodeToString(phone[0].CredentialID) + `/delete"] button`)
	c.Sees("The passkey is deleted.")
	c.logout()
	d.put(phone...)
	c.Press(passkeyButton)
	c.Sees("not known here")
	c.Shot("passkey-gone")

	// Another account, on the same device.
	d.put()
	c.login("admin")
	c.addPasskey("The administrator's")
	c.Sees("The passkey is added.")
	c.logout()
	c.Press(passkeyButton)
	c.Sees("admin · Administrator")
	c.speaks(s)
}

// speaks looks at the pages of passkeys in other languages, on narrow screens.
func (c *chromium) speaks(s *site) {
	c.t.Helper()
	c.Screen(browser.Narrow, browser.Dark)
	for _, language := range []string{"de", "ja"} {
		if _, err := s.local.Change(c.t.Context(), 0, wire.Change{Values: map[string]string{"language.language": language}}); err != nil {
			c.t.Fatal(err)
		}
		c.addPasskey("x") // there is one for this name
		c.Sees(words.Words{Wanted: language, Charset: terminal.Full}.Text("web.passkey.known"))
		c.fits("/access/passkeys in " + language)
		c.Shot("passkey-known-" + language)
		c.Open("/access")
		c.fits("/access in " + language)
		c.Shot("passkey-list-" + language)
	}
}

// TestBadPasskeysInChromium: devices that do not verify, sign wrongly, or were
// copied.
func TestBadPasskeysInChromium(t *testing.T) {
	s := newSite(t).setUp(t)
	c := s.trusted(t).login("olga")
	d := c.device()
	d.knows(false)
	c.addPasskey("Stranger's")
	c.Sees("This did not work.")
	c.Shot("passkey-failed")
	d.knows(true)
	c.Press("main form button") // once more
	c.Sees("The passkey is added.")
	copied := d.keys()
	c.logout()
	for _, keeps := range []int{1, 2} {
		c.Press(passkeyButton)
		c.Sees("olga · Operator")
		if got := d.keys()[0].SignCount; got <= copied[0].SignCount {
			t.Errorf("log-in %d: the device has counted to %v", keeps, got)
		}
		c.logout()
	}
	d.knows(false)
	c.Press(passkeyButton)
	c.Sees("This did not work.")
	c.Shot("login-passkey-failed")
	d.knows(true)
	d.lies(true, false)
	c.Open("/login")
	c.Press(passkeyButton)
	c.Sees("its answer is not right")
	c.Open("/login") // or what is seen next may be of before
	d.lies(false, true)
	c.Press(passkeyButton)
	c.Sees("its answer is not right")
	c.Open("/login")
	d.lies(false, false)
	d.put(copied...)
	c.Press(passkeyButton)
	c.Sees("somebody may have copied it")
	c.Shot("login-passkey-copied")
	s.browser(t).login("olga").get("/access").says(t, 200, "failed: wrong passkey × 3")
}

// TestPasskeysNeedANameInChromium: where there can be none, the page says why.
func TestPasskeysNeedANameInChromium(t *testing.T) {
	s := newSite(t).setUp(t)
	c := s.under("localhost").chromium(t).login("olga")
	c.device()
	c.addPasskey("Telephone")
	c.Sees("The passkey is added.")
	for name, says := range map[string]string{"127.0.0.1": "you are at an address", shopName: "None of the passkeys belongs to the name " + shopName} {
		other := s.under(name).chromium(t, chromedp.Flag("host-resolver-rules", "MAP "+shopName+" 127.0.0.1"))
		other.Open("/login")
		other.Sees(says)
		if other.Has(passkeyButton) {
			t.Errorf("%s: there is a button that is good for nothing", name)
		}
		other.Shot("login-passkey-" + name)
		other.login("olga")
		other.Open("/access")
		if name != shopName {
			other.Sees("You are at an address")
			other.Shot("passkey-address")
		}
	}
	quiet := s.under("localhost").chromium(t)
	quiet.NoScripts()
	quiet.Open("/login")
	if browser.Eval[bool](quiet.Browser, `document.querySelector('`+passkeyButton+`').checkVisibility()`) {
		t.Error("without scripts there is a button that does nothing")
	}
	quiet.login("olga").Open("/access")
	quiet.Sees("Passkeys need JavaScript")
	if browser.Eval[bool](quiet.Browser, `document.querySelector("#passkey-name").checkVisibility()`) {
		t.Error("without scripts there is a form that leads nowhere")
	}
	quiet.Shot("passkey-noscript")
}

// TestPasskeysNeedTrustInChromium: who went on in spite of the warning about the
// certificate gets no passkey, and is told why. Chromium looks at certificates
// only as long as no device is simulated.
func TestPasskeysNeedTrustInChromium(t *testing.T) {
	s := newSite(t).setUp(t)
	c := s.under(shopName).chromium(t, chromedp.Flag("host-resolver-rules", "MAP "+shopName+" 127.0.0.1"), chromedp.Flag("ignore-certificate-errors", false))
	if err := chromedp.Do(c.Ctx, chromedp.Navigate(c.site.url+"/login")); err == nil {
		t.Fatal("the browser trusts a certificate that nobody signed")
	}
	c.Do(browser.WaitFor("#details-button"))
	_ = browser.Eval[bool](c.Browser, `(document.querySelector("#details-button").click(), document.querySelector("#proceed-link").click(), true)`)
	c.Sees("Forgot the password?")
	c.login("olga")
	c.addPasskey("Untrusted")
	c.Sees("does not trust the appliance’s certificate")
	s.browser(t).login("olga").get("/access").says(t, 200, "You have none.")
}
