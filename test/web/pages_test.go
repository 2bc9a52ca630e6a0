package web

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/api/wire"
)

// base is the revision that a page's form was made from.
func (p page) base(t *testing.T) string {
	t.Helper()
	m := regexp.MustCompile(`name="base" value="(\d+)"`).FindStringSubmatch(p.text)
	if m == nil {
		t.Fatalf("%s has no form of a revision:\n%s", p.path, p.text)
	}
	return m[1]
}

// TestWizardWithoutScripts sets an appliance up with nothing but forms.
func TestWizardWithoutScripts(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	b.header.Set("Accept-Language", "fr, de-AT;q=0.8, en;q=0.5")
	b.get("/").says(t, 200, "waits to be set up", `href="/setup"`)
	b.get("/login").says(t, 200)
	b.get("/setup").says(t, 200, "Einmalcode", "!Host name")
	b.post("/setup", "step", "network", "network.hostname", "x").says(t, 200, "Einmalcode") // without the code nothing
	b.post("/setup", "code", "AAAA-AAAA").says(t, 403, "der Einmalcode ist falsch. Die Konsole der Appliance zeigt ihn")
	setup, err := s.local.Setup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.post("/setup", "code", " "+setup.Code+" ").says(t, 200, `<option value="de" selected>Deutsch</option>`)
	b.post("/setup", "step", "language", "language.language", "de", "language.formats", "de-CH", "language.units", "metric").says(t, 200, "Tastatur", "Weiter")
	b.post("/setup", "step", "keyboard", "keyboard.layout", "de").says(t, 200, "Seien Sie nett.", "Ich nehme an")
	b.post("/setup", "step", "eula", "accept", "0000").says(t, 422, "die Lizenz muss angenommen werden")
	licence := regexp.MustCompile(`name="accept" value="([0-9a-f]+)"`).FindStringSubmatch(b.get("/setup").text)
	b.post("/setup", "step", "eula", "accept", licence[1]).says(t, 200, "Rechnername", "!IPv4-Adresse")
	b.post("/setup", "step", "network", "network.hostname", "-", "network.mode", "dhcp").says(t, 422, "f-network-hostname-problem", `value="-"`)
	b.post("/setup", "step", "network", "network.hostname", "till1", "network.mode", "static").says(t, 422, "IPv4-Adresse", "f-network-address-problem")
	b.post("/setup", "step", "network", "network.hostname", "till1", "network.mode", "dhcp").says(t, 200, "Zeitzone")
	b.post("/setup", "step", "time", "time.zone", "Europe/Zurich").says(t, 200, "Administrator")
	b.post("/setup", "step", "administrator", "access.administrator", "admin", "access.password", password, "again:access.password", "other").
		says(t, 422, "nicht gleich", "!"+password)
	b.post("/setup", "step", "administrator", "access.administrator", "admin", "access.password", "short", "again:access.password", "short").says(t, 422, "ist zu kurz: es muss mindestens 10 Zeichen haben")
	b.post("/setup", "step", "administrator", "access.administrator", "admin", "access.password", password, "again:access.password", password).says(t, 200, "Owner")
	b.post("/setup", "step", "application", "application.owner", "nobody").says(t, 422, "f-application-owner-problem")
	b.get("/setup").says(t, 200, "Database", "!Server</label>")
	b.post("/setup?preview", "step", "application", "application.owner", "o@example.com", "application.database", "external").
		says(t, 200, "Server</label>", `value="o@example.com"`, "!-problem")
	b.post("/setup", "step", "application", "application.owner", "o@example.com", "application.database", "external").
		says(t, 422, "Server</label>", "f-application-database_host-problem", `value="o@example.com"`)
	b.get("/setup").says(t, 200, "!Server</label>")                   // nothing was kept
	b.get("/settings/application").says(t, 200, "Anmelden", "!Owner") // a log-in is another thing than the code
	p := b.post("/setup", "step", "application", "application.owner", "owner@example.com")
	p.says(t, 200, "Die Appliance ist eingerichtet", "Anmelden")
	b.get("/setup").says(t, 200, "Übersicht", "!Einmalcode")
	b.post("/setup", "code", setup.Code).says(t, 409)
	b.login("admin").get("/settings/time").says(t, 200, "Europe/Zurich")
	b.get("/history").says(t, 200, "set-up: application", "127.0.0.1")
}

