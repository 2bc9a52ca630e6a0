package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/disk"
)

func TestJudge(t *testing.T) {
	const other = disk.GUID("11111111-5f0c-4c57-9b7a-6d1e2b3c4a99")
	us := owner{Name: "shop", Version: "1.4.0", Title: "The Shop", System: guid}
	older := owner{Name: "shop", Version: "1.3.9", Title: "The Shop", System: other}
	for name, row := range map[string]struct {
		theirs  *owner
		consent string
		adopt   bool
		refused string // a part of the reason
	}{
		"no stamp":               {},
		"ours":                   {theirs: &us},
		"ours, older":            {theirs: &owner{Name: "shop", Version: "1.4.0-rc.2", System: guid}},
		"ours, newer":            {theirs: &owner{Name: "shop", Version: "1.10.0", System: guid}, refused: "written by version 1.10.0, and this is version 1.4.0"},
		"another's":              {theirs: &older, adopt: true},
		"another's, same":        {theirs: &owner{Name: "shop", Version: "1.4.0", System: other}, adopt: true},
		"another's, newer":       {theirs: &owner{Name: "shop", Version: "2.0.0-rc.1", System: other}, refused: "written by version 2.0.0-rc.1"},
		"consented":              {theirs: &older, consent: guid},
		"consented to another":   {theirs: &older, consent: string(other), adopt: true},
		"newer, consented":       {theirs: &owner{Name: "shop", Version: "1.4.1", System: other}, consent: guid, refused: "1.4.1"},
		"another appliance":      {theirs: &owner{Name: "wiki", Version: "1.0.0", Title: "A Wiki", System: other}, refused: "another appliance, A Wiki"},
		"another, consented":     {theirs: &owner{Name: "wiki", Version: "1.0.0", System: other}, consent: guid, refused: "another appliance, wiki"},
		"another, same instance": {theirs: &owner{Name: "wiki", Version: "1.0.0", System: guid}, refused: "wiki"},
	} {
		got := judge(us, row.theirs, row.consent)
		if (got.adopt != nil) != row.adopt || (got.refused == "") != (row.refused == "") || !strings.Contains(got.refused, row.refused) {
			t.Errorf("%s: adopt %+v, refused %q", name, got.adopt, got.refused)
		}
		if got.closed() != (row.adopt || row.refused != "") {
			t.Errorf("%s: closed %v", name, got.closed())
		}
	}
}

