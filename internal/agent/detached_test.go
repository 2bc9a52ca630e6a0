package agent

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ingotvm/ingot/internal/agent/systemd"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/release"
)

func TestIsAppliance(t *testing.T) {
	run := t.TempDir()
	write(t, run, map[string]string{"init.json": "{}"})
	for name, opts := range map[string]Options{
		"another run folder":    {Root: "/", RunDir: run},
		"another root":          {Root: run, RunDir: defaultRunDir},
		"another way to the /":  {Root: "/.", RunDir: run},
		"a run folder below /":  {Root: "/", RunDir: filepath.Join(defaultRunDir, "x")},
		"a run folder, renamed": {Root: "/", RunDir: defaultRunDir + "2"},
	} {
		if isAppliance(opts) {
			t.Errorf("%s: an appliance", name)
		}
	}
	_, err := os.Stat(filepath.Join(defaultRunDir, "init.json"))
	if isAppliance(Options{Root: "/", RunDir: defaultRunDir}) != (err == nil) {
		t.Error("ingot-init's file does not decide")
	}
}

// TestTrialLeavesTheMachine sets a trial up, changes all that settings change,
// and lets it prepare, reset, restart and switch off.
func TestTrialLeavesTheMachine(t *testing.T) {
	root := t.TempDir()
	makeMachine(t, root, release.Boot{Format: 1, Definition: demo}, demoInit)
	opts := Options{Root: root, RunDir: filepath.Join(root, "run/ingot"), DataDir: filepath.Join(root, "data"), Runner: fakeRunner{}}
	if err := Prepare(opts); err != nil {
		t.Error(err)
	}
	a, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	_, units := a.sys.Units.(*detached)
	_, net := a.sys.Net.(*detached)
	_, kernel := a.sys.Kernel.(*detached)
	if !units || !net || !kernel || a.sys.Root != filepath.Join(root, "run/ingot/trial") || len(a.providers) != 0 {
		t.Fatalf("the machine of a trial is %+v, with %d providers", a.sys, len(a.providers))
	}
	name, _ := os.Hostname()
	finishSetup(t, a)
	synctest.Test(t, func(t *testing.T) {
		_, _, err := a.engine.Commit(t.Context(), config.Change{Trusted: true, Edit: config.EditValues(a.environment, map[string]string{
			"network.hostname": "intruder", "time.zone": "Asia/Tokyo", "keyboard.layout": "de", "firewall.management": "192.0.2.0/24",
		})})
		if err != nil {
			t.Fatal(err)
		}
	})
	if now, _ := os.Hostname(); now != name || a.hostName() != "intruder" {
		t.Errorf("this machine is called %s, the trial's %s", now, a.hostName())
	}

	by := config.By{Who: "admin"}
	told := &fakeManager{}
	a.manager = onlooker{told} // as New made it, without the machine's own behind
	for what, err := range map[string]error{
		"restart": a.Power(t.Context(), by, "restart"),
		"off":     a.Power(t.Context(), by, "off"),
		"service": a.Restart(t.Context(), by, "web"),
		"reset":   a.Reset(t.Context(), by, "demo"),
	} {
		if !errors.Is(err, errTrial) {
			t.Errorf("%s: %v", what, err)
		}
	}
	a.powerOff(t.Context())
	if told.off+told.reboots+len(told.restarted) > 0 {
		t.Errorf("the machine was told: %+v", told)
	}
	if _, err := os.Stat(filepath.Join(root, "data", resetFlag)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a reset that was refused would be done some day: %v", err)
	}
	onlyBelow(t, root, "data", "run/ingot", "proc")
}

// TestTrialManager: what New makes of a trial tells the system manager
// nothing, and what it makes on an appliance does.
func TestTrialManager(t *testing.T) {
	opts := Options{RunDir: t.TempDir()}
	opts.fill()
	if _, ok := managerFor(opts, systemd.NewManager()).(onlooker); !ok {
		t.Error("a trial can switch the machine off")
	}
	if _, ok := system(opts, systemd.NewManager()).Net.(*detached); !ok {
		t.Error("a trial can change the network of the machine")
	}
	if len(providersFor(opts, setting.Env{})) > 0 {
		t.Error("a trial reads the disks of the machine")
	}
}

// onlyBelow looks whether files are in some folders alone.
func onlyBelow(t *testing.T, root string, folders ...string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		for _, folder := range folders {
			if strings.HasPrefix(path, filepath.Join(root, folder)+"/") {
				return nil
			}
		}
		t.Errorf("%s was written", path)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
