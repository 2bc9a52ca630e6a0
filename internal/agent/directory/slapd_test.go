package directory

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/agent/directory/slapdtest"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// TestSlapd logs people in, or not, by a real server.
func TestSlapd(t *testing.T) {
	s := slapdtest.Start(t)
	unix := s.Setting()
	ad := unix
	ad.Kind, ad.Base, ad.GroupBase = setting.ActiveDirectory, "OU=ad,DC=example,DC=com", "OU=adgroups,DC=example,DC=com"
	ad.AdminGroups, ad.OperatorGroups, ad.AuditorGroups = []string{"cn=ingot admins, ou=adgroups, dc=example, dc=com"}, []string{"ingot operators"}, nil
	byMail := unix
	byMail.NameAttribute = "mail"
	filtered := unix
	filtered.Filter = "(mail=oskar@example.com)"
	for _, test := range []struct {
		name, account, password string
		l                       setting.LDAP
		want                    Person
		err                     error
	}{
		{"administrator, in two groups", "alice", slapdtest.Password, unix, Person{"alice", setting.Admin}, nil},
		{"operator, by uniqueMember and DN", "oskar", slapdtest.Password, unix, Person{"oskar", setting.Operator}, nil},
		{"auditor", "aurel", slapdtest.Password, unix, Person{"aurel", setting.Auditor}, nil},
		{"auditor by memberUid", "ursula", slapdtest.Password, unix, Person{"ursula", setting.Auditor}, nil},
		{"other letters", "ALICE", slapdtest.Password, unix, Person{"alice", setting.Admin}, nil},
		{"name of filters and DNs", `o(dd)*\`, slapdtest.Password, unix, Person{`o(dd)*\`, setting.Admin}, nil},
		{"by mail", "alice@example.com", slapdtest.Password, byMail, Person{"alice@example.com", setting.Admin}, nil},
		{"by mail, listed by memberUid", "ursula@example.com", slapdtest.Password, byMail, Person{"ursula@example.com", setting.Auditor}, nil},
		{"in no group with a role", "nora", slapdtest.Password, unix, Person{Name: "nora"}, ErrNoRole},
		{"group of the name elsewhere", "elsa", slapdtest.Password, unix, Person{Name: "elsa"}, ErrNoRole},
		{"wrong password", "alice", "wrong", unix, Person{Name: "alice"}, ErrDenied},
		{"no password", "alice", "", unix, Person{Name: "alice"}, ErrDenied},
		{"no password, and none set", "empty", "", unix, Person{Name: "empty"}, ErrDenied},
		{"password, and none set", "empty", slapdtest.Password, unix, Person{Name: "empty"}, ErrDenied},
		{"nobody", "somebody", slapdtest.Password, unix, Person{}, ErrDenied},
		{"no name", "", slapdtest.Password, unix, Person{}, ErrDenied},
		{"spaces, that LDAP does not see", "alice ", slapdtest.Password, unix, Person{}, ErrDenied},
		{"soft hyphen, that LDAP does not see", "al\u00adice", slapdtest.Password, unix, Person{}, ErrDenied},
		{"wide letters", "ａlice", slapdtest.Password, unix, Person{}, ErrDenied},
		{"two of the name", "twin", slapdtest.Password, unix, Person{}, ErrDenied},
		{"the search account", "appliance", slapdtest.Password, unix, Person{}, ErrDenied},
		{"filter: everybody", "*", slapdtest.Password, unix, Person{}, ErrDenied},
		{"filter: begin of a name", "ali*", slapdtest.Password, unix, Person{}, ErrDenied},
		{"filter: closed", "alice)(uid=*", slapdtest.Password, unix, Person{}, ErrDenied},
		{"filter: or", "*)(|(uid=*", slapdtest.Password, unix, Person{}, ErrDenied},
		{"filter: escaped", `\61lice`, slapdtest.Password, unix, Person{}, ErrDenied},
		{"filter: NUL", "alice\x00", slapdtest.Password, unix, Person{}, ErrDenied},
		{"no UTF-8", "alice\xff", slapdtest.Password, unix, Person{}, ErrDenied},
		{"much too long", strings.Repeat("a", 100_000), slapdtest.Password, unix, Person{}, ErrDenied},
		{"own filter", "oskar", slapdtest.Password, filtered, Person{"oskar", setting.Operator}, nil},
		{"own filter keeps out", "alice", slapdtest.Password, filtered, Person{}, ErrDenied},
		{"AD: administrator by memberOf", "adam", slapdtest.Password, ad, Person{"Adam", setting.Admin}, nil},
		{"AD: operator", "olga.o", slapdtest.Password, ad, Person{"olga.o", setting.Operator}, nil},
		{"AD: in no group", "nils", slapdtest.Password, ad, Person{Name: "nils"}, ErrNoRole},
		{"AD: wrong password", "adam", "wrong", ad, Person{Name: "Adam"}, ErrDenied},
		{"AD: a computer", "build01$", slapdtest.Password, ad, Person{}, ErrDenied},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := New(Options{Log: t.Logf}).Find(t.Context(), test.l, test.account, test.password)
			if got != test.want || !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
				t.Errorf("Find() = %+v, %v; want %+v, %v", got, err, test.want, test.err)
			}
		})
	}
	if log := s.Log(); strings.Contains(log, `filter="(uid=ali*)"`) || !strings.Contains(log, `filter="(uid=alice)"`) {
		t.Errorf("the searches were not those that were wanted:\n%s", log)
	}
}

// TestNobodyKeepsOthersOut: whatever one person sends, or however they go
// away, the next one is let in at once.
func TestNobodyKeepsOthersOut(t *testing.T) {
	s := slapdtest.Start(t)
	d := New(Options{Log: t.Logf})
	gone, leave := context.WithCancel(t.Context())
	leave()
	narrow := s.Setting()
	narrow.NameAttribute = "mail" // which has ASCII alone
	for name, ask := range map[string]func() error{
		"gone": func() error { _, err := d.Find(gone, s.Setting(), "alice", slapdtest.Password); return err },
		"long password": func() error {
			_, err := d.Find(t.Context(), s.Setting(), "alice", strings.Repeat("x", 1<<20))
			return err
		},
		"odd password": func() error { _, err := d.Find(t.Context(), s.Setting(), "alice", "\xff\x00"); return err },
		"odd name": func() error {
			_, err := d.Find(t.Context(), narrow, "日本@example.com", slapdtest.Password)
			return err
		},
	} {
		if err := ask(); (err == nil) != (name == "gone") || err != nil && !errors.Is(err, ErrDenied) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := d.Find(t.Context(), s.Setting(), "alice", slapdtest.Password); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
}

// TestSlapdTrouble says what is wrong, and which setting it is.
func TestSlapdTrouble(t *testing.T) {
	s := slapdtest.Start(t)
	_, otherCA := slapdtest.NewCA(t)
	if found := New(Options{}).Check(t.Context(), s.Setting()); len(found) > 0 {
		t.Errorf("a good directory has problems: %+v", found)
	}
	for _, test := range []struct {
		name     string
		change   func(l *setting.LDAP)
		property string
		text     string
	}{
		{"wrong CA", func(l *setting.LDAP) { l.Authority = otherCA }, "ldap.authority", "not trusted"},
		{"no CA", func(l *setting.LDAP) { l.Authority = "" }, "ldap.authority", "not trusted"},
		{"STARTTLS, wrong CA", func(l *setting.LDAP) { l.Servers, l.Authority = []string{s.StartTLS}, otherCA }, "ldap.authority", "not trusted"},
		{"TLS port, plain", func(l *setting.LDAP) { l.Servers[0] = strings.Replace(s.URL, "ldaps:", "ldap:", 1) }, "ldap.servers", "TLS"},
		{"plain port, TLS", func(l *setting.LDAP) { l.Servers[0] = strings.Replace(s.StartTLS, "ldap:", "ldaps:", 1) }, "ldap.servers", "TLS"},
		{"nobody there", func(l *setting.LDAP) { l.Servers[0] = "ldaps://127.0.0.1:1" }, "ldap.servers", "cannot be reached"},
		{"no such host", func(l *setting.LDAP) { l.Servers[0] = "ldaps://nowhere.invalid" }, "ldap.servers", "cannot be reached"},
		{"search account's password", func(l *setting.LDAP) { l.BindPassword = "wrong" }, "ldap.bind_password", "search account"},
		{"search account", func(l *setting.LDAP) { l.BindDN = "cn=nobody,dc=example,dc=com" }, "ldap.bind_password", "search account"},
		{"anonymous", func(l *setting.LDAP) { l.BindDN, l.BindPassword = "", "" }, "ldap.base", ""},
		{"base", func(l *setting.LDAP) { l.Base = "ou=nothing,dc=example,dc=com" }, "ldap.base", "ou=nothing"},
		{"no DN", func(l *setting.LDAP) { l.Base = "=,=" }, "ldap.base", ""},
		{"group base", func(l *setting.LDAP) { l.GroupBase = "ou=nothing,dc=example,dc=com" }, "ldap.group_base", "ou=nothing"},
		{"filter", func(l *setting.LDAP) { l.Filter = "(uid=)(x)" }, "ldap.filter", ""},
		{"group", func(l *setting.LDAP) { l.AuditorGroups = []string{"auditors", "ghosts"} }, "ldap.auditor_groups", `"ghosts"`},
		{"group's DN", func(l *setting.LDAP) { l.AdminGroups = []string{"cn=ghosts,dc=example,dc=com"} }, "ldap.admin_groups", "cn=ghosts"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := s.Setting()
			test.change(&l)
			found := New(Options{}).Check(t.Context(), l)
			if len(found) != 1 || found[0].Path != test.property || !strings.Contains(found[0].Message, test.text) || found[0].Hint == "" {
				t.Errorf("problems are %+v; want one of %s with %q", found, test.property, test.text)
			}
		})
	}
	for name, servers := range map[string][]string{"STARTTLS": {s.StartTLS}, "the first is dead": {"ldaps://127.0.0.1:1", s.URL}} {
		l := s.Setting()
		l.Servers = servers
		if p, err := New(Options{}).Find(t.Context(), l, "alice", slapdtest.Password); err != nil || p.Role != setting.Admin {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}
