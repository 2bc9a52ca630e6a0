package oidc

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/foreign"
)

func TestGroups(t *testing.T) {
	o := setting.OIDC{AdminGroups: []string{"admins"}, AuditorGroups: []string{"auditors"}}
	for _, test := range []struct {
		claim, said string
		want        setting.Role
	}{
		{"", `{"groups":["x","admins"]}`, setting.Admin},
		{"", `{"groups":"admins"}`, setting.Admin},
		{"", `{"groups":["auditors",7,null,{"admins":true},["admins"]]}`, setting.Auditor},
		{"", `{"groups":{"admins":true}}`, ""},
		{"", `{"groups":"x admins"}`, ""},
		{"", `{"groups":["Admins","admins ","/admins"]}`, ""},
		{"", `{"groups":null}`, ""}, {"", `{}`, ""},
		{"realm_access.roles", `{"realm_access":{"roles":["admins"]}}`, setting.Admin},
		{"https://example.com/groups", `{"https://example.com/groups":["admins"]}`, setting.Admin},
		{"realm_access.roles", `{"realm_access":["admins"]}`, ""},
		{"realm_access.roles", `{"realm_access.roles":["auditors"],"realm_access":{"roles":["admins"]}}`, setting.Auditor},
	} {
		said := claims{"preferred_username": "alice"}
		if err := json.Unmarshal([]byte(test.said), &said); err != nil {
			t.Fatal(err)
		}
		o.GroupsClaim = test.claim
		p, err := personOf(o, said)
		if p.Role != test.want || errors.Is(err, ErrNoRole) != (test.want == "") {
			t.Errorf("%s by %q: %+v, %v", test.said, test.claim, p, err)
		}
	}
}

// FuzzPerson looks for claims that break, or that name somebody in a way that
// no history can show.
func FuzzPerson(f *testing.F) {
	f.Add(`{"preferred_username":"alice","groups":["admins"]}`, "groups")
	f.Add(`{"preferred_username":"a\u202eb","realm_access":{"roles":"admins"}}`, "realm_access.roles")
	f.Fuzz(func(t *testing.T, text, claim string) {
		said := claims{}
		if json.Unmarshal([]byte(text), &said) != nil {
			return
		}
		p, err := personOf(setting.OIDC{GroupsClaim: claim, AdminGroups: []string{"admins"}}, said)
		if err == nil && (p.Role != setting.Admin || !foreign.IsName(p.Name)) {
			t.Errorf("%s is %+v", text, p)
		}
	})
}

// FuzzKey looks for a key that was not made here, and opens.
func FuzzKey(f *testing.F) {
	c, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	now := time.Now()
	key, err := c.seal.close(flow{State: "s", Begun: now})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(key)
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if _, ok := c.seal.open(text, now); ok != (text == key) && ok {
			t.Errorf("%q opens", text)
		}
	})
}
