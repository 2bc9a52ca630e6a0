package update

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/disk"
	"github.com/ingotvm/ingot/internal/disk/fat"
	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/release/releasetest"
	"github.com/ingotvm/ingot/internal/release/repository"
	"github.com/ingotvm/ingot/internal/release/source"
	"github.com/ingotvm/ingot/internal/release/trust"
	"github.com/ingotvm/ingot/internal/slot"
	"github.com/ingotvm/ingot/internal/update/attend"
	"github.com/ingotvm/ingot/internal/update/record"
	"github.com/ingotvm/ingot/internal/update/snapshot"
)

func noise(seed byte, n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(data) // never fails
	return data
}

func version(v string) releasetest.Version {
	return releasetest.Version{Version: v, Kernel: noise(2, 5000), Initrd: []byte("initrd " + v), Config: 1,
		Images: map[string][]byte{"os": append([]byte(v), noise(1, 100000)...)}}
}

// box is an appliance with its disks, which outlive its starts.
type box struct {
	t        *testing.T
	repo     *repository.Repository
	stay     string // the repository's URL
	root     []byte
	dir      string // data disk
	disk     *slot.Disk
	settings Settings
	format   int // of the configuration, of the version that runs

	manager *Manager
	machine *machine
}

// machine is what the manager does to it.
type machine struct {
	mu       sync.Mutex
	stopped  bool
	held     bool // the configuration is
	rebooted chan struct{}
	missing  []string
	failStop error
	watch    func() // is told of everything that is done
}

func (m *machine) tell() {
	if m.watch != nil {
		m.watch()
	}
}

func (m *machine) StopServices(context.Context) error {
	m.tell()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = true
	if !m.held {
		return errors.New("the configuration can change while it is copied")
	}
	return m.failStop
}

func (m *machine) StartServices(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = false
	return nil
}

func (m *machine) HoldSettings(context.Context) (func(), error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = true
	return func() { m.mu.Lock(); m.held = false; m.mu.Unlock() }, nil
}

func (m *machine) Reboot(context.Context) error {
	m.tell()
	close(m.rebooted)
	return nil
}

func (m *machine) Missing(context.Context) []string {
	m.tell()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.missing
}

func (m *machine) Log(_ context.Context, boot string) []string { return []string{"the log of " + boot} }
func (m *machine) Proved(context.Context) error                { m.tell(); return nil }

func newBox(t *testing.T) *box {
	b := &box{t: t, format: 1, dir: t.TempDir(), settings: Settings{Channel: "stable", Policy: Notify, Every: time.Hour}}
	keys := releasetest.Keys(t, 1, 1, nil)
	b.repo = repository.Open(filepath.Join(t.TempDir(), "repo"), keys)
	b.root = releasetest.Root(t, keys)
	b.release("1.0.0")
	server := httptest.NewServer(http.FileServer(http.Dir(b.repo.Dir)))
	t.Cleanup(server.Close)
	b.settings.URL, b.stay = server.URL, server.URL
	system := t.TempDir()
	if err := os.Mkdir(filepath.Join(system, slot.Folder), 0o755); err != nil {
		t.Fatal(err)
	}
	b.disk = slot.OpenFolder(system, espFile(t), "0.9.0")
	b.writeData("data of 1.0.0")
	// The first slot is written as the installer would.
	b.boot("0.9.0")
	if err := b.manager.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	f, err := b.manager.wanted("1.0.0")
	if err == nil {
		err = b.manager.exclusive(t.Context(), "write", "1.0.0", func(ctx context.Context, j *job) error { return b.manager.obtain(ctx, j, f) })
	}
	if err != nil {
		t.Fatal(err)
	}
	b.boot("1.0.0")
	return b
}

func (b *box) release(v string) {
	releasetest.Add(b.t, b.repo, version(v), repository.AddOptions{Patches: 5, Notes: map[string]string{"en": "What is new in " + v}})
}