func TestReadOwner(t *testing.T) {
	dir := t.TempDir()
	if o, consent, err := readOwner(filepath.Join(dir, "nothing")); o != nil || consent != "" || err != nil {
		t.Errorf("without a stamp: %+v, %q, %v", o, consent, err)
	}
	for _, damaged := range []string{"", `{"name":"shop"`, `{}`, `{"name":"shop","version":"1"}`, `{"name":"shop","version":"1.0.0"}`, `{"name":"shop","version":"1.0.0","system":"x"}`,
		`{"name":"shop","version":"new","system":"` + guid + `"}`, `{"name":"shop","version":"1.0.0","title":"\u001b[2J","system":"` + guid + `"}`,
		`{"name":"` + strings.Repeat("a", 400) + `","version":"1.0.0","system":"` + guid + `"}`,
		strings.Repeat(" ", maxStamp) + `{"name":"shop","version":"1.0.0","system":"` + guid + `"}`} {
		if err := os.WriteFile(filepath.Join(dir, ownerFile), []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if o, _, err := readOwner(dir); o != nil || !errors.Is(err, errStamp) {
			t.Errorf("of %q: %+v, %v", damaged, o, err)
		}
		// A disk used before goes on; another is not trusted.
		us := owner{Name: "shop", Version: "1.4.0", System: guid}
		if c, err := examine(dir, us, true); err != nil || c.closed() {
			t.Errorf("known disk with %q: %+v, %v", damaged, c, err)
		}
		if c, err := examine(dir, us, false); err != nil || !strings.Contains(c.refused, ownerFile) {
			t.Errorf("other disk with %q: %+v, %v", damaged, c, err)
		}
	}
	if err := os.Remove(filepath.Join(dir, ownerFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, ownerFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := examine(dir, owner{}, true); err == nil {
		t.Error("a stamp that cannot be read at all is no error")
	}
}

func FuzzParseOwner(f *testing.F) {
	f.Add([]byte(`{"name":"shop","version":"1.3.0","title":"The Shop","system":"` + guid + `"}`))
	f.Add([]byte(`{"name":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := parseOwner(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parseOwner(again); err != nil || *back != *o {
			t.Errorf("%s is written and read again as %+v, %v", again, back, err)
		}
		if strings.ContainsAny(o.label(), "\x1b\n\r") {
			t.Errorf("the console is told %q", o.label())
		}
	})
}

func TestStampDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "identity")
	old := owner{Name: "shop", Version: "1.3.0", Title: "Shop", System: newInstance()}
	us := owner{Name: "shop", Version: "1.4.0", Title: "Shop", System: newInstance()}
	if old.System == us.System {
		t.Fatal("two instances have one ID")
	}
	if err := stampDisk(dir, old); err != nil { // the folder is made
		t.Fatal(err)
	}
	consent := filepath.Join(dir, adoptFile)
	for range 2 { // the second time: cut off before the consent was removed
		if err := os.WriteFile(consent, []byte(us.System+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		theirs, said, err := readOwner(dir)
		if err != nil || judge(us, theirs, said).closed() {
			t.Fatalf("a disk with consent: %+v, %q, %v", theirs, said, err)
		}
		if err := stampDisk(dir, us); err != nil {
			t.Fatal(err)
		}
		if got, said, err := readOwner(dir); err != nil || *got != us || said != "" {
			t.Errorf("stamped %+v, consent %q, %v; want %+v", got, said, err, us)
		}
	}
	// The old machine does not get it back unasked.
	if theirs, said, _ := readOwner(dir); !judge(old, theirs, said).closed() {
		t.Error("the disk may be used by its former owner")
	}
}

func TestForeignDiskKeepsItsIdentity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "machine-id")
	id, made, err := machineID(path, false)
	if err != nil || !made || !isMachineID(id) {
		t.Errorf("machineID = %q, %v, %v", id, made, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an ID was written to a disk that is not ours: %v", err)
	}
}

func TestEmpty(t *testing.T) {
	root := t.TempDir()
	put := func(names ...string) {
		t.Helper()
		for _, name := range names {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	left := func() string {
		t.Helper()
		entries, err := os.ReadDir(root)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return strings.Join(names, " ")
	}
	outside := filepath.Join(t.TempDir(), "outside")
	put(resetFile, "app/shop/file", "config/1.json", "swapfile", "identity/owner.json", "lost+found/#1", ".hidden")
	if err := os.WriteFile(outside, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(outside), filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}

	// The power goes while the disk is emptied: the request is still there.
	cut := errors.New("power cut")
	if err := empty(root, func(string) error { return cut }); !errors.Is(err, cut) {
		t.Fatalf("empty = %v", err)
	}
	if got := left(); got != resetFile+" lost+found" {
		t.Errorf("after a power cut: %s", got)
	}
	put("app/new")
	var seen []string
	if err := empty(root, func(string) error { seen = append(seen, left()); return nil }); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(seen, ", then "); got != resetFile+" lost+found, then lost+found" {
		t.Errorf("made durable were %s", got)
	}
	for _, path := range []string{outside, filepath.Join(root, "lost+found/#1")} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

// The agent reads these names too.
func TestAdoptionFacts(t *testing.T) {
	f := facts{Instance: guid, Adopt: &adoptable{Name: "shop", Version: "1.3.0", Title: "Shop"}, Refused: "why"}
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"instance":"` + guid + `"`, `"adopt":{"name":"shop","version":"1.3.0","title":"Shop"}`, `"refused":"why"`} {
		if !strings.Contains(string(data), want) {
			t.Errorf("%s lacks %s", data, want)
		}
	}
	if data, _ = json.Marshal(facts{}); strings.Contains(string(data), "adopt") || strings.Contains(string(data), "refused") {
		t.Errorf("%s speaks of adoption", data)
	}
}
