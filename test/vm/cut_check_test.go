package vm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/disk/fat"
	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/release/source"
	"github.com/ingotvm/ingot/internal/release/trust"
	"github.com/ingotvm/ingot/internal/slot"
	"github.com/ingotvm/ingot/internal/slot/grubmodel"
	"github.com/ingotvm/ingot/internal/update"
	"github.com/ingotvm/ingot/internal/update/attend"
	"github.com/ingotvm/ingot/internal/update/record"
	"github.com/ingotvm/ingot/internal/verity"
)

// judge says of the disks after a cut whether they are still an appliance.
type judge struct {
	t    *testing.T
	url  string // of the repository, in which there is a 1.2.0 by now
	root []byte
	// config is what the configuration was when the update began: nobody
	// changes it until its end.
	config string

	source   source.Source
	releases map[string]*release.Release
}

// newJudge knows what was on the disks before.
func newJudge(t *testing.T, v *vendor, d *disks) *judge {
	t.Helper()
	root, err := os.ReadFile(filepath.Join(v.keys, "root.json"))
	must(t, err)
	j := &judge{
		t: t, url: strings.Replace(v.url, "10.0.2.2", "127.0.0.1", 1), root: root,
		source: source.Folder(os.DirFS(v.repo)), releases: map[string]*release.Release{},
	}
	must(t, d.mounted(t, "data", "rw", func(dir string) (err error) {
		j.config, err = contents(filepath.Join(dir, "config"))
		return err
	}))
	return j
}

// life is an appliance that goes on after a cut, from boot to boot.
type life struct {
	*judge
	*disks
	story []string // the versions that were booted
}

// goesOn boots what is on the disks until it is settled, and updates it to
// 1.2.0. A version on trial is well, or is not.
func (j *judge) goesOn(d *disks, well bool) (story string, err error) {
	l := &life{judge: j, disks: d}
	for range 6 { // boots
		v, err := l.grub()
		if err != nil {
			return l.told(), err
		}
		l.story = append(l.story, v)
		done, err := l.boot(v, well || v == "1.2.0")
		if err != nil || done {
			return l.told(), err
		}
	}
	return l.told(), errors.New("it never comes to rest")
}

func (l *life) told() string { return strings.Join(l.story, " ") }

// grub is what GRUB boots: it reads the disk as it is, without the journal,
// and writes the state that it has counted down.
func (l *life) grub() (version string, err error) {
	esp := l.files["esp"]
	var copies [2][]byte
	var places [2]int64
	for i, name := range []string{release.BootStateA, release.BootStateB} {
		place, size, err := fat.Locate(esp, name)
		if err != nil {
			return "", err
		}
		copies[i], places[i] = make([]byte, size), place
		if _, err := esp.ReadAt(copies[i], place); err != nil {
			return "", err
		}
	}
	err = l.mounted(l.t, "system", "ro,noload", func(dir string) error {
		kernels, err := filepath.Glob(filepath.Join(dir, slot.Folder, "[^.]*", "vmlinuz"))
		if err != nil {
			return err
		}
		var slots []string
		for _, k := range kernels {
			slots = append(slots, filepath.Base(filepath.Dir(k)))
		}
		before := copies
		version, copies[0], copies[1] = grubmodel.Boot(copies[0], copies[1], slots)
		if version == "" {
			return fmt.Errorf("GRUB finds nothing to boot: it sees %v; the boot state is %.60q", slots, before)
		}
		for i, place := range places {
			if _, err := esp.WriteAt(copies[i], place); err != nil {
				return err
			}
		}
		return l.whole(filepath.Join(dir, slot.Folder, version), "vmlinuz", "initrd")
	})
	if err != nil {
		err = fmt.Errorf("as GRUB sees it: %w", err)
	}
	return version, err
}

// whole looks whether files of a slot are what the vendor signed.
func (l *life) whole(dir string, names ...string) error {
	version := filepath.Base(dir)
	r, err := l.signed(version)
	if err != nil {
		return err
	}
	for _, p := range r.Payloads {
		if len(names) > 0 && !slices.Contains(names, p.Name) {
			continue
		}
		path := filepath.Join(dir, p.Name)
		if at := slices.IndexFunc(r.Manifest.Images, func(i release.Image) bool { return i.Name+".erofs" == p.Name }); at >= 0 {
			err = isImage(path, r.Manifest.Images[at])
		} else {
			err = isFile(path, p)
		}
		if err != nil {
			return fmt.Errorf("version %s is damaged: %s: %w", version, p.Name, err)
		}
	}
	return nil
}

func isFile(path string, p release.Payload) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != p.SHA256 {
		return fmt.Errorf("its %d bytes are not what was signed", len(data))
	}
	return nil
}

func isImage(path string, i release.Image) error {
	salt, err := hex.DecodeString(i.Verity.Salt)
	if err != nil {
		return err
	}
	root, err := hex.DecodeString(i.Verity.Root)
	if err != nil {
		return err
	}
	return verity.VerifyFile(path, i.Size, salt, root)
}

// boot is one of a version, until it restarts or is at rest: what the initrd
// does, and then the agent.
func (l *life) boot(version string, well bool) (done bool, err error) {
	err = l.mounted(l.t, "system", "rw", func(system string) error {
		if err := l.whole(filepath.Join(system, slot.Folder, version)); err != nil {
			return err
		}
		return l.mounted(l.t, "data", "rw", func(data string) error {
			done, err = l.runs(version, well, system, data)
			return err
		})
	})
	if err != nil {
		err = fmt.Errorf("boot %d, of %s: %w", len(l.story), version, err)
	}
	return done, err
}

