package web

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/test/browser"
)

// group is the first group of a pattern in a page.
func (p page) group(t *testing.T, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(p.text)
	if m == nil {
		t.Fatalf("%s: nothing like %s on%s", p.path, pattern, p.words())
	}
	return m[1]
}

// codes are the recovery codes on a page.
func (p page) codes(t *testing.T) (list []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`<li>([a-z2-7]{4}-[a-z2-7]{4}-[a-z2-7]{4}-[a-z2-7]{4})</li>`).FindAllStringSubmatch(p.text, -1) {
		list = append(list, m[1])
	}
	if len(list) != 10 {
		t.Fatalf("%s shows the recovery codes %q", p.path, list)
	}
	return list
}

// enrol sets up the second factor of who is logged in.
func (b *visitor) enrol() (secret string, codes []string) {
	b.t.Helper()
	p := b.post("/access/factor", "current", password).says(b.t, 200, "<svg", "otpauth://totp/")
	secret = p.group(b.t, `name="secret" value="([A-Z2-7]{32})"`)
	p = b.post("/access/factor/on", "code", b.site.code(secret), "secret", secret).says(b.t, 200, "not shown again", "!"+secret)
	return secret, p.codes(b.t)
}

// half logs in with the password alone, as far as that goes.
func (b *visitor) half(account string) page {
	b.t.Helper()
	p := b.post("/login", "account", account, "password", password, "to", "/history")
	if !strings.HasPrefix(p.path, "/login/code?to=%2Fhistory") {
		b.t.Fatalf("the password leads to %s", p.path)
	}
	return p
}

// TestSecondFactor is its life: set up, logged in with, lost.
func TestSecondFactor(t *testing.T) {
	s := newSite(t).setUp(t)
	b := s.browser(t).login("olga")
	old := s.browser(t).login("olga")
	b.get("/access").says(t, 200, "authenticator app", "Set it up", "!Recovery codes left")
	b.post("/access/factor", "current", "wrong").says(t, 422, "current password is wrong")
	p := b.post("/access/factor", "current", password)
	secret := p.group(t, `name="secret" value="([A-Z2-7]{32})"`)
	b.post("/access/factor/on", "code", "000000", "secret", secret, "url", p.group(t, `name="url" value="([^"]*)"`)).says(t, 422, "The code is wrong", secret, "<svg")
	p = b.post("/access/factor/on", "code", s.code(secret), "secret", secret).says(t, 200, "not shown again")
	codes := p.codes(t)
	b.get("/access").says(t, 200, "Recovery codes left: 10", "!"+secret, "!"+codes[0])
	old.get("/access").says(t, 200, "Forgot the password?") // opened with less

	// Logging in takes the code, and only the password leads to the question.
	c := s.browser(t)
	c.get("/login/code").says(t, 200, "Forgot the password?")
	c.post("/login/code", "code", s.code(secret)).says(t, 200, "Forgot the password?")
	if p := c.post("/login", "account", "olga", "password", "wrong"); p.status != 401 || p.path != "/login" {
		t.Errorf("a wrong password: %d at %s", p.status, p.path)
	}
	c.half("olga").says(t, 200, "Now type the code", "!"+password)
	c.get("/access").says(t, 200, "Forgot the password?")
	c.get("/login/code?to=/access").says(t, 200, "Now type the code", "!ingoth_")
	c.post("/login/code", "code", "000000", "to", "/history").says(t, 401, "The code is wrong", `value="/history"`)
	code := s.code(secret)
	if p := c.post("/login/code", "code", " "+code[:3]+" "+code[3:], "to", "/history"); p.path != "/history" {
		t.Errorf("the code leads to %s: %s", p.path, p.words())
	}
	c.get("/").says(t, 200, "Your last log-in: ", "from 127.0.0.1", "Attempts that failed since: 2")
	again := s.browser(t)
	again.half("olga")
	again.post("/login/code", "code", code).says(t, 401, "was used before")
	again.post("/login/code", "code", codes[0], "to", "https://evil.example/").says(t, 200, "Log out")
	third := s.browser(t)
	third.half("olga")
	third.post("/login/code", "code", codes[0]).says(t, 401, "was used before")
	s.ahead.Add(int64(6 * time.Minute))
	third.post("/login/code", "code", s.code(secret)).says(t, 401, "took too long", "Forgot the password?")

	// Another password: it asks for the code, and goes on.
	p = c.post("/access/password", "current", password, "password", "four words that fit", "again", "four words that fit")
	p.says(t, 200, "Now type the code")
	c.post("/login/code", "code", s.code(secret), "to", "/access?said=password").says(t, 200, "The password is set.", "Recovery codes left: 9")

	// New recovery codes, and off.
	const now = "four words that fit"
	c.post("/access/factor/recovery", "current", now, "code", "000000").says(t, 422, "code is wrong")
	c.post("/access/factor/recovery", "current", "x", "code", s.code(secret)).says(t, 422, "password is wrong")
	more := c.post("/access/factor/recovery", "current", now, "code", s.code(secret)).says(t, 200, "have ended").codes(t)
	c.post("/access/factor/off", "current", now, "code", codes[1]).says(t, 422, "code is wrong")
	c.post("/access/factor/off", "current", now, "code", more[0]).says(t, 200, "The second factor is off.", "Set it up")
	if p := s.browser(t).post("/login", "account", "olga", "password", now, "to", "/"); p.path != "/" {
		t.Errorf("the password alone leads to %s", p.path)
	}
	c.get("/history").says(t, 200, "second factor of olga: on", "second factor of olga: new recovery codes", "second factor of olga: off")
}