// TestSettingsWithoutScripts changes settings of every type, wrongly and rightly.
func TestSettingsWithoutScripts(t *testing.T) {
	s := newSite(t).setUp(t)
	b := s.browser(t).login("admin")
	b.get("/settings").says(t, 200, "Name of the shop", "Shown above every page.", "!Server</label>")
	base := b.get("/settings/application").base(t)
	b.post("/settings/application", "base", base, "application.tills", "3").says(t, 200, "Nothing was changed")
	b.post("/settings/application", "base", base, "application.tills", "300", "application.timeout", "soon", "application.name", "New name").
		says(t, 422, "f-application-tills-problem", "f-application-timeout-problem", `value="New name"`, `value="300"`, "!f-application-name-problem")
	b.post("/settings/application", "base", base, "application.tills", "4", "try", "yes").says(t, 200, "The values are good", `value="4"`)
	b.post("/settings/application", "base", base, "application.database", "external").says(t, 422, "f-application-database_host-problem", "Server</label>")
	b.post("/settings/application?preview", "base", base, "application.database", "external").says(t, 200, "Server</label>", "!problem")
	saved := b.post("/settings/application", "base", base, "application.tills", "4", "application.open", "false", "application.greeting", "a\r\nb",
		"application.database_password", "secret words", "why", "more tills")
	saved.says(t, 200, "Saved.", `value="4"`, "set; type to change", "!secret words", "!checked")
	b.get("/history").says(t, 200, "more tills", "admin", "127.0.0.1")

	// Another one who had the old page loses nothing and overwrites nothing.
	p := b.post("/settings/application", "base", base, "application.tills", "9")
	p.says(t, 412, "Somebody else has changed the settings", `value="9"`)
	b.post("/settings/application", "base", p.base(t), "application.tills", "9").says(t, 200, "Saved.")
	b.get("/history").says(t, 200, "<td>application</td>") // no reason was given

	// A secret stays unless it is typed or taken away.
	b.post("/settings/application", "base", b.get("/settings/application").base(t), "application.database_password", "", "application.tills", "8").says(t, 200, "set; type to change")
	b.post("/settings/application", "base", b.get("/settings/application").base(t), "application.database_password", "", "clear:application.database_password", "yes").
		says(t, 200, "Saved.", "!set; type to change")

	for path, status := range map[string]int{"/settings/nothing": 404, "/settings/access": 404, "/history/999": 404, "/history/x": 404, "/settings/application/x": 404} {
		b.get(path).says(t, status, "did not work")
	}
}

// TestPendingWithoutScripts keeps and undoes a change that could cut somebody off.
func TestPendingWithoutScripts(t *testing.T) {
	s := newSite(t).setUp(t)
	b := s.browser(t).login("admin")
	change := func(name string) {
		t.Helper()
		b.post("/settings/network", "base", b.get("/settings/network").base(t), "network.hostname", name, "network.proxy", "http://"+name+".example.com:3128").
			says(t, 200, "is undone in", `action="/confirm"`)
	}
	change("one")
	s.browser(t).get("/").says(t, 200, "is undone in", "Log in to confirm it", `!action="/confirm"`)
	s.browser(t).login("anna").get("/").says(t, 200, "is undone in", `!action="/confirm"`)
	b.post("/confirm", "back", "/settings/network").says(t, 200, "The change is confirmed.", "!is undone in")
	change("two")
	if p := b.post("/undo", "back", "//evil.example/"); p.path != "/?said=undone" {
		t.Errorf("the browser was sent to %s", p.path)
	}
	b.get("/settings/network").says(t, 200, `value="one"`, "!is undone in")
	b.post("/undo").says(t, 200, "Nothing waits")
	b.post("/history/1/revert", "base", b.get("/history/1").base(t)).says(t, 422, "nobody is an administrator") // from before it was set up
	config, err := s.local.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	older := fmt.Sprintf("/history/%d", config.Revision-1)
	b.post(older+"/revert", "base", "1").says(t, 412)
	b.post(older+"/revert", "base", b.get(older).base(t), "why", "it was better").says(t, 200, "The older settings are in force again.", "it was better")
}

