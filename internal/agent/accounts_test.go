package agent

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/passwords"
)

const otherPassword = "four plums in a hat"

// uptime makes the machine as old as that.
func uptime(t *testing.T, a *Agent, seconds string) {
	t.Helper()
	write(t, a.opts.Root, map[string]string{"proc/uptime": seconds})
}

func TestSetPassword(t *testing.T) {
	console := config.By{Who: Console, From: Console}
	for _, test := range []struct {
		name, uptime      string
		by                config.By
		account, password string
		want              string
	}{
		{"an administrator", "99999.0 1.0\n", config.By{Who: "admin"}, "admin", otherPassword, ""},
		{"the machine's root", "99999.0 1.0\n", config.By{Who: "root"}, "admin", otherPassword, ""},
		{"an unknown account", "10.0 1.0\n", config.By{Who: "admin"}, "eve", otherPassword, `there is no account "eve"`},
		{"the console, soon", "599.9 1.0\n", console, "admin", otherPassword, ""},
		{"the console, at the last moment", "600.0 1.0\n", console, "admin", otherPassword, ""},
		{"the console, too late", "600.1 1.0\n", console, "admin", otherPassword, "first ten minutes"},
		{"the console, when nobody knows how late it is", "soon\n", console, "admin", otherPassword, "first ten minutes"},
		{"the console, an unknown account", "10.0 1.0\n", console, "eve", otherPassword, ""},
		{"the console, no name", "10.0 1.0\n", console, "", otherPassword, "not a name for an account"},
		{"the console, a name of the history's", "10.0 1.0\n", console, "console", otherPassword, "not a name for an account"},
		{"too short", "10.0 1.0\n", console, "admin", "plums", "too short"},
		{"the account's name", "10.0 1.0\n", config.By{Who: "admin"}, "admin", "adminadmin1", "little more than a name"},
		{"the product's name", "10.0 1.0\n", config.By{Who: "admin"}, "admin", "demoDEMO-demo1", "little more than a name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newTestAgent(t, &fakeManager{})
			uptime(t, a, test.uptime)
			before, _ := a.engine.Current()
			err := a.SetPassword(t.Context(), test.by, wire.NewPassword{Account: test.account, Password: test.password})
			if test.want != "" {
				if after, _ := a.engine.Current(); err == nil || !strings.Contains(err.Error(), test.want) || after.Number != before.Number {
					t.Errorf("the error is %v, want %q", err, test.want)
				}
				return
			}
			accounts := a.Access()
			account := accounts.Account(test.account)
			if err != nil || account == nil || !passwords.Verify(account.Hash, test.password) || account.Role != setting.Admin {
				t.Errorf("%v, %+v", err, a.Access())
			}
			revisions, _ := a.Revisions(t.Context())
			if got := revisions[0]; got.Who != test.by.Who || got.From != test.by.From || got.Why != "password of "+test.account || got.Unconfirmed {
				t.Errorf("the history says %+v", got)
			}
			diff, err := a.Diff(t.Context(), before.Number, revisions[0].Number)
			if err != nil || strings.Contains(diff.Diff, "argon2id") || strings.Contains(diff.Diff, test.password) || !strings.Contains(diff.Diff, setting.Hidden) {
				t.Errorf("the difference is %s, %v", diff.Diff, err)
			}
		})
	}
}