func espFile(t *testing.T) string {
	const size = 8 << 20
	block, err := release.BootState{Good: "1.0.0"}.Block()
	if err != nil {
		t.Fatal(err)
	}
	image := disk.NewBuffer(size)
	if err := fat.Write(image, size, []fat.File{{Path: release.BootStateA, Data: block}, {Path: release.BootStateB, Data: block}}, fat.Options{}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "esp")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(f, io.NewSectionReader(image, 0, size)); err != nil {
		t.Fatal(err)
	}
	return path
}

func (b *box) writeData(text string) {
	b.t.Helper()
	for _, name := range []string{"config/head.json", "identity/owner.json", "app/hello/notes"} {
		path := filepath.Join(b.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *box) hasData(want string) {
	b.t.Helper()
	for _, name := range []string{"config/head.json", "identity/owner.json", "app/hello/notes"} {
		if got, err := os.ReadFile(filepath.Join(b.dir, name)); err != nil || string(got) != want {
			b.t.Errorf("%s holds %q, %v; want %q", name, got, err, want)
		}
	}
}

// boot starts a version's agent, after what the initrd does.
func (b *box) boot(v string) {
	b.t.Helper()
	b.attend(v)
	d := &appliance.Definition{
		Name: "hello", Version: v, Base: appliance.Base{Architecture: "amd64"},
		Services: []appliance.Service{{Name: "hello", Data: appliance.Data{Enabled: true, Snapshot: appliance.SnapshotCopy}}},
		Updates:  &appliance.Updates{Trial: appliance.Trial{Healthy: appliance.Duration(30 * time.Millisecond), Within: appliance.Duration(300 * time.Millisecond)}},
	}
	store, _, err := trust.OpenStore(filepath.Join(b.dir, "updates", "trust"), b.root, time.Time{})
	if err != nil {
		b.t.Fatal(err)
	}
	b.disk.Running = v
	b.machine = &machine{rebooted: make(chan struct{})}
	b.manager = New(Options{
		DataDir: b.dir, Disk: b.disk, Trust: store, Machine: b.machine, Definition: d, Config: b.format, Downgrade: downgrade, Instance: "i",
		Settings: func() Settings { return b.settings }, Log: b.t.Logf, Tick: 5 * time.Millisecond,
	})
}

// downgrade is how a copy of the configuration becomes one of an older format.
func downgrade(dir string, format int) error {
	file := filepath.Join(dir, "head.json")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, fmt.Appendf(text, " in format %d", format), 0o600)
}

// attend is what the initrd does with the record.
func (b *box) attend(v string) {
	b.t.Helper()
	t, err := record.Read(b.dir)
	if err == nil {
		_, err = attend.Attend(b.dir, t, v, "boot-of-"+v, time.Now(), func(string) {})
	}
	if err != nil && !errors.Is(err, record.ErrNone) {
		b.t.Fatal(err)
	}
}

// loads is what GRUB boots, which counts down.
func (b *box) loads() string {
	b.t.Helper()
	s, err := b.disk.State()
	if err != nil {
		b.t.Fatal(err)
	}
	if s.Trial == "" || s.Tries == 0 {
		return s.Good
	}
	s.Tries--
	if err := b.disk.SetState(s); err != nil {
		b.t.Fatal(err)
	}
	return s.Trial
}

// updates checks and installs, up to the restart.
func (b *box) updates(want string) {
	b.t.Helper()
	if err := b.manager.Check(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	u := b.manager.Status("de")
	if u.Available == nil || u.Available.Version != want || u.Available.Notes != "What is new in "+want || u.Available.Download == 0 {
		b.t.Fatalf("available: %+v", u.Available)
	}
	if err := b.manager.Install(b.t.Context(), "somebody", wire.InstallUpdate{Version: want}); err != nil {
		b.t.Fatal(err)
	}
	b.restarts()
}

func (b *box) restarts() {
	b.t.Helper()
	select {
	case <-b.machine.rebooted:
	case <-time.After(10 * time.Second):
		b.t.Fatalf("it does not restart: %+v", b.manager.Status(""))
	}
	if b.manager.job != nil {
		b.manager.stop()
	}
}

// runs lets the agent run for a moment.
func (b *box) runs(for_ time.Duration) {
	ctx, cancel := context.WithTimeout(b.t.Context(), for_)
	defer cancel()
	b.manager.Run(ctx)
}

func (b *box) last(outcome, from, to string) wire.UpdateEvent {
	b.t.Helper()
	h := b.manager.Status("").History
	if len(h) == 0 || h[0].Outcome != outcome || h[0].From != from || h[0].To != to {
		b.t.Fatalf("the history is %+v, want %s from %s to %s", h, outcome, from, to)
	}
	return h[0]
}

func TestUpdate(t *testing.T) {
	b := newBox(t)
	b.release("1.1.0")
	b.updates("1.1.0")
	if !b.machine.stopped {
		t.Error("the data was copied from under a running application")
	}
	if got := b.loads(); got != "1.1.0" {
		t.Fatalf("GRUB loads %s", got)
	}
	b.boot("1.1.0")
	b.writeData("data of 1.1.0")
	b.runs(200 * time.Millisecond)
	if e := b.last(wire.OutcomeInstalled, "1.0.0", "1.1.0"); e.By != "somebody" || e.Downloaded == 0 {
		t.Errorf("%+v", e)
	}
	if s, err := b.disk.State(); err != nil || s != (slot.State{Good: "1.1.0"}) {
		t.Errorf("the boot state is %+v, %v", s, err)
	}
	b.boot(b.loads())
	b.hasData("data of 1.1.0")
	if err := b.manager.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if u := b.manager.Status(""); u.Available != nil || u.Version != "1.1.0" {
		t.Errorf("after the update: %+v", u)
	}
	// And back, with the data as it is now.
	slots := b.manager.Status("").Slots
	i := slices.IndexFunc(slots, func(s wire.UpdateSlot) bool { return s.Version == "1.0.0" })
	if i < 0 || slots[i].Back != "keep" {
		t.Fatalf("slots: %+v", slots)
	}
	if err := b.manager.Back(t.Context(), "somebody", wire.BackUpdate{Version: "1.0.0", Data: "restore"}); !errors.Is(err, ErrRefused) {
		t.Errorf("back without knowing what becomes of the data: %v", err)
	}
	if err := b.manager.Back(t.Context(), "somebody", wire.BackUpdate{Version: "1.0.0", Data: "keep"}); err != nil {
		t.Fatal(err)
	}
	b.restarts()
	b.boot(b.loads())
	b.runs(200 * time.Millisecond)
	b.last(wire.OutcomeWentBack, "1.1.0", "1.0.0")
	b.hasData("data of 1.1.0")
	if b.loads() != "1.0.0" {
		t.Error("it did not stay")
	}
}

// TestUnwell is a version that never becomes healthy.
func TestUnwell(t *testing.T) {
	b := newBox(t)
	b.release("1.1.0")
	b.updates("1.1.0")
	b.boot(b.loads())
	b.machine.missing = []string{"the service Hello is failing: no answer"}
	b.writeData("data of 1.1.0")
	b.runs(5 * time.Second)
	select {
	case <-b.machine.rebooted:
	default:
		t.Fatal("it does not restart")
	}
	if got := b.loads(); got != "1.0.0" {
		t.Fatalf("GRUB loads %s", got)
	}
	b.boot("1.0.0")
	b.runs(50 * time.Millisecond)
	e := b.last(wire.OutcomeRolledBack, "1.0.0", "1.1.0")
	if !strings.Contains(e.Reason, "the service Hello is failing") || len(e.Log) != 1 || e.Log[0] != "the log of boot-of-1.1.0" {
		t.Errorf("the reason is %q, the log %q", e.Reason, e.Log)
	}
	b.hasData("data of 1.0.0")
	if list, _ := snapshot.List(b.dir); len(list) != 0 {
		t.Errorf("snapshots stay: %+v", list)
	}
	// By itself it does not try that version again, and a person may.
	b.settings.Policy = Install
	if err := b.manager.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.manager.byItself(t.Context())
	if b.manager.job != nil {
		t.Error("it tries again by itself")
	}
	b.settings.Policy = Notify
	b.updates("1.1.0")
	if got := b.loads(); got != "1.1.0" {
		t.Errorf("GRUB loads %s", got)
	}
}

// TestNeverUp is a version whose agent never comes up: GRUB counts it out.
func TestNeverUp(t *testing.T) {
	for name, boots := range map[string]bool{"not even its initrd": false, "its initrd": true} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			b.release("1.1.0")
			b.updates("1.1.0")
			for range release.MaxTries {
				if got := b.loads(); got != "1.1.0" {
					t.Fatalf("GRUB loads %s", got)
				}
				if boots {
					b.attend("1.1.0")
					b.writeData("half written")
				}
			}
			b.boot(b.loads())
			b.runs(50 * time.Millisecond)
			e := b.last(wire.OutcomeRolledBack, "1.0.0", "1.1.0")
			if want := map[bool]string{false: "did not start", true: "was started 3 times"}[boots]; !strings.Contains(e.Reason, want) {
				t.Errorf("the reason is %q", e.Reason)
			}
			b.hasData("data of 1.0.0")
			if s, err := b.disk.State(); err != nil || s != (slot.State{Good: "1.0.0"}) {
				t.Errorf("the boot state is %+v, %v", s, err)
			}
		})
	}
}