// TestAccess makes and unmakes accounts and tokens.
func TestAccess(t *testing.T) {
	s := newSite(t).setUp(t)
	b := s.browser(t).login("admin")
	b.post("/access/accounts", "name", "otto", "role", "operator", "password", password, "again", "x").says(t, 422, "not the same", `value="otto"`)
	b.post("/access/accounts", "name", "otto", "role", "operator", "password", "x", "again", "x").says(t, 422, "too short")
	b.post("/access/accounts", "name", "otto", "role", "king", "password", password, "again", password).says(t, 422, "not a role")
	b.post("/access/accounts", "name", "otto", "role", "operator", "password", password, "again", password).says(t, 200, "The account is made.", "otto")
	b.post("/access/accounts", "name", "otto", "role", "operator", "password", password, "again", password).says(t, 422, "already")
	otto := s.browser(t).login("otto")
	otto.get("/power").says(t, 200, "Restart the machine", "!Factory reset")
	b.post("/access/accounts/otto/role", "role", "auditor").says(t, 200, "The role is set.")
	otto.get("/power").says(t, 200, "Password") // the session has ended
	b.post("/access/accounts/admin/delete").says(t, 422, "your own account")
	b.post("/access/accounts/admin/role", "role", "auditor").says(t, 422, "your own account")
	b.post("/access/accounts/otto/delete").says(t, 200, "The account is deleted.", "!otto</strong>")

	b.post("/access/password", "current", "wrong", "password", "four words that fit", "again", "four words that fit").says(t, 422, "current password is wrong")
	old := s.browser(t).login("admin")
	b.post("/access/password", "current", password, "password", "four words that fit", "again", "four words that fit").says(t, 200, "The password is set.")
	b.get("/access").says(t, 200, "Log out")
	old.get("/access").says(t, 200, "Forgot the password?")

	p := b.post("/access/tokens", "name", "backup job", "role", "auditor", "days", "30")
	p.says(t, 200, "backup job", "ingott_")
	b.get("/access").says(t, 200, "backup job", "!ingott_")
	b.post("/access/tokens", "name", "backup job", "role", "auditor", "days", "30").says(t, 422)
	b.post("/access/tokens/"+url.PathEscape("backup job")+"/delete").says(t, 200, "The token is deleted.", "!backup job")
}

// TestBranding shows the vendor's own things to everyone.
func TestBranding(t *testing.T) {
	b := newSite(t).browser(t)
	b.get("/").says(t, 200, `src="/brand/logo"`, `href="/brand/accent.css"`, `href="https://example.com/support"`, `href="/pages/getting-started"`)
	if p := b.get("/brand/logo").says(t, 200, "<svg"); p.header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(p.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("the logo comes with %v", p.header)
	}
	b.get("/brand/accent.css").says(t, 200, ":root{--accent:#")
	b.get("/pages/getting-started").says(t, 200, "<em>till</em>")
	b.get("/pages/none").says(t, 404)
}