// TestLimitedToken: who may change settings, and not accounts, cannot make
// themselves another account by way of the settings.
func TestLimitedToken(t *testing.T) {
	a := newTestAgent(t, &fakeManager{})
	by := config.By{Who: "token:ci", NotAccess: true}
	first, _ := a.engine.Current()
	if err := a.SetPassword(t.Context(), config.By{Who: "admin"}, wire.NewPassword{Account: "admin", Password: otherPassword}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Change(t.Context(), by, 0, wire.Change{Merge: []byte(`{"language":{"language":"de"}}`)}); err != nil {
		t.Errorf("a setting: %v", err)
	}
	if now, _ := a.engine.Current(); now.Why != "language" { // who gives no reason says at least what it is about
		t.Errorf("the history says %q", now.Why)
	}
	refused := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "may not change who manages") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, c := range []wire.Change{
		{Merge: []byte(`{"access":{"tokens":[{"name":"x","role":"admin","hash":"` + strings.Repeat("0a", 32) + `"}]}}`)},
		{Merge: []byte(`{"access":{"accounts":[{"name":"admin","role":"auditor","hash":"********"}]}}`)},
		{Values: map[string]string{"access.password": adminPassword}},
		{Values: map[string]string{"access.administrator": "eve"}},
		{Values: map[string]string{"access.administrator": "eve"}, Try: true},
		{Merge: []byte(`{"ldap":{"kind":"ldap","servers":["ldaps://evil.example"],"base":"dc=x","admin_groups":["x"]}}`)},
		{Values: map[string]string{"oidc.state": "on", "oidc.issuer": "https://evil.example", "oidc.client_id": "x", "oidc.admin_groups": "x"}},
		{Values: map[string]string{"oidc.title": "x"}, Try: true},
	} {
		_, err := a.Change(t.Context(), by, 0, c)
		refused(string(c.Merge), err)
	}
	_, err := a.Revert(t.Context(), by, 0, first.Number, "")
	refused("back to the old password", err)
}

