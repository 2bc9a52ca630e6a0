package setting_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/passkeys/passkeytest"
	"github.com/ingotvm/ingot/internal/config/setting/passwords"
	"github.com/ingotvm/ingot/internal/config/setting/settingtest"
)

func TestPasskeysValidate(t *testing.T) {
	env := settingtest.Env()
	hash := passwords.Hash(goodPassword)
	key := func(kind passkeytest.Kind) setting.Passkey {
		k, err := passkeytest.Make(kind)
		if err != nil {
			t.Fatal(err)
		}
		return setting.Passkey{ID: k.Name(), Name: "Telephone", Host: "shop.example.com", Key: k.Public(), Created: "2026-01-02T03:04:05Z"}
	}
	one, other, third := key(passkeytest.P256), key(passkeytest.Ed25519), key(passkeytest.RSA)
	for _, test := range []struct {
		name, want string
		edit       func(list []setting.Passkey) []setting.Passkey
	}{
		{"as they should be", "", func(l []setting.Passkey) []setting.Passkey { return l }},
		{"none", "", func(l []setting.Passkey) []setting.Passkey { return nil }},
		{"no identifier", "[0].id: the identifier of the passkey cannot be read", func(l []setting.Passkey) []setting.Passkey { l[0].ID = ""; return l }},
		{"padding", "[0].id: the identifier of the passkey cannot be read", func(l []setting.Passkey) []setting.Passkey { l[0].ID += "="; return l }},
		{"twice", "[1].id: there are two passkeys of this identifier", func(l []setting.Passkey) []setting.Passkey { l[1].ID = l[0].ID; return l }},
		{"another account's", "[0].id: there are two passkeys of this identifier", func(l []setting.Passkey) []setting.Passkey { l[0].ID = third.ID; return l }},
		{"no name", `[0].name: "" is not a name for a passkey`, func(l []setting.Passkey) []setting.Passkey { l[0].Name = ""; return l }},
		{"a name of two lines", `[0].name: "a\nb" is not a name for a passkey`, func(l []setting.Passkey) []setting.Passkey { l[0].Name = "a\nb"; return l }},
		{"an address", `[0].host: "192.0.2.7" is not the name of a host`, func(l []setting.Passkey) []setting.Passkey { l[0].Host = "192.0.2.7"; return l }},
		{"a host in capitals", `[0].host: "Shop" is not the name of a host`, func(l []setting.Passkey) []setting.Passkey { l[0].Host = "Shop"; return l }},
		{"no key", "[0].key: the public key cannot be read", func(l []setting.Passkey) []setting.Passkey { l[0].Key = ""; return l }},
		{"a key that is not taken", "[0].key: the public key is of a kind that is not taken: it must be P-256, Ed25519, or RSA of 2048 to 4096 bits", func(l []setting.Passkey) []setting.Passkey { l[0].Key = key(passkeytest.P384).Key; return l }},
		{"no time", `[0].created: "" is not a time`, func(l []setting.Passkey) []setting.Passkey { l[0].Created = ""; return l }},
		{"too many", ": there are more than 20 passkeys", func(l []setting.Passkey) []setting.Passkey { return slices.Repeat(l, 11) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := setting.Default(env)
			d.Setup.Complete = true
			d.Access.Accounts = []setting.Account{
				{Name: "anna", Role: setting.Admin, Hash: hash, Passkeys: []setting.Passkey{third}},
				{Name: "bert", Role: setting.Admin, Hash: hash, Passkeys: test.edit([]setting.Passkey{one, other})},
			}
			var got []string
			for _, p := range settingOf(t, "access").Validate(env, d) {
				got = append(got, p.Path+": "+p.Message)
			}
			want := test.want
			if want != "" {
				want = "access.accounts[1].passkeys" + want
			}
			if strings.Join(got, "\n") != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if owner, p := d.Access.Passkey(third.ID); owner == nil || owner.Name != "anna" || p.Key != third.Key {
				t.Errorf("the third one is %+v of %+v", p, owner)
			}
			if owner, p := d.Access.Passkey("none"); owner != nil || p != nil {
				t.Errorf("there is %+v of %+v", p, owner)
			}
		})
	}
}
