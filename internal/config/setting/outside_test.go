package setting_test

import (
	"context"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/settingtest"
)

// elsewhere notes what it is asked to try.
type elsewhere struct{ tried []string }

func (e *elsewhere) CheckLDAP(_ context.Context, l setting.LDAP) []setting.Problem {
	e.tried = append(e.tried, "ldap "+l.Base)
	return []setting.Problem{{Path: "ldap.servers", Message: "no"}}
}

func (e *elsewhere) CheckOIDC(_ context.Context, o setting.OIDC, n setting.Network) []setting.Problem {
	e.tried = append(e.tried, "oidc "+o.Issuer+" "+n.Proxy)
	return nil
}

func goodLDAP() setting.LDAP {
	return setting.LDAP{Kind: setting.OtherDirectory, Servers: []string{"ldaps://dc1.example.com"}, BindDN: "cn=x,dc=example", BindPassword: "secret",
		Base: "dc=example", AdminGroups: []string{"admins"}}
}

func goodOIDC() setting.OIDC {
	return setting.OIDC{State: "on", Issuer: "https://login.example.com/x", ClientID: "appliance", AuditorGroups: []string{"auditors"}}
}

// problemsAt are the paths of what is wrong with a document's part.
func problemsAt(t *testing.T, key string, d *setting.Document) string {
	t.Helper()
	var paths []string
	for _, p := range settingOf(t, key).Validate(settingtest.Env(), d) {
		paths = append(paths, strings.TrimPrefix(p.Path, key+"."))
	}
	return strings.Join(paths, " ")
}

func TestLDAPValidate(t *testing.T) {
	for want, change := range map[string]func(l *setting.LDAP){
		"":           func(*setting.LDAP) {},
		"kind":       func(l *setting.LDAP) { l.Kind = "nis" },
		"servers":    func(l *setting.LDAP) { l.Servers = nil },
		"servers[1]": func(l *setting.LDAP) { l.Servers = append(l.Servers, "http://dc1.example.com") },
		"servers[0]": func(l *setting.LDAP) { l.Servers[0] = "ldaps://user:password@dc1.example.com" },
		"authority":  func(l *setting.LDAP) { l.Authority = "x" },
		"bind_password": func(l *setting.LDAP) {
			l.BindPassword = "" // a server would take that for nobody, and let it in
		},
		"bind_dn":            func(l *setting.LDAP) { l.BindDN = "" },
		"base":               func(l *setting.LDAP) { l.Base = "" },
		"group_base":         func(l *setting.LDAP) { l.GroupBase = "groups" },
		"name_attribute":     func(l *setting.LDAP) { l.NameAttribute = "uid)(x" },
		"filter":             func(l *setting.LDAP) { l.Filter = "(uid=x" },
		"admin_groups":       func(l *setting.LDAP) { l.AdminGroups = nil },
		"operator_groups[0]": func(l *setting.LDAP) { l.OperatorGroups = []string{""} },
		"auditor_groups[0]":  func(l *setting.LDAP) { l.AuditorGroups = []string{"a\nb"} },
	} {
		d := setting.Default(settingtest.Env())
		d.LDAP = goodLDAP()
		change(&d.LDAP)
		if got := problemsAt(t, "ldap", d); got != want {
			t.Errorf("problems are %q, want %q", got, want)
		}
	}
}

func TestOIDCValidate(t *testing.T) {
	for want, change := range map[string]func(o *setting.OIDC){
		"":                func(*setting.OIDC) {},
		"state":           func(o *setting.OIDC) { o.State = "maybe" },
		"title":           func(o *setting.OIDC) { o.Title = strings.Repeat("x", 61) },
		"issuer":          func(o *setting.OIDC) { o.Issuer = "http://login.example.com" },
		"client_id":       func(o *setting.OIDC) { o.ClientID = "" },
		"client_secret":   func(o *setting.OIDC) { o.ClientSecret = "a\nb" },
		"authority":       func(o *setting.OIDC) { o.Authority = "x" },
		"scopes[0]":       func(o *setting.OIDC) { o.Scopes = []string{`a"b`} },
		"admin_groups":    func(o *setting.OIDC) { o.AuditorGroups = nil },
		"admin_groups[0]": func(o *setting.OIDC) { o.AdminGroups = []string{" x"} },
	} {
		d := setting.Default(settingtest.Env())
		d.OIDC = goodOIDC()
		change(&d.OIDC)
		if got := problemsAt(t, "oidc", d); got != want {
			t.Errorf("problems are %q, want %q", got, want)
		}
	}
}