// TestCutBeforeWrittenDown cuts the power when GRUB knows that the version is
// good and the record does not.
func TestCutBeforeWrittenDown(t *testing.T) {
	b := newBox(t)
	b.release("1.1.0")
	b.updates("1.1.0")
	b.boot(b.loads())
	b.writeData("data of 1.1.0")
	if err := b.disk.SetState(slot.State{Good: "1.1.0"}); err != nil {
		t.Fatal(err)
	}
	b.boot(b.loads())
	b.runs(20 * time.Millisecond)
	b.last(wire.OutcomeInstalled, "1.0.0", "1.1.0")
	b.boot(b.loads())
	b.runs(20 * time.Millisecond)
	if n := len(b.manager.Status("").History); n != 1 {
		t.Errorf("%d entries of one update", n)
	}
	b.hasData("data of 1.1.0")
}

// TestCutBeforeTheTrial cuts the power between the record and the boot state.
func TestCutBeforeTheTrial(t *testing.T) {
	b := newBox(t)
	b.release("1.1.0")
	b.updates("1.1.0")
	if err := b.disk.SetState(slot.State{Good: "1.0.0"}); err != nil { // as before
		t.Fatal(err)
	}
	b.boot(b.loads())
	b.runs(20 * time.Millisecond)
	b.hasData("data of 1.0.0")
	if _, err := record.Read(b.dir); !errors.Is(err, record.ErrNone) {
		t.Errorf("the record stays: %v", err)
	}
	b.updates("1.1.0")
}

