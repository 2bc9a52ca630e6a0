package build

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/ingotvm/ingot/internal/appliance"
)

// signedRoot is the root of a repository with one key for all roles.
func signedRoot(t *testing.T) []byte {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	root := metadata.Root(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	key, err := metadata.KeyFromPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"root", "timestamp", "snapshot", "targets"} {
		if err := root.Signed.AddKey(key, role); err != nil {
			t.Fatal(err)
		}
	}
	signer, err := signature.LoadSigner(private, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := root.Sign(signer); err != nil {
		t.Fatal(err)
	}
	data, err := root.ToBytes(false)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestBootCarriesRoot: the root is in the boot description as it is, and one
// that was edited stops the build.
func TestBootCarriesRoot(t *testing.T) {
	dir, data := t.TempDir(), signedRoot(t)
	def := &appliance.Definition{Updates: &appliance.Updates{Root: "root.json"}}
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "root.json"), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	built := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	write(string(data))
	boot, err := bootTemplate(def, dir, built)
	if err != nil || string(boot.Updates.Root) != string(data) || !boot.Updates.Built.Equal(built) {
		t.Errorf("%+v, %v", boot.Updates, err)
	}
	for _, wrong := range []string{
		strings.Replace(string(data), `"expires":"2030`, `"expires":"2040`, 1), strings.Replace(string(data), `"_type":"root"`, `"_type":"targets"`, 1), "{}", "",
	} {
		write(wrong)
		if _, err := bootTemplate(def, dir, built); err == nil || !strings.Contains(err.Error(), "cannot take root.json as the root of updates") {
			t.Errorf("%.60s: %v", wrong, err)
		}
	}
	def.Updates = nil
	if boot, err := bootTemplate(def, dir, built); err != nil || boot.Updates != nil {
		t.Errorf("without updates: %+v, %v", boot.Updates, err)
	}
}

func TestBuilt(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"Origin: Debian\nDate: Sat, 10 Jan 2026 09:14:23 UTC\n": "2026-01-10T09:14:23Z",
		"Date: Sat, 10 Jan 2036 09:14:23 UTC\n":                 "2026-06-01T12:00:00Z", // not proven: no later than now
		"Date: Sat, 10 Jan 2015 09:14:23 UTC\n":                 "2025-08-09T00:00:00Z",
		"Date: soon\n":                                          "2025-08-09T00:00:00Z",
		"":                                                      "2025-08-09T00:00:00Z",
	} {
		state := mirrorState("digest", indexTime([]byte(text), now))
		if got := stateTime(state).Format(time.RFC3339); got != want || !strings.HasPrefix(state, "digest") {
			t.Errorf("%q: %s of %q", text, got, state)
		}
	}
	if got := stateTime("test"); !got.Equal(epoch) { // of a cache from before there were times
		t.Errorf("a state without a time: %s", got)
	}
}

// TestManifestSaysData holds what an update goes by.
func TestManifestSaysData(t *testing.T) {
	def := &appliance.Definition{Services: []appliance.Service{
		{Name: "a", Data: appliance.Data{Enabled: true, Snapshot: "copy"}},
		{Name: "b"},
		{Name: "c", Data: appliance.Data{Paths: []string{"/var/lib/c"}, Snapshot: "none", Schema: 3}},
	}}
	m := manifestTemplate(def)
	if m.Config != 1 || len(m.Data) != 2 || m.Data[0].Service != "a" || m.Data[0].Snapshot != "copy" || m.Data[1].Snapshot != "none" || m.Data[1].Schema != 3 {
		t.Errorf("%+v", m)
	}
}

// TestDataUnits holds how the commands for a service's data are run.
func TestDataUnits(t *testing.T) {
	hook := func(words ...string) *appliance.Hook {
		return &appliance.Hook{Command: words, Timeout: appliance.Duration(time.Minute)}
	}
	ours := appliance.Service{Name: "q", Title: "Queue", Binary: "bin/q", Data: appliance.Data{
		Enabled: true, Snapshot: "hook", Save: hook("q", "save", "${snapshot}/x"), Restore: hook("q", "load", "${snapshot}"), Migrate: hook("q", "up", "${data}"),
	}}
	theirs := appliance.Service{Name: "db", Title: "DB", Packages: []string{"mariadb-server"}, Unit: "mariadb.service", Data: appliance.Data{
		Paths: []string{"/var/lib/mysql", "/srv/x"}, Snapshot: "hook", Save: hook("/usr/bin/save"), Restore: hook("/usr/bin/load"),
	}}
	units := serviceUnits(&appliance.Definition{Services: []appliance.Service{ours, theirs, {Name: "plain", Binary: "p", Data: appliance.Data{Enabled: true}}}})
	for unit, lines := range map[string][]string{
		"app-q.service": {"Requires=ingot-restore-q.service ingot-migrate-q.service", "After=ingot-restore-q.service ingot-migrate-q.service"},
		"ingot-save-q.service": {
			"Type=oneshot", "User=app-q", `ExecStart="/app/q/q" "save" "/run/ingot-snapshot/q/x"`, "ReadWritePaths=/data/app/q", "BindPaths=/data/updates/save/q:/run/ingot-snapshot/q",
			"TimeoutStartSec=60000ms", "NoNewPrivileges=yes", "EnvironmentFile=-/run/ingot-app/q/environment",
		},
		"ingot-restore-q.service": {
			"Before=app-q.service", "ConditionPathExists=/data/updates/restore/q", "ConditionPathExists=/run/ingot-app/q/enabled",
			`ExecStart="/app/q/q" "load" "/run/ingot-snapshot/q"`, "ExecStartPost=+/usr/bin/ingotd done restore q", "BindPaths=/data/updates/restore/q:/run/ingot-snapshot/q",
			"InaccessiblePaths=-/data/config -/data/identity -/data/cache -/data/log", "CapabilityBoundingSet=",
		},
		"ingot-migrate-q.service": {
			"Before=app-q.service", "After=ingot-restore-q.service", "ConditionPathExists=/run/ingot/migrate/q", "EnvironmentFile=/run/ingot/migrate/q",
			`ExecStart="/app/q/q" "up" "/data/app/q"`, "ExecStartPost=+/usr/bin/ingotd done migrate q",
		},
		"mariadb.service.d/50-ingot.conf": {"Requires=ingot-restore-db.service", "After=ingot-restore-db.service"},
		"ingot-save-db.service":           {`ExecStart="/usr/bin/save"`, "ReadWritePaths=/var/lib/mysql /srv/x", "BindPaths=/data/updates/save/db:/run/ingot-snapshot/db", "ProtectSystem=strict"},
		"ingot-restore-db.service":        {"ReadWritePaths=/var/lib/mysql /srv/x", "Before=mariadb.service"},
	} {
		for _, line := range lines {
			if !strings.Contains(units[unit], line+"\n") {
				t.Errorf("%s does not say %s:\n%s", unit, line, units[unit])
			}
		}
	}
	for _, unit := range []string{"ingot-migrate-db.service", "ingot-save-plain.service"} {
		if units[unit] != "" {
			t.Errorf("there is %s", unit)
		}
	}
	for name, text := range units {
		if strings.Contains(text, "ExecStartPost=+") && strings.Contains(text, "TemporaryFileSystem") {
			t.Errorf("%s hides the data disk from the program that writes down that it is done", name)
		}
	}
	if strings.Contains(units["app-plain.service"], "Requires=") || strings.Contains(units["ingot-save-db.service"], "User=") || strings.Contains(units["ingot-save-q.service"], "Condition") {
		t.Error("a unit says more than it should")
	}
}
