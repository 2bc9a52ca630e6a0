package seed

import (
	"errors"
	"io/fs"
	"slices"
	"testing"
)

// TestAttached looks at media, and opens one: the appliance's own disks are
// none of them, and no link leads out of one.
func TestAttached(t *testing.T) {
	m := newMachine(t)
	m.disk("vda", "", "", "")
	m.disk("vda3", "vda", "PARTNAME=ingot-system\n", isoHead("SYSTEM"))
	m.disk("sr0", "", "", isoHead("UPDATES"))
	m.disk("sdb", "", "", "nothing that can be read")
	m.media["sr0"] = map[string]string{"x.ingot": "a bundle", "out": "link:/etc/passwd"}
	list, err := Attached(t.Context(), m.options())
	if err != nil || !slices.Equal(list, []Medium{{"sr0", "UPDATES"}}) {
		t.Fatalf("attached are %+v, %v", list, err)
	}
	root, end, err := OpenMedium(t.Context(), m.options(), "sr0")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := root.ReadFile("x.ingot"); err != nil || string(data) != "a bundle" {
		t.Errorf("it holds %q, %v", data, err)
	}
	if _, err := root.ReadFile("out"); err == nil {
		t.Error("a link leads out of it")
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if !slices.Equal(m.log, []string{"mount sr0 iso9660", "unmount"}) {
		t.Errorf("what was done: %q", m.log)
	}
	for _, name := range []string{"vda3", "sdb", "sdc", "", "../sr0"} {
		if _, _, err := OpenMedium(t.Context(), m.options(), name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", name, err)
		}
	}
	delete(m.media, "sr0")
	if _, _, err := OpenMedium(t.Context(), m.options(), "sr0"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a damaged medium: %v", err)
	}
}