// TestRecordLost loses the record of a trial, as a damaged or another data disk
// does: the version proves itself all the same, and can be updated again.
func TestRecordLost(t *testing.T) {
	b := newBox(t)
	b.release("1.1.0")
	b.updates("1.1.0")
	b.boot(b.loads())
	if err := record.Remove(b.dir); err != nil {
		t.Fatal(err)
	}
	b.machine.missing = []string{"Hello is not running"}
	b.runs(20 * time.Millisecond)
	if s, err := b.disk.State(); err != nil || s.Good != "1.0.0" {
		t.Errorf("not well, and good: %+v, %v", s, err)
	}
	b.machine.missing = nil
	b.runs(200 * time.Millisecond)
	if s, err := b.disk.State(); err != nil || s != (slot.State{Good: "1.1.0"}) {
		t.Errorf("the boot state is %+v, %v", s, err)
	}
	b.boot(b.loads())
	b.release("1.2.0")
	b.updates("1.2.0")
}

// TestFails leaves everything as it was.
func TestFails(t *testing.T) {
	b := newBox(t)
	b.release("1.1.0")
	if err := b.manager.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.machine.failStop = errors.New("the service does not stop")
	if err := b.manager.Install(t.Context(), "x", wire.InstallUpdate{Version: "1.1.0"}); err != nil {
		t.Fatal(err)
	}
	waitIdle(t, b.manager)
	e := b.last(wire.OutcomeFailed, "1.0.0", "1.1.0")
	if !strings.Contains(e.Reason, "does not stop") || b.machine.stopped {
		t.Errorf("%+v, stopped: %v", e, b.machine.stopped)
	}
	if err := b.manager.Install(t.Context(), "x", wire.InstallUpdate{Version: "9.9.9"}); !errors.Is(err, ErrNothing) {
		t.Errorf("a version that nobody offers: %v", err)
	}
	if b.loads() != "1.0.0" {
		t.Error("GRUB knows of it")
	}
}

