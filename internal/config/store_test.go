package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// rewrite replaces a text in a file of the store.
func (m *machine) rewrite(name, old, new string) {
	m.t.Helper()
	path := filepath.Join(m.dir, name)
	data, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(data), old) {
		m.t.Fatalf("%s does not hold %s: %v", name, old, err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(data), old, new)), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// reseal changes a revision by somebody who can work out hashes.
func (m *machine) reseal(number int, change func(body map[string]any)) {
	m.t.Helper()
	name := filepath.Join(m.dir, fmt.Sprintf("revisions/%08d.json", number))
	data, err := os.ReadFile(name)
	if err != nil {
		m.t.Fatal(err)
	}
	body, err := decodeObject(data)
	if err != nil {
		m.t.Fatal(err)
	}
	change(body)
	data, _, err = seal(body)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) exists(name string) bool {
	_, err := os.Lstat(filepath.Join(m.dir, name))
	return err == nil
}

// TestDamage: what is damaged is never taken for good, never lost, and never
// passed over in silence; and the appliance starts.
func TestDamage(t *testing.T) {
	const third, second, first = "revisions/00000003.json", "revisions/00000002.json", "revisions/00000001.json"
	tests := []struct {
		name   string
		damage func(m *machine)
		// hostname and number of the revision in force then.
		hostname string
		number   int
		warning  string
		aside    []string
	}{
		{"a torn head", func(m *machine) { m.damage("head.json") }, "new", 3, "which revision is in force", []string{"head.json.damaged"}},
		{"no head", func(m *machine) { os.Remove(filepath.Join(m.dir, "head.json")) }, "new", 3, "which revision is in force", nil},
		{"a flipped bit in the head", func(m *machine) { m.rewrite("head.json", `"current": 3`, `"current": 1`) },
			"new", 3, "its hash is wrong", []string{"head.json.damaged"}},
		{"a torn revision", func(m *machine) { m.damage(third) }, "old", 4, "revision 3: it is damaged", []string{third + ".damaged"}},
		{"a flipped bit in a revision", func(m *machine) { m.rewrite(third, `"new"`, `"nev"`) }, "old", 4, "its hash is wrong", []string{third + ".damaged"}},
		{"an empty revision", func(m *machine) { os.Truncate(filepath.Join(m.dir, third), 0) }, "old", 4, "it is damaged", []string{third + ".damaged"}},
		{"a copy of another revision", func(m *machine) {
			data, _ := os.ReadFile(filepath.Join(m.dir, second))
			os.WriteFile(filepath.Join(m.dir, third), data, 0o600)
		}, "old", 4, "it is revision 2", []string{third + ".damaged"}},
		{"a revision without a document", func(m *machine) { m.reseal(3, func(b map[string]any) { delete(b, "document") }) },
			"old", 4, "it is damaged", []string{third + ".damaged"}},
		{"a document of another type", func(m *machine) {
			m.reseal(3, func(b map[string]any) { b["document"].(map[string]any)["network"] = "none" })
		}, "old", 4, "it is damaged", []string{third + ".damaged"}},
		{"no revision", func(m *machine) { os.Remove(filepath.Join(m.dir, third)) }, "old", 4, "3 is damaged or gone", nil},
		{"a folder instead of it", func(m *machine) {
			os.Remove(filepath.Join(m.dir, third))
			os.Mkdir(filepath.Join(m.dir, third), 0o700)
		}, "old", 4, "is a directory", nil},
		{"two revisions", func(m *machine) { m.damage(third); m.damage(second) }, "demo", 4, "it is damaged", []string{third + ".damaged", second + ".damaged"}},
		{"all revisions", func(m *machine) { m.damage(third); m.damage(second); m.damage(first) }, "demo", 4, "starts from its defaults",
			[]string{first + ".damaged", second + ".damaged", third + ".damaged"}},
		{"everything", func(m *machine) { m.damage("head.json"); m.damage(third); m.damage(second); m.damage(first) }, "demo", 4,
			"starts from its defaults", []string{"head.json.damaged", third + ".damaged"}},
		{"a revision and no head", func(m *machine) { os.Remove(filepath.Join(m.dir, "head.json")); m.damage(third) }, "old", 4,
			"which revision is in force", []string{third + ".damaged"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			m.commit(started(m), Change{Trusted: true, Edit: everything("new")})
			tt.damage(m)
			m.reboot()
			e := m.start()
			r, _ := e.Current()
			if r.Number != tt.number || r.Document.Network.Hostname != tt.hostname {
				t.Errorf("revision %d, %s is in force", r.Number, r.Document.Network.Hostname)
			}
			if text := strings.Join(e.Warnings(), "; ") + r.Why; !strings.Contains(text, tt.warning) || !m.hasLogged(tt.warning) && r.Why == "" {
				t.Errorf("says %s", text)
			}
			for _, name := range tt.aside {
				if !m.exists(name) {
					t.Errorf("%s is not there", name)
				}
			}
			// Then all is well, and no number is given twice.
			next, _ := m.commit(e, Change{Trusted: true, Edit: title("next")})
			if next.Number != r.Number+1 || next.Previous != r.Hash {
				t.Errorf("then committed %d after %s", next.Number, next.Previous)
			}
			e = m.open()
			if again, _ := e.Current(); again.Hash != next.Hash || len(e.Warnings()) > 0 {
				t.Errorf("opened again: revision %d, %q", again.Number, e.Warnings())
			}
		})
	}
}

