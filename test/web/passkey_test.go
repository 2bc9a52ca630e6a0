package web

import (
	"encoding/json"
	"html"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config/setting/passkeys/passkeytest"
)

// under is the same site at a name instead of its address.
func (s *site) under(name string) *site {
	other := *s
	other.url = strings.Replace(s.url, "127.0.0.1", name, 1)
	return &other
}

func newPasskey(t *testing.T) *passkeytest.Passkey {
	t.Helper()
	key, err := passkeytest.Make(passkeytest.P256)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// offered is what the page gives the script to ask the device for.
func (p page) offered(t *testing.T) (o wire.PasskeyCreation) {
	t.Helper()
	if err := json.Unmarshal([]byte(html.UnescapeString(p.group(t, `data-options="([^"]*)"`))), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// addPasskey does what the script does, and the device.
func (b *visitor) addPasskey(name string, more ...string) *passkeytest.Passkey {
	b.t.Helper()
	key := newPasskey(b.t)
	offer := b.post("/access/passkeys", append([]string{"name", name, "current", password}, more...)...).says(b.t, 200, name, `src="/assets/passkey-`).offered(b.t)
	b.post("/access/passkeys/add", "name", name, "credential", string(key.Create(b.site.url, offer.Challenge))).says(b.t, 200, "The passkey is added.", "<strong>"+name+"</strong>")
	return key
}

// asked is a challenge for a log-in.
func (b *visitor) asked() string {
	b.t.Helper()
	var request wire.PasskeyRequest
	p := b.post("/login/passkey/ask")
	if err := json.Unmarshal([]byte(p.text), &request); err != nil || p.header.Get("Content-Type") != "application/json" {
		b.t.Fatalf("%v: %s", err, p.text)
	}
	return request.Challenge
}

func (b *visitor) withPasskey(key *passkeytest.Passkey, twists ...func(*passkeytest.Answer)) page {
	b.t.Helper()
	return b.post("/login/passkey", "to", "/history", "credential", string(key.Get(b.site.url, b.asked(), twists...)))
}

// TestPasskey is its life, as the pages see it.
func TestPasskey(t *testing.T) {
	at := newSite(t).setUp(t)
	s := at.under("localhost")
	b := s.browser(t).login("olga")
	at.browser(t).login("olga").get("/access").says(t, 200, "You are at an address", `!action="/access/passkeys"`)
	s.browser(t).get("/login").says(t, 200, "!passkey")
	b.get("/access").says(t, 200, "You have none.", `action="/access/passkeys"`, "This will be one for localhost", "!You are at an address")
	b.post("/access/passkeys", "name", "Telephone", "current", "wrong").says(t, 422, "current password is wrong", `value="Telephone"`, "!data-options")
	key, second := b.addPasskey("Telephone"), b.addPasskey("Stick")
	b.get("/access").says(t, 200, "passkeys: 2", "for localhost, added", "not used yet")
	b.get("/history").says(t, 200, "passkey of olga added: Telephone")

	c := s.browser(t)
	c.get("/login").says(t, 200, "Log in with a passkey")
	at.browser(t).get("/login").says(t, 200, "you are at an address", "!Log in with a passkey")
	if p := c.withPasskey(key); p.path != "/history" {
		t.Errorf("the passkey leads to %d %s: %s", p.status, p.path, p.words())
	}
	c.get("/access").says(t, 200, "last used", "<td>passkey</td>")
	if p := s.browser(t).withPasskey(second); p.path != "/history" {
		t.Errorf("the second passkey leads to %d %s: %s", p.status, p.path, p.words())
	}

	// Rename, delete: its session ends, and it opens nothing.
	path := "/access/passkeys/" + url.PathEscape(key.Name())
	b.post(path+"/rename", "name", "a\nb").says(t, 422, "not a name for a passkey")
	b.post(path+"/rename", "name", "Old telephone").says(t, 200, "The passkey is renamed.", "Old telephone")
	s.browser(t).login("anna").post(path+"/delete").says(t, 422, "no such passkey")
	b.post(path+"/delete").says(t, 200, "Delete it on the device, too.", "!Old telephone", "passkeys: 1")
	c.get("/access").says(t, 200, "Forgot the password?")
	s.browser(t).withPasskey(key).says(t, 401, "not known here", "Forgot the password?")
	b.get("/access").says(t, 200, "failed: wrong passkey")

	// An administrator helps whose device is lost.
	admin := s.browser(t).login("admin")
	admin.get("/access").says(t, 200, `action="/access/accounts/olga/passkeys"`)
	admin.post("/access/accounts/olga/passkeys").says(t, 200, "The passkeys of the account are deleted.", "!passkeys: 1")
	s.browser(t).withPasskey(second).says(t, 401, "not known here")
	admin.get("/history").says(t, 200, "passkeys of olga ended")
	s.browser(t).get("/login").says(t, 200, "!passkey")
}

// TestPasskeyAndSecondFactor: adding one takes the code, logging in with it
// does not.
func TestPasskeyAndSecondFactor(t *testing.T) {
	s := newSite(t).setUp(t).under("localhost")
	b := s.browser(t).login("olga")
	secret, _ := b.enrol()
	b.get("/access").says(t, 200, `id="passkey-code"`)
	b.post("/access/passkeys", "name", "x", "current", password).says(t, 422, "!data-options")
	b.post("/access/passkeys", "name", "x", "current", password, "code", "000000").says(t, 422, "code is wrong", "!data-options")
	key := b.addPasskey("Telephone", "code", s.code(secret))
	if p := s.browser(t).withPasskey(key); p.path != "/history" {
		t.Errorf("the passkey leads to %d %s: %s", p.status, p.path, p.words())
	}
}

// TestPasskeyCheats goes at the forms with what is not the browser's own.
func TestPasskeyCheats(t *testing.T) {
	s := newSite(t).setUp(t).under("localhost")
	b := s.browser(t).login("olga")
	key := b.addPasskey("Telephone")
	answer := func(b *visitor, challenge string, twists ...func(*passkeytest.Answer)) page {
		return b.post("/login/passkey", "to", "/", "credential", string(key.Get(s.url, challenge, twists...)))
	}
	mine, other := s.browser(t), s.browser(t)
	challenge := mine.asked()
	other.asked()
	answer(other, challenge).says(t, 401, "not known here") // of another browser
	s.browser(t).post("/login/passkey", "credential", string(key.Get(s.url, challenge))).says(t, 409, "took too long")
	used := key.Get(s.url, challenge)
	mine.post("/login/passkey", "credential", string(used)).says(t, 200, "Log out")
	mine.post("/logout")
	mine.post("/login/passkey", "credential", string(used)).says(t, 409, "took too long")
	fresh := func() (*visitor, string) { c := s.browser(t); return c, c.asked() }
	for what, twist := range map[string]func(*passkeytest.Answer){
		"the origin of a phisher": func(a *passkeytest.Answer) { a.Origin = "https://localh0st:5480" },
		"another port":            func(a *passkeytest.Answer) { a.Origin = "https://localhost" },
		"another name":            func(a *passkeytest.Answer) { a.Host = "localh0st" },
		"nobody verified":         func(a *passkeytest.Answer) { a.Flags &^= passkeytest.Verified },
		"a frame":                 func(a *passkeytest.Answer) { a.CrossOrigin = true },
	} {
		s.ahead.Add(int64(6 * time.Minute)) // guesses are slow
		c, challenge := fresh()
		if p := answer(c, challenge, twist); p.status != 401 || strings.Contains(p.text, "Log out") {
			t.Errorf("%s: %d %s", what, p.status, p.words())
		}
	}
	s.ahead.Add(int64(6 * time.Minute))
	c, challenge := fresh()
	s.ahead.Add(int64(6 * time.Minute))
	answer(c, challenge).says(t, 409, "took too long")
	for _, evil := range append(evils, "{}", "null", "[]", `{"id":"AAAAAAAAAAAAAAAAAAAAAA","type":"public-key","response":{}}`) {
		s.ahead.Add(int64(6 * time.Minute))
		c.asked()
		p := c.post("/login/passkey", "to", evil, "credential", evil)
		if p.status != 401 && p.status != 413 || p.path != "/login/passkey" || strings.Contains(p.text, "<script>alert") {
			t.Errorf("%.40q: %d at %s %s", evil, p.status, p.path, p.words())
		}
		for _, form := range []url.Values{
			{"name": {evil}, "current": {password}}, {"name": {evil}, "credential": {evil}},
		} {
			path := map[bool]string{true: "/access/passkeys", false: "/access/passkeys/add"}[form.Has("current")]
			if p := b.do("POST", path, form); p.status != 200 && p.status != 422 && p.status != 413 || strings.Contains(p.text, "<script>alert") || strings.Contains(p.text, "is added") {
				t.Errorf("%s %.40q: %d %s", path, evil, p.status, p.words())
			}
		}
		if p := b.do("POST", "/access/passkeys/"+url.PathEscape(key.Name())+"/rename", url.Values{"name": {evil}}); strings.Contains(p.text, "<script>alert") {
			t.Errorf("rename to %.40q: %s", evil, p.text)
		}
	}
	// Another site cannot make the browser ask or answer.
	b.header.Set("Sec-Fetch-Site", "cross-site")
	b.post("/login/passkey/ask").says(t, 403)
	b.post("/access/passkeys/add", "name", "x", "credential", "{}").says(t, 403)
}