// TestAgain tries what failed again after a while, what was cancelled after a
// day, and never by itself what has gone back.
func TestAgain(t *testing.T) {
	b := newBox(t)
	b.release("1.1.0")
	if err := b.manager.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	f, err := b.manager.wanted("1.1.0")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		outcome string
		ago     time.Duration
		held    bool
	}{
		{wire.OutcomeFailed, time.Hour, true}, {wire.OutcomeFailed, 3 * time.Hour, false},
		{wire.OutcomeCancelled, 3 * time.Hour, true}, {wire.OutcomeCancelled, 25 * time.Hour, false},
		{wire.OutcomeRolledBack, 1000 * time.Hour, true},
	} {
		b.manager.history = []wire.UpdateEvent{{To: "1.1.0", Outcome: test.outcome, Time: time.Now().Add(-test.ago)}}
		if held := b.manager.hold(b.settings, f) != ""; held != test.held {
			t.Errorf("%s %v ago: held %v", test.outcome, test.ago, held)
		}
	}
	b.manager.history = nil
	b.settings.Postponed = time.Now().Add(time.Hour)
	if b.manager.hold(b.settings, f) != "postponed" {
		t.Error("it is not postponed")
	}
}

func waitIdle(t *testing.T, m *Manager) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		m.mu.Lock()
		idle := m.job == nil
		m.mu.Unlock()
		if idle {
			return
		}
		if time.Now().After(end) {
			t.Fatal("it does not end")
		}
	}
}

// TestYanked withdraws a version that has been downloaded: it is not installed,
// neither in a window nor at once.
func TestYanked(t *testing.T) {
	for _, window := range []bool{true, false} {
		b := newBox(t)
		b.release("1.1.0")
		if err := b.manager.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := b.manager.Download(t.Context(), "x", "1.1.0"); err != nil {
			t.Fatal(err)
		}
		waitIdle(t, b.manager)
		if u := b.manager.Status(""); u.Available == nil || !u.Available.Written {
			t.Fatalf("after the download: %+v", u.Available)
		}
		if err := b.repo.Yank(t.Context(), repository.Where{Channel: "stable", Version: "1.1.0"}, "it eats data"); err != nil {
			t.Fatal(err)
		}
		if err := b.manager.Install(t.Context(), "x", wire.InstallUpdate{Version: "1.1.0", Window: window}); err != nil {
			t.Fatal(err)
		}
		waitIdle(t, b.manager)
		if e := b.last(wire.OutcomeFailed, "1.0.0", "1.1.0"); !strings.Contains(e.Reason, "it eats data") {
			t.Errorf("%+v", e)
		}
		if b.loads() != "1.0.0" || b.manager.Status("").Available != nil {
			t.Error("it is still offered")
		}
	}
}

// TestBundle needs no repository.
func TestBundle(t *testing.T) {
	b := newBox(t)
	b.release("1.1.0")
	b.settings.URL = ""
	var out bytes.Buffer
	if err := b.repo.Bundle(t.Context(), &out, repository.Where{Channel: "stable", Version: "1.1.0"}, "1.0.0"); err != nil {
		t.Fatal(err)
	}
	if out.Len() > 50000 {
		t.Errorf("a bundle from 1.0.0 has %d bytes", out.Len())
	}
	src, err := source.Archive(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.manager.Bundle(t.Context(), src, nil); err != nil {
		t.Fatal(err)
	}
	if u := b.manager.Status(""); u.Available == nil || u.Available.How != "bundle" {
		t.Fatalf("%+v", u.Available)
	}
	if err := b.manager.Install(t.Context(), "x", wire.InstallUpdate{Version: "1.1.0"}); err != nil {
		t.Fatal(err)
	}
	b.restarts()
	b.boot(b.loads())
	b.runs(200 * time.Millisecond)
	b.last(wire.OutcomeInstalled, "1.0.0", "1.1.0")
}