// TestLiarWithHashes: who can write files can make revisions; the history says
// that they do not follow.
func TestLiarWithHashes(t *testing.T) {
	m := newMachine(t)
	e := started(m)
	m.commit(e, Change{Trusted: true, Edit: everything("new")})
	m.reseal(2, func(b map[string]any) { b["who"] = "somebody else" })
	if _, err := e.Revisions(); err != nil || !m.hasLogged("revision 3 does not follow from revision 2") {
		t.Errorf("said %v", err)
	}
}

// TestKeyTwice: of a key that stands twice in a file the hashed one counts.
func TestKeyTwice(t *testing.T) {
	m := newMachine(t)
	started(m)
	m.rewrite("revisions/00000002.json", `"document": {`, `"document": {"network": {"hostname": "evil"}}, "document": {`)
	m.wantHostname(m.open(), "old", false)
}

func TestNewerFormat(t *testing.T) {
	m := newMachine(t)
	e := started(m)
	m.commit(e, Change{Trusted: true, Edit: title("x")})
	newer := func(b map[string]any) { b["document"].(map[string]any)["format"] = 9 }
	m.reseal(2, newer)
	var format *FormatError
	if _, err := e.Revision(2); !errors.As(err, &format) {
		t.Errorf("read revision 2: %v", err)
	}
	if list, err := e.Revisions(); err != nil || len(list) != 3 {
		t.Errorf("lists %d, %v", len(list), err)
	}
	m.reseal(3, newer)
	before, err := os.ReadFile(filepath.Join(m.dir, "head.json"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(m.options()); !errors.As(err, &format) || *format != (FormatError{9, 1}) || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("opened: %v", err)
	}
	if after, err := os.ReadFile(filepath.Join(m.dir, "head.json")); err != nil || string(after) != string(before) || m.exists("revisions/00000003.json.damaged") {
		t.Errorf("a refused store was changed: %v", err)
	}
}

// TestOtherVersion: the application's settings are others than when the
// document was written.
func TestOtherVersion(t *testing.T) {
	m := newMachine(t)
	started(m)
	def := *m.env.Boot.Definition
	def.Settings = slices.Clone(def.Settings)
	def.Settings[0].Key, def.Settings[0].Default = "greeting", "Hi"
	boot := *m.env.Boot
	boot.Definition = &def
	m.env.Boot = &boot
	m.reboot()
	m.diskError["/config/"] = errors.New("no space") // an appliance starts all the same
	e := m.start()
	m.diskError = map[string]error{}
	for range 2 {
		r, _ := e.Current()
		want := "this version has no such settings of the application: title; settings of the application have their defaults: greeting"
		if r.Number != 3 || r.Who != "system" || r.Why != want || len(e.Warnings()) == 0 {
			t.Errorf("revision %+v, warns %q", r, e.Warnings())
		}
		if a := r.Document.Application; len(a) != 3 || a["greeting"] != "Hi" || a["password"] != "secret" {
			t.Errorf("has %v", a)
		}
		m.check(e)
		m.reboot()
		e = m.start()
	}
	if r, _ := e.Current(); r.Number != 3 || len(e.Warnings()) > 0 {
		t.Errorf("revision %d, warns %q", r.Number, e.Warnings())
	}
	// What is not there any more may still be reverted to.
	if _, _, err := e.RevertTo(t.Context(), By{Who: "anna"}, 3, 1, ""); err != nil {
		t.Error(err)
	}
}

// TestRevertKeepsSecondFactors: an older revision brings none back that is
// lost, and switches none off.
func TestRevertKeepsSecondFactors(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	keys := func(id string) []setting.Passkey {
		if id == "" {
			return nil
		}
		return []setting.Passkey{{ID: id}}
	}
	accounts := func(anna, bert string, more ...setting.Account) func(d *setting.Document) error {
		return func(d *setting.Document) error {
			d.Access.Accounts = append([]setting.Account{
				{Name: "anna", Role: setting.Admin, Hash: "h", TOTP: anna, Recovery: anna, Passkeys: keys(anna)}, {Name: "bert", Role: setting.Admin, Hash: "h", TOTP: bert, Passkeys: keys(bert)},
			}, more...)
			return nil
		}
	}
	before, _ := m.commit(e, Change{Trusted: true, Edit: accounts("", "lost", setting.Account{Name: "carl", Role: setting.Auditor, Hash: "h", TOTP: "old", Passkeys: keys("old")})})
	m.commit(e, Change{Trusted: true, Edit: accounts("on", "")})
	m.commit(e, Change{Trusted: true, Edit: title("x")})
	r, _, err := e.RevertTo(t.Context(), By{Who: "anna"}, 0, before.Number, "")
	if err != nil {
		t.Fatal(err)
	}
	a, b := r.Document.Access.Account("anna"), r.Document.Access.Account("bert")
	if a.TOTP != "on" || a.Recovery != "on" || b.TOTP != "" || r.Document.Application["title"] == "x" {
		t.Errorf("anna %+v, bert %+v", a, b)
	}
	if len(a.Passkeys) != 1 || a.Passkeys[0].ID != "on" || len(b.Passkeys) != 0 {
		t.Errorf("the passkeys of anna are %+v, of bert %+v", a.Passkeys, b.Passkeys)
	}
	// An account that was deleted comes back without its passkeys.
	if c := r.Document.Access.Account("carl"); c == nil || c.TOTP != "old" || len(c.Passkeys) != 0 {
		t.Errorf("carl %+v", c)
	}
}

func TestFullDiskAtTheFirstStart(t *testing.T) {
	m := newMachine(t)
	m.diskError["/config/"] = errors.New("no space")
	e := m.start()
	if r, _ := e.Current(); r.Number != 1 || !hasWarning(e, "no space") {
		t.Errorf("revision %d, warns %q", r.Number, e.Warnings())
	}
	m.diskError = map[string]error{}
	r, _ := m.commit(e, Change{Trusted: true, Edit: hostname("new")})
	if r.Number != 2 {
		t.Errorf("committed %d", r.Number)
	}
	m.check(e)
	m.wantHostname(m.open(), "new", false)
}

func TestPrune(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	if e.store.keep != 1000 {
		t.Errorf("keeps %d", e.store.keep)
	}
	e.store.keep = 3
	for i := range 6 {
		m.commit(e, Change{Trusted: true, Edit: title(fmt.Sprint(i))})
	}
	list, err := e.Revisions()
	if err != nil || len(list) != 3 || list[0].Number != 5 || list[2].Number != 7 || list[0].Document != nil {
		t.Errorf("keeps %v, %v", list, err)
	}
	if _, err := e.Revision(4); !errors.Is(err, ErrNoRevision) {
		t.Errorf("read revision 4: %v", err)
	}
	m.check(e)
}

func TestLitter(t *testing.T) {
	m := newMachine(t)
	started(m)
	for _, name := range []string{".head.json.123", "revisions/.00000003.json.77", ".room", "revisions/notes.txt", "revisions/3.json", "revisions/00000000.json"} {
		if err := os.WriteFile(filepath.Join(m.dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := m.open()
	m.checkFolder()
	if !m.exists("revisions/notes.txt") || len(e.Warnings()) > 0 {
		t.Errorf("warns %q", e.Warnings())
	}
	if r, _ := m.commit(e, Change{Edit: title("x")}); r.Number != 3 {
		t.Errorf("committed %d", r.Number)
	}
}

func TestHistory(t *testing.T) {
	m := newMachine(t)
	e := started(m)
	m.commit(e, Change{By: By{Who: "anna"}, Trusted: true, Edit: func(d *setting.Document) error {
		d.Application["title"], d.Application["password"], d.Setup.Complete = "New <&>", "other", true
		return nil
	}})
	text, err := e.Diff(2, 3)
	want := `--- revision 2
+++ revision 3
@@ -18,11 +18,11 @@
   "access": {},
   "tls": {},
   "application": {
-    "password": "********",
-    "title": "Old",
+    "password": "******** (changed)",
+    "title": "New <&>",
     "workers": "2"
   },
   "setup": {
-    "complete": false
+    "complete": true
   }
 }
`
	if err != nil || text != want {
		t.Errorf("differ by %v\n%s", err, text)
	}
	if same, err := e.Diff(3, 3); same != "" || err != nil {
		t.Errorf("differs from itself: %q, %v", same, err)
	}
	if text, err := e.Diff(0, 2); err != nil || !strings.HasPrefix(text, "--- revision 0\n") || !strings.Contains(text, `+    "hostname": "old"`) {
		t.Errorf("differs from the defaults by %v\n%s", err, text)
	}
	for _, pair := range [][2]int{{1, 0}, {1, 4}, {-1, 1}} {
		if _, err := e.Diff(pair[0], pair[1]); !errors.Is(err, ErrNoRevision) {
			t.Errorf("%v: %v", pair, err)
		}
	}

	r, p, err := e.RevertTo(t.Context(), By{Who: "bert", From: "unix"}, 3, 2, "")
	if err != nil || p != nil || r.Number != 4 || r.Why != "back to revision 2" || r.Who != "bert" || !r.Document.Setup.Complete ||
		r.Document.Application["password"] != "secret" {
		t.Errorf("reverted to %+v, %v, %v", r, p, err)
	}
	if r, p, err := e.RevertTo(t.Context(), By{Who: "bert"}, 4, 1, "because"); err != nil || p == nil || r.Why != "because" {
		t.Errorf("reverted to %+v, %v, %v", r, p, err) // a new host name is guarded
	}
	if err := e.Confirm(By{}); err != nil {
		t.Error(err)
	}
	if _, _, err := e.RevertTo(t.Context(), By{}, 5, 77, ""); !errors.Is(err, ErrNoRevision) {
		t.Errorf("reverted to nothing: %v", err)
	}
	var conflict *ConflictError
	if _, _, err := e.RevertTo(t.Context(), By{}, 4, 2, ""); !errors.As(err, &conflict) {
		t.Errorf("reverted from another revision: %v", err)
	}
	m.check(e)
}