func (l *life) runs(version string, well bool, system, data string) (done bool, err error) {
	t, err := record.Read(data)
	if err == nil {
		_, err = attend.Attend(data, t, version, fmt.Sprint("boot ", len(l.story)), time.Now(), func(string) {})
	}
	if err != nil && !errors.Is(err, record.ErrNone) {
		return false, err
	}
	if err := l.hasData(version, data); err != nil {
		return false, err
	}
	store, warning, err := trust.OpenStore(filepath.Join(data, "updates", "trust"), l.root, time.Time{})
	if err := errors.Join(err, warning); err != nil {
		return false, err
	}
	m := &agentMachine{well: well, rebooted: make(chan struct{})}
	var said []string
	manager := update.New(update.Options{
		DataDir: data, Disk: slot.Open(system, l.path("esp"), version), Trust: store, Machine: m, Config: setting.Format,
		Definition: definitionOf(version), Instance: "i", Tick: 5 * time.Millisecond,
		Settings: func() update.Settings { return update.Settings{URL: l.url, Channel: "stable", Policy: update.Notify} },
		Log:      func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) },
	})
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	ran := make(chan struct{})
	go func() { defer close(ran); manager.Run(ctx) }()
	done, err = l.settles(ctx, manager, m, version)
	cancel()
	<-ran
	if err != nil {
		err = fmt.Errorf("%w; its updates: %+v; it said %q", err, manager.Status("en"), said)
	}
	return done, err
}

// settles waits for the end of a trial, and updates what is not yet 1.2.0.
func (l *life) settles(ctx context.Context, manager *update.Manager, m *agentMachine, version string) (done bool, err error) {
	for manager.Status("en").Trial != nil {
		select {
		case <-m.rebooted:
			return false, nil
		case <-ctx.Done():
			return false, errors.New("the trial does not end")
		case <-time.After(5 * time.Millisecond):
		}
	}
	if version == "1.2.0" {
		h := manager.Status("en").History
		if len(h) == 0 || h[0].To != version || h[0].Outcome != wire.OutcomeInstalled {
			return true, errors.New("the history does not end with the update")
		}
		return true, nil
	}
	if err := manager.Check(ctx); err != nil {
		return false, err
	}
	if err := manager.Install(ctx, "test", wire.InstallUpdate{Version: "1.2.0"}); err != nil {
		return false, err
	}
	for manager.Status("en").Job != nil {
		select {
		case <-m.rebooted:
			return false, nil
		case <-ctx.Done():
			return false, errors.New("the update does not end")
		case <-time.After(5 * time.Millisecond):
		}
	}
	return false, errors.New("the update failed")
}

// hasData looks whether the configuration and the data are a version's.
func (l *life) hasData(version, dir string) error {
	if config, err := contents(filepath.Join(dir, "config")); err != nil || config != l.config {
		return fmt.Errorf("the configuration is %s, %v; it was %s", config, err, l.config)
	}
	migrated, err := os.ReadFile(filepath.Join(dir, "app", "hello", "migrated"))
	of := record.ReadVersion(dir, "hello")
	switch {
	case version == "1.0.0" && (of != "1.0.0" || !errors.Is(err, fs.ErrNotExist)):
		return fmt.Errorf("its data is of %q, migrated %q, %v", of, migrated, err)
	case version != "1.0.0" && of != "1.0.0" && string(migrated) != "1.0.0 1.1.0":
		return fmt.Errorf("its data says it is of %q, and is not: %q, %v", of, migrated, err)
	}
	return nil
}

// contents are the files of a folder, with their hashes.
func contents(dir string) (string, error) {
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %x\n", strings.TrimPrefix(path, dir), sha256.Sum256(data))
		return err
	})
	return b.String(), err
}

// signed is what the vendor says of a version.
func (j *judge) signed(version string) (*release.Release, error) {
	if r := j.releases[version]; r != nil {
		return r, nil
	}
	store, _, err := trust.OpenStore(j.t.TempDir(), j.root, time.Time{})
	if err != nil {
		return nil, err
	}
	v, err := store.Refresh(j.t.Context(), j.source, time.Now())
	if err != nil {
		return nil, err
	}
	r, err := v.Release(j.t.Context(), release.ProductOf(definitionOf(version)), version)
	if err == nil {
		j.releases[version] = r
	}
	return r, err
}

// definitionOf is what an update has to know of a version of the example.
func definitionOf(version string) *appliance.Definition {
	schema := 2
	if version == "1.0.0" {
		schema = 1
	}
	moment := appliance.Duration(20 * time.Millisecond)
	return &appliance.Definition{
		Name: "hello", Version: version, Base: appliance.Base{Architecture: "amd64"},
		Services: []appliance.Service{{Name: "hello", Data: appliance.Data{Enabled: true, Snapshot: appliance.SnapshotCopy, Schema: schema}}},
		Updates:  &appliance.Updates{Trial: appliance.Trial{Healthy: moment, Within: 5 * moment}},
	}
}

// agentMachine is what is left of a machine on which a version runs.
type agentMachine struct {
	well     bool
	rebooted chan struct{}
}

func (m *agentMachine) StopServices(context.Context) error  { return nil }
func (m *agentMachine) StartServices(context.Context) error { return nil }
func (m *agentMachine) HoldSettings(context.Context) (func(), error) {
	return func() {}, nil
}
func (m *agentMachine) Reboot(context.Context) error { close(m.rebooted); return nil }
func (m *agentMachine) Proved(context.Context) error { return nil }
func (m *agentMachine) Log(context.Context, string) []string {
	return nil
}

func (m *agentMachine) Missing(context.Context) []string {
	if m.well {
		return nil
	}
	return []string{"it is not well"}
}