// pages are those that a GET shows, and the least role that may.
var pages = map[string]string{
	"/": "", "/?range=week": "", "/login": "", "/pages/getting-started": "", "/brand/logo": "", "/brand/accent.css": "", "/settings/application": "auditor", "/settings/network": "auditor", "/settings/firewall": "auditor", "/settings/network/adapters": "auditor", "/settings/time": "auditor",
	"/settings/language": "auditor", "/settings/keyboard": "auditor", "/access": "auditor", "/history": "auditor", "/history/1": "auditor",
	"/history/export": "auditor", "/history/export?secrets=yes": "admin", "/log": "auditor", "/power": "auditor", "/certificate": "auditor", "/support": "auditor", "/updates": "auditor", "/settings/ldap": "auditor", "/settings/oidc": "auditor",
}

// forms are what a POST does, with a good body, and the least role that may.
// The destructive ones are left out: the API's own test has them.
var forms = []struct{ path, body, role string }{
	{"/services/till/restart", "", "operator"},
	{"/fix", "id=unit:none.service", "operator"},
	{"/settings/application", "base=BASE&application.tills=7", "admin"},
	{"/settings/application?preview", "base=BASE&application.tills=7", "auditor"},
	{"/settings/firewall/rules", "base=BASE&firewall.rules[0]=&firewall.rules[0].protocol=udp&firewall.rules[0].action=drop", "admin"},
	{"/settings/network/adapters", "base=BASE&network.no_proxy=example.com", "admin"},
	{"/history/1/revert", "base=BASE", "admin"},
	{"/certificate", "base=BASE&tls.chain=x", "admin"}, {"/certificate/own", "base=BASE", "admin"}, {"/certificate/request", "names=x", "admin"},
	{"/certificate/acme", "base=BASE&tls.directory=https://ca.example.com/&tls.names=a.example.com", "admin"},
	{"/support", "certificate=x&minutes=60&why=x", "admin"}, {"/support/end", "", "operator"},
	{"/updates/check", "", "operator"}, {"/updates/download", "version=1.1.0", "operator"}, {"/updates/install", "version=1.1.0", "operator"},
	{"/updates/cancel", "", "operator"}, {"/updates/postpone", "days=7", "admin"}, {"/updates/back", "version=1.0.0&data=keep", "operator"}, {"/updates/bundle", "", "operator"}, {"/updates/media", "name=sr0", "operator"},
	{"/confirm", "", "operator"}, {"/undo", "", "auditor"}, // nothing waits
	{"/access/accounts", "name=x&role=auditor&password=" + password + "&again=" + password, "admin"},
	{"/access/accounts/anna/role", "role=auditor", "admin"},
	{"/access/tokens", "name=x&role=auditor&days=1", "admin"},
	{"/access/accounts/admin/factor", "", "admin"},
	{"/access/sessions/end", "", "auditor"}, {"/access/sessions/x/end", "", "auditor"},
	{"/access/factor", "current=x", "auditor"}, {"/access/factor/on", "code=1", "auditor"}, // of their own
	{"/access/accounts/admin/passkeys", "", "admin"}, {"/access/passkeys", "name=x&current=x", "auditor"}, {"/access/passkeys/add", "name=x&credential={}", "auditor"},
	{"/access/passkeys/x/rename", "name=x", "auditor"}, {"/access/passkeys/x/delete", "", "auditor"},
	{"/access/factor/recovery", "current=x&code=1", "auditor"}, {"/access/factor/off", "current=x&code=1", "auditor"},
}