// TestSecondFactor: it is kept, hidden, and ends with a reset at the console.
func TestSecondFactor(t *testing.T) {
	a := newTestAgent(t, &fakeManager{})
	f := access.Factor{TOTP: strings.Repeat("MFRGGZDF", 4), Recovery: strings.Repeat("0a", 32)}
	admin, console := config.By{Who: "admin", From: "192.0.2.7"}, config.By{Who: Console, From: Console}
	why := func() string {
		t.Helper()
		revisions, err := a.Revisions(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return revisions[0].Who + ": " + revisions[0].Why
	}
	for _, test := range []struct {
		name, uptime, want, why string
		do                      func() error
		on                      bool
	}{
		{"nobody's", "99999.0 1.0\n", `there is no account "eve"`, "", func() error { return a.SetFactor(t.Context(), admin, "eve", f) }, false},
		{"on", "99999.0 1.0\n", "", "admin: second factor of admin: on", func() error { return a.SetFactor(t.Context(), admin, "admin", f) }, true},
		{"other recovery codes", "99999.0 1.0\n", "", "admin: second factor of admin: new recovery codes", func() error {
			return a.SetFactor(t.Context(), admin, "admin", access.Factor{TOTP: f.TOTP, Recovery: strings.Repeat("0b", 32)})
		}, true},
		{"another password", "99999.0 1.0\n", "", "admin: password of admin", func() error {
			return a.SetPassword(t.Context(), admin, wire.NewPassword{Account: "admin", Password: otherPassword})
		}, true},
		{"off at the console, too late", "99999.0 1.0\n", "first ten minutes", "", func() error { return a.SetFactor(t.Context(), console, "admin", access.Factor{}) }, true},
		{"another password at the console, too late", "99999.0 1.0\n", "first ten minutes", "", func() error {
			return a.SetPassword(t.Context(), console, wire.NewPassword{Account: "admin", Password: adminPassword})
		}, true},
		{"another password at the console", "10.0 1.0\n", "", "console: password of admin; its second factor is off", func() error {
			return a.SetPassword(t.Context(), console, wire.NewPassword{Account: "admin", Password: adminPassword})
		}, false},
		{"on again", "99999.0 1.0\n", "", "admin: second factor of admin: on", func() error { return a.SetFactor(t.Context(), admin, "admin", f) }, true},
		{"off", "99999.0 1.0\n", "", "admin: second factor of admin: off", func() error { return a.SetFactor(t.Context(), admin, "admin", access.Factor{}) }, false},
	} {
		uptime(t, a, test.uptime)
		if err := test.do(); (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
		if test.want == "" && why() != test.why {
			t.Errorf("%s: the history says %q, want %q", test.name, why(), test.why)
		}
		if now := a.Access(); (now.Account("admin").TOTP != "") != test.on || (now.Account("admin").Recovery != "") != test.on {
			t.Errorf("%s: the account is %+v", test.name, now.Account("admin"))
		}
		c, err := a.Config(t.Context())
		if err != nil || strings.Contains(string(c.Document), f.TOTP) || strings.Contains(string(c.Document), f.Recovery) {
			t.Errorf("%s: %v, the document shows %s", test.name, err, c.Document)
		}
	}
}

// TestSomebodyStaysAdministrator: no change leaves an appliance that nobody
// can manage.
func TestSomebodyStaysAdministrator(t *testing.T) {
	a := newTestAgent(t, &fakeManager{})
	for _, merge := range []string{
		`{"access":{"accounts":[]}}`,
		`{"access":{"accounts":null}}`,
		`{"access":null}`,
		`{"access":{"accounts":[{"name":"admin","role":"auditor","hash":"********"}]}}`,
		`{"access":{"accounts":[{"name":"admin","role":"admin","hash":""}]}}`,
		`{"access":{"accounts":[{"name":"admin","role":"admin"}]}}`,
		`{"access":{"accounts":[{"name":"eve","role":"admin","hash":"********"}]}}`, // whose password is hers?
	} {
		var bad *config.InvalidError
		if _, err := a.Change(t.Context(), config.By{Who: "admin"}, 0, wire.Change{Merge: []byte(merge)}); !errors.As(err, &bad) {
			t.Errorf("%s: %v", merge, err)
		}
	}
	if got := a.Access().Accounts; len(got) != 1 || !passwords.Verify(got[0].Hash, adminPassword) {
		t.Errorf("the accounts are %+v", got)
	}
}

func TestTokens(t *testing.T) {
	a := newTestAgent(t, &fakeManager{})
	gate := access.New(a.Access, access.Options{})
	by := config.By{Who: "admin"}
	for _, w := range []wire.NewToken{
		{Name: "", Role: "admin"}, {Name: "x", Role: "king"}, {Name: "x", Role: "admin", Days: -1}, {Name: "a\nb", Role: "admin"},
	} {
		if token, err := a.NewToken(t.Context(), by, w); err == nil || token.Key != "" {
			t.Errorf("%+v: a token %+v", w, token)
		}
	}
	token, err := a.NewToken(t.Context(), by, wire.NewToken{Name: "backup", Role: "operator", Days: 30})
	if err != nil || !strings.HasPrefix(token.Key, "ingott_") { // by which scanners find keys that leaked
		t.Fatalf("NewToken() = %+v, %v", token, err)
	}
	id, err := gate.Identify(token.Key, "")
	if left := time.Until(id.Expires); err != nil || id.Who != "token:backup" || id.Role != setting.Operator || left < 29*24*time.Hour || left > 31*24*time.Hour {
		t.Errorf("the key is that of %+v, %v", id, err)
	}
	if _, err := a.NewToken(t.Context(), by, wire.NewToken{Name: "backup", Role: "admin"}); err == nil {
		t.Error("there are two of a name")
	}
	c, _ := a.Config(t.Context())
	if all := string(c.Document) + marshal(t, a.Status(t.Context())); strings.Contains(all, token.Key) || strings.Contains(all, access.HashTokenKey(token.Key)) {
		t.Errorf("the key or its hash is told: %s", all)
	}
	if err := a.DeleteToken(t.Context(), by, "nobody"); err == nil {
		t.Error("a token that there is not was deleted")
	}
	if err := a.DeleteToken(t.Context(), by, "backup"); err != nil {
		t.Error(err)
	}
	if _, err := gate.Identify(token.Key, ""); !errors.Is(err, access.ErrExpired) {
		t.Errorf("a key lives on: %v", err)
	}
}