// TestOutsideProperties sets everything as people type it.
func TestOutsideProperties(t *testing.T) {
	env := settingtest.Env()
	d := setting.Default(env)
	for key, pair := range map[string][2]string{
		"ldap.kind":         {"active-directory", "active-directory"},
		"ldap.servers":      {" ldaps://a ldap://b:3389,ldaps://[2001:db8::1] ", "ldaps://a ldap://b:3389 ldaps://[2001:db8::1]"},
		"ldap.admin_groups": {"cn=a, dc=x\r\n\r\n Domain Admins ;b", "cn=a, dc=x\nDomain Admins\nb"},
		"ldap.filter":       {" (a=b) ", "(a=b)"},
		"oidc.state":        {"on", "on"},
		"oidc.scopes":       {"profile, groups", "profile groups"},
		"oidc.issuer":       {" https://login.example.com/ ", "https://login.example.com/"},
	} {
		if err := setProperty(t, env, d, key, pair[0]); err != nil || propertyValue(t, env, d, key) != pair[1] {
			t.Errorf("%s = %q is %q, %v; want %q", key, pair[0], propertyValue(t, env, d, key), err, pair[1])
		}
	}
	if d.LDAP.Name() != "sAMAccountName" || strings.Join(d.OIDC.Asked(), " ") != "openid profile groups" {
		t.Errorf("the document says %+v %+v", d.LDAP, d.OIDC)
	}
	for _, key := range []string{"ldap.bind_password", "oidc.client_secret"} {
		if err := setProperty(t, env, d, key, setting.Hidden); err == nil {
			t.Errorf("%s: a secret that is not there is kept", key)
		}
		if err := setProperty(t, env, d, key, "secret"); err != nil || propertyValue(t, env, d, key) != setting.Hidden {
			t.Errorf("%s: %v", key, err)
		}
	}
	for key, text := range map[string]string{
		"ldap.kind": "x", "ldap.servers": "ldaps://a/b", "ldap.base": "people", "ldap.name_attribute": "a=b", "ldap.filter": "a=b", "ldap.admin_groups": "a\x00b",
		"oidc.state": "x", "oidc.issuer": "https://x/?y", "oidc.scopes": "ä", "oidc.title": "a\x1bb",
	} {
		before := d.Clone()
		if err := setProperty(t, env, d, key, text); err == nil || !d.Equal(before) {
			t.Errorf("%s takes %q: %v", key, text, err)
		}
	}
	if err := setProperty(t, env, d, "ldap.kind", "off"); err != nil || d.LDAP.BindPassword != "" || d.LDAP.On() {
		t.Errorf("switched off, it keeps a password: %+v, %v", d.LDAP, err)
	}
	if err := setProperty(t, env, d, "oidc.state", "off"); err != nil || d.OIDC.ClientSecret != "" || d.OIDC.On() {
		t.Errorf("switched off, it keeps a secret: %+v, %v", d.OIDC, err)
	}
}

// TestOutsideGuards: what can keep somebody out must be confirmed.
func TestOutsideGuards(t *testing.T) {
	document := func(change func(d *setting.Document)) *setting.Document {
		d := setting.Default(settingtest.Env())
		d.LDAP, d.OIDC = goodLDAP(), goodOIDC()
		change(d)
		return d
	}
	same := func(*setting.Document) {}
	off := func(d *setting.Document) { d.LDAP, d.OIDC = setting.LDAP{}, setting.OIDC{} }
	for _, test := range []struct {
		name     string
		old, new func(d *setting.Document)
		want     string
	}{
		{"nothing", same, same, ""},
		{"switched on", off, same, ""},
		{"switched off", same, off, "ldap oidc"},
		{"another server", same, func(d *setting.Document) { d.LDAP.Servers[0] = "ldaps://dc2" }, "ldap"},
		{"another group", same, func(d *setting.Document) { d.OIDC.AuditorGroups = []string{"x"} }, "oidc"},
		{"another title", same, func(d *setting.Document) { d.OIDC.Title = "x" }, ""},
	} {
		if got := strings.Join(setting.Guarded(document(test.old), document(test.new)), " "); got != test.want {
			t.Errorf("%s: %q must be confirmed, want %q", test.name, got, test.want)
		}
	}
}

// TestOutsideCheck: only what is new is tried, and only when there is a way to it.
func TestOutsideCheck(t *testing.T) {
	for _, test := range []struct {
		name     string
		old, new func(d *setting.Document)
		want     string
	}{
		{"new", func(*setting.Document) {}, func(d *setting.Document) { d.LDAP, d.OIDC = goodLDAP(), goodOIDC() }, "ldap dc=example, oidc https://login.example.com/x http://proxy:3128"},
		{"the same", func(d *setting.Document) { d.LDAP, d.OIDC = goodLDAP(), goodOIDC() }, func(d *setting.Document) { d.LDAP, d.OIDC = goodLDAP(), goodOIDC() }, ""},
		{"switched off", func(d *setting.Document) { d.LDAP, d.OIDC = goodLDAP(), goodOIDC() }, func(*setting.Document) {}, ""},
		{"before the set-up", func(d *setting.Document) { d.Setup.Complete = false }, func(d *setting.Document) { d.LDAP, d.OIDC = goodLDAP(), goodOIDC() }, ""},
		{"with another network", func(*setting.Document) {}, func(d *setting.Document) {
			d.LDAP, d.OIDC, d.Network.Proxy = goodLDAP(), goodOIDC(), "http://other:3128"
		}, ""},
	} {
		var pair [2]*setting.Document
		for i, change := range []func(d *setting.Document){test.old, test.new} {
			d := setting.Default(settingtest.Env())
			d.Setup.Complete, d.Network.Proxy = true, "http://proxy:3128"
			change(d)
			pair[i] = d
		}
		tried := &elsewhere{}
		sys := settingtest.New(t).System()
		sys.Outside = tried
		n := 0
		for _, key := range []string{"ldap", "oidc"} {
			n += len(settingOf(t, key).(setting.Checker).Check(t.Context(), sys, settingtest.Env(), pair[0], pair[1]))
		}
		if got := strings.Join(tried.tried, ", "); got != test.want || (n > 0) != strings.Contains(test.want, "ldap") {
			t.Errorf("%s: tried %q with %d problems, want %q", test.name, got, n, test.want)
		}
	}
}