// TestLostTelephone: another administrator helps, or whoever holds the machine.
func TestLostTelephone(t *testing.T) {
	s := newSite(t).setUp(t)
	anna := s.browser(t).login("anna")
	anna.enrol()
	admin := s.browser(t).login("admin")
	secret, _ := admin.enrol()
	admin.get("/access").says(t, 200, `action="/access/accounts/anna/factor"`, `!action="/access/accounts/admin/factor"`)
	s.browser(t).login("olga").post("/access/accounts/anna/factor").says(t, 403)
	admin.post("/access/accounts/admin/factor").says(t, 422) // the own one takes password and code
	admin.post("/access/accounts/anna/factor").says(t, 200, "The second factor is off.")
	s.browser(t).login("anna")
	admin.get("/history").says(t, 200, "second factor of anna: off")
	// The API of the appliance itself, as root: the way of last resort.
	if err := s.local.FactorOff(t.Context(), wire.ProveFactor{Account: "admin"}); err != nil {
		t.Fatal(err)
	}
	s.browser(t).login("admin").get("/access").says(t, 200, "Set it up", "!"+secret)
}

// TestSessionsAndLogins lists sessions and log-ins, and ends sessions.
func TestSessionsAndLogins(t *testing.T) {
	s := newSite(t).setUp(t)
	const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
	b := s.browser(t)
	b.header.Set("User-Agent", firefox)
	b.login("admin")
	p := b.get("/access").says(t, 200, "Firefox, Linux", "this one", "from 127.0.0.1", "!End all others")
	if strings.Contains(p.text, "/end\"") {
		t.Error("the own session can be ended but by logging out")
	}
	other := s.browser(t)
	other.header.Set("User-Agent", `<script>alert(1)</script>"`+strings.Repeat("x", 5000))
	other.login("admin")
	anna := s.browser(t).login("anna")
	anna.get("/access").says(t, 200, "this one", "!<strong>admin</strong> Firefox")
	p = b.get("/access").says(t, 200, "End all others", "<strong>anna</strong>", "!<script>alert")
	ids := regexp.MustCompile(`/access/sessions/([0-9a-f]{16})/end`).FindAllStringSubmatch(p.text, -1)
	if len(ids) != 2 {
		t.Fatalf("%d sessions can be ended", len(ids))
	}
	anna.post("/access/sessions/"+ids[1][1]+"/end").says(t, 200, "Log out") // the newest, ids[0], is her own
	other.get("/access").says(t, 200, "Log out")
	b.post("/access/sessions/"+ids[0][1]+"/end").says(t, 200, "The session has ended.")
	b.post("/access/sessions/"+ids[1][1]+"/end").says(t, 200, "The session has ended.")
	other.get("/access").says(t, 200, "Forgot the password?")
	anna.get("/access").says(t, 200, "Forgot the password?")
	b.post("/access/sessions/"+ids[0][1]+"/end").says(t, 200, "The session has ended.") // twice is no error

	other.login("admin")
	b.post("/access/sessions/end").says(t, 200, "Your other sessions have ended.", "!End all others")
	other.get("/access").says(t, 200, "Forgot the password?")
	for _, account := range []string{"anna", "anna", "somebody's password"} {
		s.browser(t).post("/login", "account", account, "password", "wrong").says(t, 401)
	}
	b.get("/access").says(t, 200, "failed: wrong password × 2", "no such account", "!somebody")
}

