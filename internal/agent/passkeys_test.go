package agent

import (
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/passkeys/passkeytest"
)

// TestPasskeys: who adds, renames and deletes one stands in the history, and
// a reset at the console ends them.
func TestPasskeys(t *testing.T) {
	a := newTestAgent(t, &fakeManager{})
	admin, console := config.By{Who: "admin", From: "192.0.2.7"}, config.By{Who: Console, From: Console}
	newOne := func(name string) setting.Passkey {
		t.Helper()
		key, err := passkeytest.Make(passkeytest.P256)
		if err != nil {
			t.Fatal(err)
		}
		return setting.Passkey{ID: key.Name(), Name: name, Host: "shop.example.com", Key: key.Public(), Created: "2026-01-02T03:04:05Z"}
	}
	phone, stick := newOne("Telephone"), newOne("Stick")
	bad := newOne("Bad")
	bad.Key = "AAAA"
	if err := a.NewAccount(t.Context(), admin, wire.NewAccount{Name: "olga", Role: "operator", Password: otherPassword}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, want, why string
		do              func() error
		left            int
	}{
		{"of nobody", `there is no account "eve"`, "", func() error { return a.AddPasskey(t.Context(), admin, "eve", phone) }, 0},
		{"one", "", "admin: passkey of admin added: Telephone", func() error { return a.AddPasskey(t.Context(), admin, "admin", phone) }, 1},
		{"the same", "this passkey already", "", func() error { return a.AddPasskey(t.Context(), admin, "admin", phone) }, 1},
		{"the same of another", "this passkey already", "", func() error { return a.AddPasskey(t.Context(), admin, "olga", phone) }, 1},
		{"a bad key", "public key cannot be read", "", func() error { return a.AddPasskey(t.Context(), admin, "admin", bad) }, 1},
		{"another", "", "admin: passkey of admin added: Stick", func() error { return a.AddPasskey(t.Context(), admin, "admin", stick) }, 2},
		{"another name", "", "admin: passkey of admin renamed: Blue stick", func() error { return a.RenamePasskey(t.Context(), admin, "admin", stick.ID, "Blue stick") }, 2},
		{"a name of two lines", "not a name for a passkey", "", func() error { return a.RenamePasskey(t.Context(), admin, "admin", stick.ID, "a\nb") }, 2},
		{"another's to rename", "no such passkey", "", func() error { return a.RenamePasskey(t.Context(), admin, "olga", stick.ID, "x") }, 2},
		{"another's to delete", "no such passkey", "", func() error { return a.DeletePasskey(t.Context(), admin, "olga", stick.ID) }, 2},
		{"deleted", "", "admin: passkey of admin ended: Blue stick", func() error { return a.DeletePasskey(t.Context(), admin, "admin", stick.ID) }, 1},
		{"deleted again", "no such passkey", "", func() error { return a.DeletePasskey(t.Context(), admin, "admin", stick.ID) }, 1},
		{"another password", "", "admin: password of admin", func() error {
			return a.SetPassword(t.Context(), admin, wire.NewPassword{Account: "admin", Password: otherPassword})
		}, 1},
		{"another password at the console", "", "console: password of admin; its passkeys ended", func() error {
			uptime(t, a, "10.0 1.0\n")
			return a.SetPassword(t.Context(), console, wire.NewPassword{Account: "admin", Password: adminPassword})
		}, 0},
		{"one again", "", "admin: passkey of admin added: Telephone", func() error { return a.AddPasskey(t.Context(), admin, "admin", phone) }, 1},
		{"all", "", "admin: passkeys of admin ended", func() error { return a.DeletePasskey(t.Context(), admin, "admin", "") }, 0},
		{"all of none", "no such passkey", "", func() error { return a.DeletePasskey(t.Context(), admin, "admin", "") }, 0},
	} {
		err := test.do()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %q", test.name, err, test.want)
		}
		now := a.Access()
		if got := len(now.Account("admin").Passkeys); got != test.left {
			t.Errorf("%s: %d are left, want %d", test.name, got, test.left)
		}
		if test.why != "" {
			revisions, err := a.Revisions(t.Context())
			if err != nil || revisions[0].Who+": "+revisions[0].Why != test.why || revisions[0].Unconfirmed {
				t.Errorf("%s: the history says %+v, %v", test.name, revisions[0], err)
			}
		}
	}
}
