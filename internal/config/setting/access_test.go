package setting_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/passwords"
	"github.com/ingotvm/ingot/internal/config/setting/settingtest"
)

const goodPassword = "three plums in a hat"

func TestAdministratorAndPassword(t *testing.T) {
	env := settingtest.Env()
	d := setting.Default(env)
	if len(d.Access.Accounts) != 0 || propertyValue(t, env, d, "access.password") != "" || propertyValue(t, env, d, "access.administrator") != "admin" {
		t.Fatalf("a new appliance has %+v", d.Access)
	}
	if err := setProperty(t, env, d, "access.password", setting.Hidden); errorText(err) != "is missing" {
		t.Errorf("a hidden password that is none: %v", err)
	}
	// In whatever order they come.
	if err := setProperty(t, env, d, "access.password", goodPassword); err != nil {
		t.Fatal(err)
	}
	if err := setProperty(t, env, d, "access.administrator", " mallory "); err != nil {
		t.Fatal(err)
	}
	account := d.Access.Account("mallory")
	if len(d.Access.Accounts) != 1 || account == nil || account.Role != setting.Admin || !passwords.Verify(account.Hash, goodPassword) {
		t.Fatalf("accounts are %+v", d.Access.Accounts)
	}
	if got := propertyValue(t, env, d, "access.password"); got != setting.Hidden {
		t.Errorf("the password is shown as %q", got)
	}
	before := account.Hash
	for _, text := range []string{setting.Hidden, goodPassword} {
		if err := setProperty(t, env, d, "access.password", text); err != nil || account.Hash != before {
			t.Errorf("the same password again: %v, hash changed %t", err, account.Hash != before)
		}
	}
	for _, text := range []string{"", "short", "mallory1234", "demodemo1234"} {
		if err := setProperty(t, env, d, "access.password", text); err == nil || account.Hash != before {
			t.Errorf("%q: %v", text, err)
		}
	}
	other := passwords.Hash("another one entirely")
	if err := setProperty(t, env, d, "access.password", other); err != nil || account.Hash != other {
		t.Errorf("a hash: %v", err)
	}
	for _, name := range []string{"", "Mallory", "1st", "a b", "-a", strings.Repeat("a", 33), "é", "a/b"} {
		if err := setProperty(t, env, d, "access.administrator", name); err == nil || d.Access.Accounts[0].Name != "mallory" {
			t.Errorf("the name %q: %v", name, err)
		}
	}
	d.Access.Accounts = append(d.Access.Accounts, setting.Account{Name: "audit", Role: setting.Auditor})
	if err := setProperty(t, env, d, "access.administrator", "audit"); errorText(err) != "is the name of another account" {
		t.Error(err)
	}
}

func TestPasswordTakesTheNameThatIsThere(t *testing.T) {
	env := settingtest.Env()
	d := setting.Default(env)
	d.Access.Accounts = []setting.Account{{Name: "admin", Role: setting.Auditor}}
	if err := setProperty(t, env, d, "access.password", goodPassword); err != nil {
		t.Fatal(err)
	}
	if len(d.Access.Accounts) != 1 || d.Access.Accounts[0].Role != setting.Admin {
		t.Errorf("accounts are %+v", d.Access.Accounts)
	}
}

