package attend

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/update/record"
	"github.com/ingotvm/ingot/internal/update/snapshot"
)

// updating is a data disk of 1.0.0, kept under the ID "old", on the eve of
// 1.1.0.
func updating(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	writeData(t, dir, "1.0.0")
	take(t, dir, "old", "1.0.0")
	if err := record.Write(dir, &record.Trial{From: "1.0.0", To: "1.1.0", Snapshot: "old", Stage: record.Armed}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// writeData is what a version leaves on the disk.
func writeData(t *testing.T, dir, version string) {
	t.Helper()
	stamp := fmt.Sprintf(`{"name":"demo","version":%q,"title":"Demo"}`, version)
	for path, content := range map[string]string{"identity/owner.json": stamp, "config/head.json": version, "app/web/db": version} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func take(t *testing.T, dir, id, version string) {
	t.Helper()
	web := appliance.Service{Name: "web", Data: appliance.Data{Enabled: true, Snapshot: appliance.SnapshotCopy}}
	o := snapshot.Options{DataDir: dir, ID: id, Version: version, Services: []appliance.Service{web}}
	if err := snapshot.Take(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// boot is one start of a version as far as its data; what says what was said.
func boot(t *testing.T, dir, version, id string) (facts *Facts, said string) {
	t.Helper()
	r, err := record.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	facts, err = Attend(dir, r, version, id, time.Unix(1, 0), func(s string) { said += s })
	if err != nil {
		t.Fatalf("boot of %s: %v", version, err)
	}
	return facts, said
}

func dataOf(t *testing.T, dir string) string {
	t.Helper()
	var versions []string
	for _, path := range []string{"config/head.json", "app/web/db"} {
		content, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		versions = append(versions, string(content))
	}
	return strings.Join(versions, " ")
}

func TestTrialGoesBack(t *testing.T) {
	dir := updating(t)
	for i, id := range []string{"boot-1", "boot-2"} {
		if f, said := boot(t, dir, "1.1.0", id); *f != (Facts{From: "1.0.0", To: "1.1.0", OnTrial: true}) || said != "" {
			t.Errorf("on trial: %+v, %q", f, said)
		}
		writeData(t, dir, "1.1.0")
		if r, err := record.Read(dir); err != nil || len(r.Boots) != i+1 || r.Boots[i].ID != id {
			t.Errorf("noted %+v, %v", r, err)
		}
	}
	f, said := boot(t, dir, "1.0.0", "boot-3")
	if *f != (Facts{From: "1.0.0", To: "1.1.0", Returned: true}) || !strings.Contains(said, "the data of version 1.0.0 back") {
		t.Errorf("back: %+v, %q", f, said)
	}
	if got := dataOf(t, dir); got != "1.0.0 1.0.0" {
		t.Errorf("data of %s", got)
	}
	// What is done after that stays.
	writeData(t, dir, "1.0.0-later")
	if f, said := boot(t, dir, "1.0.0", "boot-4"); !f.Returned || said != "" || dataOf(t, dir) != "1.0.0-later 1.0.0-later" {
		t.Errorf("the next boot: %+v, %q, data of %s", f, said, dataOf(t, dir))
	}
}

// TestTrialNeverBegan: a record that was opened, and a restart without the
// trial: what was done meanwhile stays.
func TestTrialNeverBegan(t *testing.T) {
	dir := updating(t)
	writeData(t, dir, "1.0.0-later")
	f, said := boot(t, dir, "1.0.0", "boot-1")
	if !f.Returned || !f.Untouched || said != "" || dataOf(t, dir) != "1.0.0-later 1.0.0-later" {
		t.Errorf("%+v, %q, data of %s", f, said, dataOf(t, dir))
	}
}

// TestTrialLoads: going back to 0.9.0 with its data, which then fails.
func TestTrialLoads(t *testing.T) {
	dir := t.TempDir()
	writeData(t, dir, "0.9.0")
	take(t, dir, "older", "0.9.0")
	writeData(t, dir, "1.0.0")
	take(t, dir, "old", "1.0.0")
	r := &record.Trial{From: "1.0.0", To: "0.9.0", Snapshot: "old", Load: "older", Stage: record.Armed}
	if err := record.Write(dir, r); err != nil {
		t.Fatal(err)
	}
	if f, said := boot(t, dir, "0.9.0", "boot-1"); !f.OnTrial || !strings.Contains(said, "version 0.9.0 in place") || dataOf(t, dir) != "0.9.0 0.9.0" {
		t.Errorf("%+v, %q, data of %s", f, said, dataOf(t, dir))
	}
	writeData(t, dir, "0.9.0-later")
	if f, said := boot(t, dir, "0.9.0", "boot-2"); !f.OnTrial || said != "" || dataOf(t, dir) != "0.9.0-later 0.9.0-later" {
		t.Errorf("the second boot: %+v, %q, data of %s", f, said, dataOf(t, dir))
	}
	if f, _ := boot(t, dir, "1.0.0", "boot-3"); !f.Returned || dataOf(t, dir) != "1.0.0 1.0.0" {
		t.Errorf("back: %+v, data of %s", f, dataOf(t, dir))
	}
}

func TestTrialOfOthers(t *testing.T) {
	dir := updating(t)
	if f, _ := boot(t, dir, "1.2.0", "boot-1"); f != nil {
		t.Errorf("a third version: %+v", f)
	}
	r, err := record.Read(dir)
	if err != nil || r.Stage != record.Armed || len(r.Boots) != 0 {
		t.Errorf("a third version changed the record: %+v, %v", r, err)
	}
	r.Snapshot, r.Boots = "absent", []record.Boot{{ID: "x"}}
	if _, err := Attend(dir, r, "1.0.0", "boot-1", time.Unix(1, 0), func(string) {}); err == nil {
		t.Error("a snapshot that is not there was put back")
	}
	if got := dataOf(t, dir); got != "1.0.0 1.0.0" {
		t.Errorf("data of %s", got)
	}
}
