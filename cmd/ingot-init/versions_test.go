package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/release"
)

func TestPlanMigration(t *testing.T) {
	plain := appliance.Service{Name: "a", Data: appliance.Data{Enabled: true}}
	able := plain
	able.Data.Migrate = &appliance.Hook{Command: []string{"a"}}
	for _, tt := range []struct {
		name                  string
		service               appliance.Service
		running, known, wrote string
		existed               bool
		want                  migration
	}{
		{"a fresh appliance", able, "1.1.0", "", "", false, migration{note: true}},
		{"a service that is new in this version", able, "1.1.0", "", "1.0.0", false, migration{note: true}},
		{"the same version", able, "1.1.0", "1.1.0", "1.1.0", true, migration{}},
		{"an update", able, "1.1.0", "1.0.0", "1.0.0", true, migration{from: "1.0.0"}},
		{"an update whose command was cut off", able, "1.1.0", "1.0.0", "1.1.0", true, migration{from: "1.0.0"}},
		{"an update over a version that wrote nothing down", able, "1.1.0", "", "1.0.0", true, migration{from: "1.0.0"}},
		{"an update without a command", plain, "1.1.0", "1.0.0", "1.0.0", true, migration{note: true}},
		{"the way down with the data kept", able, "1.0.0", "1.1.0", "1.1.0", true, migration{note: true}},
		{"a pre-release", able, "1.1.0", "1.1.0-rc.1", "1.1.0-rc.1", true, migration{from: "1.1.0-rc.1"}},
	} {
		if got := planMigration(tt.service, tt.running, tt.known, tt.wrote, tt.existed); got != tt.want {
			t.Errorf("%s: %+v, wanted %+v", tt.name, got, tt.want)
		}
	}
	path := filepath.Join(t.TempDir(), "migrate", "a")
	if err := writeMigration(path, "1.0.0", "1.1.0"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); string(text) != "INGOT_FROM=1.0.0\nINGOT_TO=1.1.0\n" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestDeadline(t *testing.T) {
	d := &appliance.Definition{Version: "1.1.0", Updates: &appliance.Updates{Trial: appliance.Trial{Within: appliance.Duration(5 * time.Minute)}}}
	units := deadline(d)
	for unit, lines := range map[string][]string{
		"ingot-trial.timer":                    {"OnBootSec=420s", "DefaultDependencies=no"},
		"ingot-trial.service":                  {"SuccessAction=reboot", "FailureAction=reboot"},
		"sysinit.target.d/50-ingot-trial.conf": {"Wants=ingot-trial.timer"},
		"reboot.target.d/50-ingot-trial.conf":  {"JobTimeoutAction=reboot-force"},
	} {
		for _, line := range lines {
			if !strings.Contains(units[unit], line+"\n") {
				t.Errorf("%s does not say %s:\n%s", unit, line, units[unit])
			}
		}
	}
	if units = deadline(&appliance.Definition{Version: "1.1.0"}); !strings.Contains(units[trialTimer], "OnBootSec=720s") {
		t.Errorf("of a version without updates:\n%s", units[trialTimer])
	}
}

// TestHurry: the program of a version on trial has as long as the version.
func TestHurry(t *testing.T) {
	m := &machine{what: release.Boot{Definition: &appliance.Definition{Updates: &appliance.Updates{Trial: appliance.Trial{Within: appliance.Duration(time.Minute)}}}}}
	m.hurry(func(d time.Duration, _ func()) *time.Timer {
		if d != 3*time.Minute {
			t.Errorf("it has %v", d)
		}
		return nil
	})
}