func TestTokenUse(t *testing.T) {
	s := newSite(t).setUp(t)
	b := s.browser(t).login("admin")
	key := b.post("/access/tokens", "name", "backup", "role", "auditor", "days", "30").group(t, `(ingott_[A-Za-z0-9_-]+)`)
	b.get("/access").says(t, 200, "not used yet")
	req := s.browser(t)
	req.header.Set("Authorization", "Bearer "+key)
	req.get("/v1/config").says(t, 200)
	p := b.post("/access/tokens", "name", "plug", "role", "operator", "days", "0", "scope", "power").says(t, 200, "restarts, power")
	plug := s.browser(t)
	plug.header.Set("Authorization", "Bearer "+p.group(t, `(ingott_[A-Za-z0-9_-]+)`))
	plug.get("/v1/config").says(t, 403, "it takes the scope read")
	b.post("/access/tokens", "name", "odd", "role", "operator", "days", "0", "scope", "all").says(t, 422, "not a scope")
	b.get("/access").says(t, 200, "last used", "!not used yet")
	b.post("/access/tokens/"+url.PathEscape("backup")+"/delete").says(t, 200)
	req.get("/v1/config").says(t, 401)
}

// TestSecondFactorInChromium looks at its pages.
func TestSecondFactorInChromium(t *testing.T) {
	s := newSite(t).setUp(t)
	c := s.chromium(t)
	enter := func() {
		t.Helper()
		c.Open("/login")
		c.Fill("#account", "admin")
		c.Fill("#password", password)
		c.Press("main button")
	}
	enter()
	c.Sees("Log out")
	c.Open("/access")
	c.Fill("#factor-current", password)
	c.Press(`form[action="/access/factor"] button`)
	c.Do(browser.WaitFor("svg.qr"))
	c.Shot("factor-offer")
	secret := value(c, "input[name=secret]")
	c.Fill("#code", "000000")
	c.Press("main button")
	c.Sees("The code is wrong")
	c.Shot("factor-wrong")
	c.Fill("#code", s.code(secret))
	c.Press("main button")
	c.Sees("not shown again")
	c.Shot("factor-codes")
	c.Press("main a.button")
	c.Sees("Recovery codes left: 10")
	s.browser(t).login("anna").get("/")
	for range 3 {
		s.browser(t).post("/login", "account", "admin", "password", "wrong")
	}
	c.Open("/access")
	c.Shot("access-factor")
	c.Press(`form[action="/logout"] button`)
	c.Sees("You are logged out")
	s.ahead.Add(int64(time.Minute))
	enter()
	c.Sees("Now type the code")
	c.Fill("#code", "123456")
	c.Press("main button")
	c.Sees("The code is wrong")
	c.Shot("login-code")
	c.Fill("#code", s.code(secret))
	c.Press("main button")
	c.Sees("Your last log-in")
	c.Shot("overview-greeting")
}

// value is a field's value, also of a hidden one.
func value(c *chromium, selector string) string {
	c.t.Helper()
	text, err := chromedp.Run(c.Ctx, chromedp.Value(chromedp.CSS(selector)))
	if err != nil {
		c.t.Fatal(err)
	}
	return text
}