// TestEveryPageTimesEveryRole: who may not is sent to log in, or told so, and
// nothing is done.
func TestEveryPageTimesEveryRole(t *testing.T) {
	s := newSite(t).setUp(t)
	rank := map[string]int{"": 0, "auditor": 1, "operator": 2, "admin": 3}
	for account, role := range map[string]string{"": "", "anna": "auditor", "olga": "operator", "admin": "admin"} {
		b := s.browser(t)
		if account != "" {
			b.login(account)
		}
		for path, least := range pages {
			p := b.get(path)
			switch {
			case rank[role] >= rank[least]:
				if p.status != 200 || !strings.HasPrefix(p.path, strings.SplitN(path, "?", 2)[0]) && path != "/login" {
					t.Errorf("GET %s by %q: %d at %s", path, role, p.status, p.path)
				}
			case role == "":
				if !strings.HasPrefix(p.path, "/login?to="+url.QueryEscape(path)) {
					t.Errorf("GET %s by nobody leads to %s", path, p.path)
				}
			case p.status != http.StatusForbidden:
				t.Errorf("GET %s by %s: %d", path, role, p.status)
			}
		}
		if role == "admin" {
			continue // what admins do is in the other tests
		}
		for _, f := range forms {
			config, err := s.local.Config(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			form, _ := url.ParseQuery(strings.ReplaceAll(f.body, "BASE", fmt.Sprint(config.Revision)))
			p := b.do("POST", f.path, form)
			after, err := s.local.Config(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case role == "" && !strings.HasPrefix(p.path, "/login"):
				t.Errorf("POST %s by nobody leads to %s", f.path, p.path)
			case role != "" && rank[role] < rank[f.role] && p.status != http.StatusForbidden:
				t.Errorf("POST %s by %s: %d", f.path, role, p.status)
			case after.Revision != config.Revision:
				t.Errorf("POST %s by %q has changed something", f.path, role)
			}
		}
	}
}

// TestSessions ends them, refuses made-up ones, and keeps other sites out.
func TestSessions(t *testing.T) {
	s := newSite(t).setUp(t)
	b := s.browser(t).login("admin")
	u, _ := url.Parse(s.url)
	key := ""
	req, _ := http.NewRequestWithContext(t.Context(), "POST", s.url+"/login", strings.NewReader(url.Values{"account": {"admin"}, "password": {password}}.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	noFollow := *b.http
	noFollow.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := noFollow.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	for _, c := range resp.Cookies() {
		key = c.Value
		if c.Name != "__Host-ingot" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge > 0 {
			t.Errorf("the cookie is %+v", c)
		}
	}
	b.post("/login", "account", "admin", "password", "wrong").says(t, 401, "account or the password is wrong", "!wrong\"")
	b.get("/access").says(t, 200, "Log out")
	b.post("/logout").says(t, 200, "You are logged out")
	b.get("/access").says(t, 200, "Forgot the password?")
	b.http.Jar.SetCookies(u, []*http.Cookie{{Name: "__Host-ingot", Value: key, Path: "/", Secure: true}})
	b.get("/access").says(t, 200, "Forgot the password?") // a key that has ended opens nothing
	if p := b.post("/login", "account", "admin", "password", password, "to", "https://evil.example/"); p.path != "/" {
		t.Errorf("the log-in leads to %s", p.path)
	}
	b.header.Set("Sec-Fetch-Site", "cross-site")
	b.post("/power", "action", "off").says(t, 403)
	b.post("/logout").says(t, 403)
	b.header.Del("Sec-Fetch-Site")
	b.header.Set("Origin", "https://evil.example")
	b.post("/power", "action", "off").says(t, 403)
	b.header.Del("Origin")
	b.get("/access").says(t, 200, "Log out")
}

// TestPageLeftOpen leaves a page alone that asks for news by itself: its
// session ends as if it was closed, and the page says so.
func TestPageLeftOpen(t *testing.T) {
	for name, ask := range map[string]func(b *visitor) page{
		"with scripts": func(b *visitor) page {
			b.header.Set("HX-Request", "true")
			defer b.header.Del("HX-Request")
			return b.get("/?part=live")
		},
		"without": func(b *visitor) page { return b.get("/?again=") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t).setUp(t)
			b := s.browser(t).login("admin")
			b.get("/").says(t, 200, "Log out", ";url=/?again=")
			for range 2 {
				s.ahead.Add(int64(access.IdleLimit / 2))
				ask(b).says(t, 200)
			}
			b.get("/access").says(t, 200, "Forgot the password?")
			b.login("admin").get("/").says(t, 200, "Log out")
			for range 3 {
				s.ahead.Add(int64(access.IdleLimit / 2))
				b.get("/access").says(t, 200, "Log out")
			}
			s.ahead.Add(int64(access.IdleLimit))
			if p := ask(b); p.header.Get("HX-Refresh") != "true" {
				t.Errorf("the open page is told %v", p.header)
			}
		})
	}
}

// evils are what hostile people type.
var evils = []string{
	`"><script>alert(1)</script>`, `'><img src=x onerror=alert(1)>`, "javascript:alert(1)", "{{.}}", "a\x00b", "\u202egnp.exe", strings.Repeat("A", 100_000), "\xff\xfe", "../../etc/passwd", "-1", "999999999999999999999",
}

// TestHostileForms sends markup, scripts, control characters and much too much
// in every field of every setting's form: no page breaks, and nothing comes
// back as markup.
func TestHostileForms(t *testing.T) {
	s := newSite(t).setUp(t)
	b := s.browser(t).login("admin")
	settings, err := s.local.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, evil := range evils {
		for _, setting := range settings {
			if setting.Key == "access" {
				continue
			}
			for _, p := range setting.Properties {
				hostile(t, b, setting, p, evil)
			}
		}
	}
	b.get("/").says(t, 200, "Log out")
}

// TestHostileRows does the same to the forms of rows.
func TestHostileRows(t *testing.T) {
	s := newSite(t).setUp(t)
	b := s.browser(t).login("admin")
	for path, names := range map[string][]string{
		"/settings/firewall/rules":   {"firewall.rules[0]", "firewall.rules[0].comment", "firewall.rules[0].source", "firewall.rules[0].protocol", "firewall.rules[0].port", "firewall.rules[0].action"},
		"/settings/network/adapters": {"network.interfaces[0]", "network.interfaces[0].ipv4", "network.interfaces[0].ipv6", "network.interfaces[0].addresses", "network.interfaces[0].gateways", "network.interfaces[0].mtu", "network.interfaces[0].routes[0].to", "network.interfaces[0].routes[0].metric", "network.no_proxy", "vlan.carrier"},
	} {
		for _, evil := range evils {
			for _, name := range names {
				for _, do := range []string{"", "add network.interfaces", evil} {
					form := url.Values{"base": {b.get("/settings/firewall").base(t)}, "network.interfaces[0]": {"eth9"}, "network.interfaces[0].routes[0]": {""},
						"firewall.rules[0]": {""}, "vlan.number": {"7"}, "do": {do}, "try": {"yes"}, name: {evil}}
					harmless(t, b.do("POST", path, form), name, evil)
				}
			}
		}
	}
	if d := s.document(t); d.Firewall.Rules != nil || d.Network.Interfaces != nil {
		t.Errorf("something was saved: %+v", d)
	}
}

func hostile(t *testing.T, b *visitor, setting wire.Setting, p wire.Property, evil string) {
	t.Helper()
	path, form := "/settings/"+setting.Key, "/settings/"+setting.Key
	if setting.Key == "tls" {
		path, form = "/certificate", "/certificate/acme"
		if p.Key == "tls.chain" || p.Key == "tls.key" {
			form = path
		}
	}
	harmless(t, b.post(form, "base", b.get(path).base(t), p.Key, evil, "why", evil, "try", "yes"), p.Key, evil)
}

func harmless(t *testing.T, answer page, key, evil string) {
	t.Helper()
	if answer.status != 200 && answer.status != 422 && answer.status != 413 {
		t.Errorf("%s = %.40q: status %d\n%s", key, evil, answer.status, answer.text)
	}
	for _, bad := range []string{"<script>alert", "<img src=x", `href="javascript:`} {
		if strings.Contains(answer.text, bad) {
			t.Errorf("%s = %.40q: the page holds %q", key, evil, bad)
		}
	}
}
