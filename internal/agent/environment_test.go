package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ingotvm/ingot/internal/agent/machine"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/release"
)

// rename changes the name of an appliance that is kept in a folder.
func rename(t *testing.T, opts Options, init initFacts, name string) *config.Engine {
	t.Helper()
	env := environment(&release.Boot{Definition: demo}, init, machine.New(opts.Root))
	engine, err := openEngine(opts, init, env, system(opts, nil))
	if engine == nil {
		t.Fatal(err)
	}
	_, _, err = engine.Commit(t.Context(), config.Change{Trusted: true, Edit: config.EditValues(env, map[string]string{"network.hostname": name})})
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

func hostname(e *config.Engine) string {
	revision, _ := e.Current()
	return revision.Document.Network.Hostname
}

// TestWhereTheConfigurationIsKept opens the configuration of a data disk on
// which one is, in every state of the disk.
func TestWhereTheConfigurationIsKept(t *testing.T) {
	for _, test := range []struct {
		name string
		init initFacts
		// break does something to the data folder.
		damage func(t *testing.T, data string)
		// finds says that the disk's configuration is in force; keeps that
		// changes go to the disk; forgets that there is a warning.
		finds, keeps, forgets bool
	}{
		{name: "good", finds: true, keeps: true},
		{name: "another appliance's, to adopt", init: initFacts{Held: true, Adopt: &owner{Name: "demo"}}},
		{name: "another appliance's, refused", init: initFacts{Held: true, Refused: "it is newer"}},
		{name: "to be read only", init: initFacts{Held: true, DataReadOnly: true}, finds: true},
		{name: "to be read only, and without a configuration", init: initFacts{Held: true, DataReadOnly: true},
			damage: func(t *testing.T, data string) { remove(t, filepath.Join(data, "config")) }},
		{name: "not to be written to", forgets: true,
			damage: func(t *testing.T, data string) { replace(t, filepath.Join(data, "config")) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			makeMachine(t, root, release.Boot{Definition: demo}, "{}")
			opts := Options{Root: root, RunDir: filepath.Join(root, "run/ingot"), DataDir: filepath.Join(root, "data")}
			opts.fill()
			rename(t, opts, initFacts{}, "kept")
			if test.damage != nil {
				test.damage(t, opts.DataDir)
			}
			before := content(t, opts.DataDir)

			env := environment(&release.Boot{Definition: demo}, test.init, machine.New(root))
			engine, err := openEngine(opts, test.init, env, system(opts, nil))
			if engine == nil {
				t.Fatal(err)
			}
			var f *forgetful
			if errors.As(err, &f) != test.forgets || (err != nil) != test.forgets {
				t.Errorf("the error is %v", err)
			}
			if found := hostname(engine) == "kept"; found != test.finds {
				t.Errorf("the name is %q", hostname(engine))
			}
			if engine = rename(t, opts, test.init, "changed"); hostname(engine) != "changed" {
				t.Errorf("a change is not in force: %q", hostname(engine))
			}
			if kept := content(t, opts.DataDir) != before; kept != test.keeps {
				t.Errorf("the disk was written to: %v", kept)
			}
			private(t, filepath.Join(opts.RunDir, "state"))
			private(t, filepath.Join(opts.DataDir, "config"))
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// replace puts a file where a folder should be: root may write to every folder.
func replace(t *testing.T, path string) {
	t.Helper()
	remove(t, path)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// content is all that a folder holds.
func content(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %q\n", path, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// private looks whether what is in a folder is for its owner alone.
func private(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return fs.SkipAll
		}
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestCopyOnce: whole or not at all.
func TestCopyOnce(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "state", "to")
	if err := copyOnce(from, to); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("copied nothing: %v", err)
	}
	write(t, from, map[string]string{"head": "1", "sub/a": "2"})
	if err := os.Symlink("/etc/passwd", filepath.Join(from, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Dir(to), 0o700); err != nil {
		t.Fatal(err)
	}
	// A copy that was cut short counts for nothing.
	write(t, to+".part", map[string]string{"head": "broken", "rest": ""})
	for range 2 { // the second changes nothing
		if err := copyOnce(from, to); err != nil {
			t.Fatal(err)
		}
	}
	want := fmt.Sprintf("%s %q\n%s %q\n", filepath.Join(to, "head"), "1", filepath.Join(to, "sub/a"), "2")
	if got := content(t, to); got != want {
		t.Errorf("copied\n%s", got)
	}
	private(t, filepath.Join(dir, "state"))
	write(t, from, map[string]string{"head": "other"})
	if err := copyOnce(from, to); err != nil || content(t, to) != want {
		t.Errorf("copied again: %v", err)
	}
}

// TestPrepare makes the files of the configuration, and undoes what an earlier
// start of the machine left to be confirmed.
func TestPrepare(t *testing.T) {
	root := t.TempDir()
	makeMachine(t, root, release.Boot{Definition: demo}, "{}")
	opts := Options{Root: root, RunDir: filepath.Join(root, "run/ingot"), DataDir: filepath.Join(root, "data")}
	opts.fill()
	write(t, root, map[string]string{"proc/sys/kernel/random/boot_id": "the first\n"})
	engine := rename(t, opts, initFacts{}, "good")
	_, pending, err := engine.Commit(t.Context(), config.Change{Edit: func(d *setting.Document) error {
		d.Network.Hostname, d.Firewall.Management = "unconfirmed", []string{"192.0.2.0/24"}
		return nil
	}})
	if err != nil || pending == nil {
		t.Fatal(pending, err)
	}
	remove(t, filepath.Join(opts.RunDir, "trial/etc/hostname"))
	for _, boot := range []struct{ id, name string }{{"the first", "unconfirmed"}, {"the second", "good"}} {
		write(t, root, map[string]string{"proc/sys/kernel/random/boot_id": boot.id})
		if err := Prepare(opts); err != nil {
			t.Error(err)
		}
		data, err := os.ReadFile(filepath.Join(opts.RunDir, "trial/etc/hostname"))
		if strings.TrimSpace(string(data)) != boot.name {
			t.Errorf("in %s, the machine is called %q, %v", boot.id, data, err)
		}
	}

	// A disk that takes nothing keeps nobody from starting, but is told of.
	replace(t, filepath.Join(opts.DataDir, "config"))
	var f *forgetful
	if err := Prepare(opts); !errors.As(err, &f) {
		t.Errorf("nobody is told: %v", err)
	}
}

// TestHeldServicesStayOff: without their data services must not be started, by
// no change of the settings either.
func TestHeldServicesStayOff(t *testing.T) {
	root := t.TempDir()
	makeMachine(t, root, release.Boot{Definition: demo}, `{"held":true,"data_read_only":true}`)
	a := startAgent(t, root, &fakeManager{})
	finishSetup(t, a)
	revision, _ := a.engine.Current()
	for _, s := range demo.Services {
		if !revision.Document.Setup.Complete || setting.ServiceEnabled(a.env(), revision.Document, s) {
			t.Errorf("%s is started", s.Name)
		}
		if why := a.whyOff(s); why != "its data is not there" {
			t.Errorf("%s is off: %q", s.Name, why)
		}
	}
	rules, err := a.Firewall(t.Context())
	if err != nil || slices.ContainsFunc(rules, func(r wire.FirewallRule) bool { return r.Origin == "web" }) {
		t.Errorf("the application is open: %v, %v", rules, err)
	}
}

func TestSmallMemory(t *testing.T) {
	def := *demo
	def.Hardware.Memory.Minimum = 512 << 20
	for mebibytes, warns := range map[int]bool{0: false, 511: true, 512: false, 2048: false} {
		root := t.TempDir()
		makeMachine(t, root, release.Boot{Definition: &def}, "{}")
		if mebibytes > 0 {
			write(t, root, map[string]string{"proc/zoneinfo": fmt.Sprintf("Node 0, zone DMA\n        present  %d\n", mebibytes<<20/os.Getpagesize())})
		}
		a := startAgent(t, root, &fakeManager{})
		told := slices.ContainsFunc(a.Status(t.Context()).Warnings, func(w string) bool {
			return strings.Contains(w, "511\u00a0MiB of memory, and Demo needs at least 512\u00a0MiB") && strings.Contains(w, "give it more")
		})
		if told != warns {
			t.Errorf("with %d MiB: %q", mebibytes, a.Status(t.Context()).Warnings)
		}
	}
}

func TestWhyOff(t *testing.T) {
	root := t.TempDir()
	def := &appliance.Definition{Name: "demo", Title: "Demo", Version: "1.0.0",
		Settings: []appliance.Setting{{Key: "database", Type: "enum", Default: "own", Options: []appliance.Option{{Value: "own"}, {Value: "other"}}}},
		Services: []appliance.Service{{Name: "web"}, {Name: "db", When: &appliance.Condition{Setting: "database", Is: "own"}}},
	}
	makeMachine(t, root, release.Boot{Definition: def}, "{}")
	a := startAgent(t, root, &fakeManager{})
	why := func(want ...string) {
		t.Helper()
		if got := []string{a.whyOff(def.Services[0]), a.whyOff(def.Services[1])}; !slices.Equal(got, want) {
			t.Errorf("off: %q, want %q", got, want)
		}
	}
	why("waits for the set-up", "waits for the set-up")
	finishSetup(t, a)
	why("", "")
	set(t, a, map[string]string{"application.database": "other"})
	why("", "not used, as the settings are")
}

// set changes settings, and lets no time pass for it.
func set(t *testing.T, a *Agent, values map[string]string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { setNow(t, a, values) })
}

func setNow(t *testing.T, a *Agent, values map[string]string) {
	t.Helper()
	_, _, err := a.engine.Commit(t.Context(), config.Change{Trusted: true, Edit: config.EditValues(a.env(), values)})
	if err != nil {
		t.Error(err)
	}
}