func TestAccessValidate(t *testing.T) {
	env := settingtest.Env()
	hash := passwords.Hash(goodPassword)
	key := strings.Repeat("0a", 32)
	good := setting.Access{
		Accounts: []setting.Account{{Name: "admin", Role: setting.Admin, Hash: hash}, {Name: "a.b-2", Role: setting.Auditor, Hash: hash, TOTP: strings.Repeat("ABCD", 8), Recovery: strings.Repeat("0a", 32) + " " + strings.Repeat("0b", 32)}},
		Tokens:   []setting.Token{{Name: "backup job", Role: setting.Operator, Hash: key, Scopes: []string{"read", "power"}}, {Name: "é", Role: setting.Admin, Hash: key, Expires: "2026-01-31T12:00:00Z"}},
	}
	for _, test := range []struct {
		name, want string
		edit       func(d *setting.Document)
	}{
		{"as it should be", "", func(d *setting.Document) {}},
		{"nobody, not yet set up", "", func(d *setting.Document) { d.Access, d.Setup.Complete = setting.Access{}, false }},
		{"no password, not yet set up", "", func(d *setting.Document) { d.Access.Accounts[0].Hash, d.Setup.Complete = "", false }},
		{"nobody", "access.accounts: nobody is an administrator", func(d *setting.Document) { d.Access = setting.Access{} }},
		{"no administrator", "access.accounts: nobody is an administrator", func(d *setting.Document) { d.Access.Accounts[0].Role = setting.Operator }},
		{"no password", `access.accounts[0].hash: the account "admin" has no password`, func(d *setting.Document) { d.Access.Accounts[0].Hash = "" }},
		{"a password in clear", "access.accounts[1].hash: the password's hash cannot be read", func(d *setting.Document) { d.Access.Accounts[1].Hash = goodPassword }},
		{"a second factor that cannot be read", "access.accounts[1].totp: the secret of the second factor cannot be read", func(d *setting.Document) { d.Access.Accounts[1].TOTP = "0000" }},
		{"a short second factor", "access.accounts[1].totp: the secret of the second factor cannot be read", func(d *setting.Document) { d.Access.Accounts[1].TOTP = "ABCDEFGH" }},
		{"recovery codes alone", "access.accounts[1].recovery: there are recovery codes, and no second factor", func(d *setting.Document) { d.Access.Accounts[1].TOTP = "" }},
		{"recovery codes in clear", "access.accounts[1].recovery: the recovery codes' hashes cannot be read", func(d *setting.Document) { d.Access.Accounts[1].Recovery = "abcd-efgh" }},
		{"many recovery codes", "access.accounts[1].recovery: there are more than 20 recovery codes", func(d *setting.Document) {
			d.Access.Accounts[1].Recovery = strings.Repeat(strings.Repeat("0a", 32)+" ", 21)
		}},
		{"an unknown role", `access.accounts[1].role: "root" is not a role`, func(d *setting.Document) { d.Access.Accounts[1].Role = "root" }},
		{"a bad name", `access.accounts[1].name: "Bad" is not a name for an account`, func(d *setting.Document) { d.Access.Accounts[1].Name = "Bad" }},
		{"a name of the history's", `access.accounts[1].name: "console" is not a name for an account`, func(d *setting.Document) { d.Access.Accounts[1].Name = "console" }},
		{"twice", `access.accounts[1].name: there are two accounts "admin"`, func(d *setting.Document) { d.Access.Accounts[1].Name = "admin" }},
		{"too many", "access.accounts: there are more than 100 accounts or tokens", func(d *setting.Document) { d.Access.Tokens = make([]setting.Token, 101) }},
		{"a token without a name", `access.tokens[0].name: "" is not a name for a token`, func(d *setting.Document) { d.Access.Tokens[0].Name = "" }},
		{"a token of two lines", `access.tokens[0].name: "a\nb" is not a name for a token`, func(d *setting.Document) { d.Access.Tokens[0].Name = "a\nb" }},
		{"a token twice", `access.tokens[1].name: there are two tokens "backup job"`, func(d *setting.Document) { d.Access.Tokens[1].Name = "backup job" }},
		{"a token's role", `access.tokens[0].role: "" is not a role`, func(d *setting.Document) { d.Access.Tokens[0].Role = "" }},
		{"a token's hash", "access.tokens[0].hash: the key's hash cannot be read", func(d *setting.Document) { d.Access.Tokens[0].Hash = key[2:] }},
		{"a token's hash in capitals", "access.tokens[0].hash: the key's hash cannot be read", func(d *setting.Document) { d.Access.Tokens[0].Hash = strings.ToUpper(key) }},
		{"a token's scope", `access.tokens[0].scopes[1]: "all" is not a scope, or there twice`, func(d *setting.Document) { d.Access.Tokens[0].Scopes = []string{"read", "all"} }},
		{"a token's scope twice", `access.tokens[0].scopes[1]: "read" is not a scope, or there twice`, func(d *setting.Document) { d.Access.Tokens[0].Scopes = []string{"read", "read"} }},
		{"a token's end", `access.tokens[1].expires: "tomorrow" is not a time`, func(d *setting.Document) { d.Access.Tokens[1].Expires = "tomorrow" }},
		{"a token's end elsewhere", `access.tokens[1].expires: "2026-01-31T12:00:00+02:00" is not a time`, func(d *setting.Document) { d.Access.Tokens[1].Expires = "2026-01-31T12:00:00+02:00" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := setting.Default(env)
			d.Access, d.Setup.Complete = good, true
			d = d.Clone()
			test.edit(d)
			var got []string
			for _, p := range settingOf(t, "access").Validate(env, d) {
				got = append(got, p.Path+": "+p.Message)
			}
			if strings.Join(got, "\n") != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestAccessGuards(t *testing.T) {
	old := &setting.Document{Access: setting.Access{Accounts: []setting.Account{
		{Name: "admin", Role: setting.Admin, Hash: "h1"}, {Name: "audit", Role: setting.Auditor, Hash: "h2"},
	}}}
	for _, test := range []struct {
		name string
		want bool
		edit func(a *setting.Access)
	}{
		{"nothing", false, func(a *setting.Access) {}},
		{"one more", false, func(a *setting.Access) {
			a.Accounts = append(a.Accounts, setting.Account{Name: "x", Role: setting.Admin})
		}},
		{"a token", false, func(a *setting.Access) { a.Tokens = []setting.Token{{Name: "x"}} }},
		{"another order", false, func(a *setting.Access) { a.Accounts[0], a.Accounts[1] = a.Accounts[1], a.Accounts[0] }},
		{"the administrator is gone", true, func(a *setting.Access) { a.Accounts = a.Accounts[1:] }},
		{"the administrator is renamed", true, func(a *setting.Access) { a.Accounts[0].Name = "root" }},
		{"the administrator's password", true, func(a *setting.Access) { a.Accounts[0].Hash = "h3" }},
		{"the administrator's role", true, func(a *setting.Access) { a.Accounts[0].Role = setting.Operator }},
		{"another's role", true, func(a *setting.Access) { a.Accounts[1].Role = setting.Operator }},
		{"the administrator's second factor is another", true, func(a *setting.Access) { a.Accounts[0].TOTP = "x" }},
		{"another's second factor", false, func(a *setting.Access) { a.Accounts[1].TOTP = "x" }},
		{"another's password", false, func(a *setting.Access) { a.Accounts[1].Hash = "h3" }},
		{"another is gone", false, func(a *setting.Access) { a.Accounts = a.Accounts[:1] }},
	} {
		changed := old.Clone()
		test.edit(&changed.Access)
		if got := strings.Contains(fmt.Sprint(setting.Guarded(old, changed)), "access"); got != test.want {
			t.Errorf("%s: guarded %t", test.name, got)
		}
	}
}
