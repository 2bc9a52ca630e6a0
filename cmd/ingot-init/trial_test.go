package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/ingotvm/ingot/internal/disk"
	"github.com/ingotvm/ingot/internal/update/record"
)

const ourSystem = disk.GUID("11111111-2222-4333-8444-555555555555")

// TestMayAttend: the stamp of either version is ours, and nobody else's.
func TestMayAttend(t *testing.T) {
	r := &record.Trial{From: "1.0.0", To: "1.1.0"}
	down := &record.Trial{From: "1.1.0", To: "1.0.0"}
	us := owner{Name: "demo", Version: "1.0.0", Title: "Demo", System: ourSystem}
	for _, tt := range []struct {
		name, stamp string
		record      *record.Trial
		known, want bool
	}{
		{"of the version on trial", stampOf(owner{"demo", "1.1.0", "Demo", ourSystem}), r, true, true},
		{"of the version that ran", stampOf(owner{"demo", "1.1.0", "Demo", ourSystem}), down, true, true},
		{"of the version before", stampOf(owner{"demo", "1.0.0", "Demo", ourSystem}), r, true, true},
		{"of a later version", stampOf(owner{"demo", "1.2.0", "Demo", ourSystem}), r, true, false},
		{"of another appliance", stampOf(owner{"shop", "1.1.0", "Demo", ourSystem}), r, true, false},
		{"of another installation", stampOf(owner{"demo", "1.1.0", "Demo", "99999999-2222-4333-8444-555555555555"}), r, false, false},
		{"damaged and known", "{", r, true, true},
		{"damaged and a stranger's", "{", r, false, false},
		{"none, as when going back was cut off", "", r, true, true},
	} {
		dir := t.TempDir()
		if tt.stamp != "" {
			if err := os.WriteFile(filepath.Join(dir, ownerFile), []byte(tt.stamp), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := mayAttend(dir, us, tt.record, tt.known); err != nil || got != tt.want {
			t.Errorf("a stamp %s: %v, %v", tt.name, got, err)
		}
	}
}

func stampOf(o owner) string {
	return fmt.Sprintf(`{"name":%q,"version":%q,"title":%q,"system":%q}`, o.Name, o.Version, o.Title, o.System)
}
