package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/release"
)

// machine is an appliance for tests: a data disk that lasts, files and a live
// system that a reboot clears, and a power supply that can be cut at any step.
type machine struct {
	t *testing.T
	// dir is the data disk, root the memory.
	dir, root string
	boot      int
	// settings are the fakes that [machine.open] hands to the engine.
	settings []setting.Setting
	env      setting.Env
	uptime   func() time.Duration

	mu sync.Mutex
	// running is what the live system follows, by setting.
	running map[string]string
	// cut is the step at which the power goes; 0 never. steps counts.
	cut, steps int
	cutAt      string
	// diskError fails writes to paths that hold the text.
	diskError map[string]error
	logged    []string
	temps     int
	// real leaves the disk alone.
	real   bool
	writes []string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	return machineIn(t, memoryFolder(t))
}

// machineIn is a machine in a folder, where there may have been one before.
func machineIn(t *testing.T, folder string) *machine {
	t.Helper()
	m := &machine{t: t, dir: filepath.Join(folder, "config"), root: filepath.Join(folder, "root"), boot: 1,
		running: map[string]string{}, diskError: map[string]error{}, uptime: func() time.Duration { return time.Hour }}
	m.env = setting.Env{Boot: &release.Boot{Definition: &appliance.Definition{
		Name: "demo", Title: "Demo", Version: "1.2.3",
		Settings: []appliance.Setting{
			{Key: "title", Type: "string", Default: "Hello"},
			{Key: "password", Type: "secret"},
			{Key: "workers", Type: "int", Default: "2"},
		},
	}}}
	for _, key := range []string{"time", "network", "application"} {
		m.settings = append(m.settings, &fake{key: key, m: m})
	}
	m.memory()
	return m
}

// memoryFolder is a folder for a test in memory if the host has some: the
// crash tests start some thousand machines.
func memoryFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/dev/shm", "ingot-config-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

// memory makes what the initrd makes in /etc.
func (m *machine) memory() {
	if err := os.MkdirAll(filepath.Join(m.root, "etc"), 0o755); err != nil {
		m.t.Fatal(err)
	}
	passwd := fmt.Sprintf("root:x:%d:%d::/root:/bin/sh\nbroken\nbad:x:a:b\ndemo:x:%[1]d:%[2]d::/:/bin/false\n", os.Getuid(), os.Getgid())
	if err := os.WriteFile(filepath.Join(m.root, "etc/passwd"), []byte(passwd), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// reboot clears what is in memory.
func (m *machine) reboot() {
	if err := os.RemoveAll(m.root); err != nil {
		m.t.Fatal(err)
	}
	m.boot++
	m.running = map[string]string{}
	m.memory()
}

func (m *machine) options() Options {
	var disk disk = cutDisk{m}
	if m.real {
		disk = realDisk{}
	}
	return Options{
		Dir: m.dir, Env: m.env, System: &setting.System{Root: m.root}, Settings: m.settings,
		Now:    func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 89, time.FixedZone("x", 3600)) },
		Uptime: func() time.Duration { return m.uptime() }, BootID: fmt.Sprint("boot ", m.boot),
		Log: func(format string, args ...any) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.logged = append(m.logged, fmt.Sprintf(format, args...))
		},
		disk: disk,
	}
}

func (m *machine) open() *Engine {
	m.t.Helper()
	e, err := Open(m.options())
	if err != nil {
		m.t.Fatal(err)
	}
	return e
}

// start opens the store as the programs of the appliance do.
func (m *machine) start() *Engine {
	m.t.Helper()
	e := m.open()
	if _, err := e.Recover(); err != nil {
		m.t.Fatal(err)
	}
	if err := errors.Join(e.ApplyEarly(), e.ApplyAll(m.t.Context())); err != nil {
		m.t.Fatal(err)
	}
	return e
}

// step is a moment at which the power may go. Goexit ends the goroutine as a
// cut ends the program: nothing recovers from it.
func (m *machine) step(name string) {
	m.mu.Lock()
	m.steps++
	cut := m.steps == m.cut
	if cut {
		m.cutAt = name
	}
	m.mu.Unlock()
	if cut {
		runtime.Goexit()
	}
}

// run does something with the power cut at a step; it says whether it came to
// its end.
func (m *machine) run(cut int, f func()) (finished bool) {
	m.cut, m.steps, m.cutAt = cut, 0, ""
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
		finished = true
	}()
	<-done
	m.cut = 0
	return finished
}

// cutDisk is the real disk with the machine's power supply.
type cutDisk struct{ m *machine }

func (d cutDisk) fails(path string) error {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	d.m.writes = append(d.m.writes, path)
	for part, err := range d.m.diskError {
		if strings.Contains(path, part) {
			return err
		}
	}
	return nil
}

// temp is the name of a temporary file as package host has them, never the
// same twice.
func (d cutDisk) temp(path string) string {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	d.m.temps++
	return filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d", filepath.Base(path), d.m.temps))
}

func (d cutDisk) Write(path string, data []byte, perm os.FileMode, uid, gid int) error {
	d.m.step("before writing " + path)
	if err := d.fails(path); err != nil {
		return err
	}
	half := d.temp(path)
	if err := os.WriteFile(half, data[:len(data)/2], 0o600); err != nil {
		return err
	}
	d.m.step("half way in " + path)
	if err := os.Remove(half); err != nil {
		return err
	}
	// Without fsync: what a test machine keeps is not at stake.
	temp := d.temp(path)
	err := errors.Join(os.WriteFile(temp, data, 0o600), os.Chmod(temp, perm))
	if uid != -1 || gid != -1 {
		err = errors.Join(err, os.Chown(temp, uid, gid))
	}
	if err = errors.Join(err, os.Rename(temp, path)); err != nil {
		return err
	}
	d.m.step("after writing " + path)
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	return d.m.diskError["after "+filepath.Base(path)]
}

func (d cutDisk) Link(path, target string) error {
	d.m.step("before linking " + path)
	temp := d.temp(path)
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return err
	}
	if err := os.Symlink(target, filepath.Join(temp, "link")); err != nil {
		return err
	}
	d.m.step("half way in linking " + path)
	err := errors.Join(os.Rename(filepath.Join(temp, "link"), path), os.RemoveAll(temp))
	d.m.step("after linking " + path)
	return err
}

func (d cutDisk) Rename(from, to string) error {
	d.m.step("before renaming " + from)
	err := os.Rename(from, to)
	d.m.step("after renaming " + from)
	return err
}

func (d cutDisk) Remove(path string) error {
	d.m.step("before removing " + path)
	err := os.RemoveAll(path)
	d.m.step("after removing " + path)
	return err
}

func (d cutDisk) MkdirAll(path string, perm os.FileMode) error {
	return os.MkdirAll(path, perm)
}

// fake is a setting that becomes one file for each of its values, and that the
// machine's running part follows.
type fake struct {
	key string
	m   *machine
	// Each may be nil; the engine sees what they return.
	validate func(d *setting.Document) []setting.Problem
	check    func(old, new *setting.Document) []setting.Problem
	apply    func(ctx context.Context, d *setting.Document, changed bool) error
	verify   func(ctx context.Context, d *setting.Document) error
	files    func(d *setting.Document) ([]setting.File, error)
	early    func() error
	changed  []bool
	verified int
}

func (f *fake) part(d *setting.Document) string {
	data, err := json.Marshal(tree(d)[f.key])
	if err != nil {
		panic(err)
	}
	return string(data)
}

func (f *fake) Key() string { return f.key }

func (f *fake) Default(env setting.Env, d *setting.Document) {
	switch f.key {
	case "time":
		d.Time.Zone = "UTC"
	case "network":
		d.Network.Hostname = "demo"
	case "application":
		for _, s := range env.Definition().Settings {
			d.Application[s.Key] = string(s.Default)
		}
	}
}

func (f *fake) Properties(setting.Env) []setting.Property { return nil }

func (f *fake) Validate(_ setting.Env, d *setting.Document) []setting.Problem {
	if f.validate != nil {
		return f.validate(d)
	}
	return nil
}

func (f *fake) Check(_ context.Context, _ *setting.System, _ setting.Env, old, new *setting.Document) []setting.Problem {
	if f.check != nil {
		return f.check(old, new)
	}
	return nil
}

func (f *fake) Guards(old, new *setting.Document) bool {
	return f.key == "network" && f.part(old) != f.part(new)
}

func (f *fake) Files(_ setting.Env, d *setting.Document) ([]setting.File, error) {
	if f.files != nil {
		return f.files(d)
	}
	files := []setting.File{{Path: "/etc/demo/" + f.key, Data: []byte(f.part(d))}}
	if f.key == "application" {
		for key, value := range d.Application {
			if value != "" {
				files = append(files, setting.File{Path: "/run/ingot-app/demo/" + key, Data: []byte(value), Mode: 0o600, Owner: "demo"})
			}
		}
		files = append(files, setting.File{Path: "/etc/demo/link", Link: "/run/" + d.Application["title"]})
	}
	return files, nil
}

func (f *fake) Apply(ctx context.Context, _ *setting.System, _ setting.Env, d *setting.Document, changed bool) error {
	f.changed = append(f.changed, changed)
	f.m.step("before applying " + f.key)
	if f.apply != nil {
		if err := f.apply(ctx, d, changed); err != nil {
			return err
		}
	}
	f.m.running[f.key] = f.part(d)
	f.m.step("after applying " + f.key)
	return nil
}

func (f *fake) Verify(ctx context.Context, _ *setting.System, _ setting.Env, d *setting.Document) error {
	f.verified++
	f.m.step("verifying " + f.key)
	if f.verify != nil {
		return f.verify(ctx, d)
	}
	if f.m.running[f.key] != f.part(d) {
		return fmt.Errorf("%s does not follow", f.key)
	}
	return nil
}

func (f *fake) Actual(context.Context, *setting.System, setting.Env, *setting.Document) ([]setting.Fact, error) {
	return nil, nil
}

func (f *fake) ApplyEarly(*setting.System, setting.Env, *setting.Document) error {
	f.m.step("early " + f.key)
	if f.early != nil {
		return f.early()
	}
	return nil
}

func (m *machine) fake(key string) *fake {
	for _, s := range m.settings {
		if s.Key() == key {
			return s.(*fake)
		}
	}
	m.t.Fatalf("there is no setting %s", key)
	return nil
}

// hostname is a change that is guarded, title one that is not.
func hostname(name string) func(*setting.Document) error {
	return func(d *setting.Document) error { d.Network.Hostname = name; return nil }
}

func title(text string) func(*setting.Document) error {
	return func(d *setting.Document) error { d.Application["title"] = text; return nil }
}

func (m *machine) commit(e *Engine, c Change) (Revision, *Pending) {
	m.t.Helper()
	r, p, err := e.Commit(m.t.Context(), c)
	if err != nil {
		m.t.Fatal(err)
	}
	return r, p
}

// check holds the promises of the package against the machine: the live system
// and its files are those of the document in force, the chain of revisions is
// whole, nothing is left behind, and the store opens as it is.
func (m *machine) check(e *Engine) {
	m.t.Helper()
	current, _ := e.Current()
	m.checkFiles(current.Document)
	for _, s := range m.settings {
		if f := s.(*fake); m.running[f.key] != f.part(current.Document) {
			m.t.Errorf("%s runs with %s, wanted %s", f.key, m.running[f.key], f.part(current.Document))
		}
	}
	m.checkChain(e)
	m.checkFolder()
}

func (m *machine) checkFiles(d *setting.Document) {
	m.t.Helper()
	want := map[string]string{}
	for _, s := range m.settings {
		files, err := s.Files(m.env, d)
		if err != nil {
			m.t.Fatal(err)
		}
		for _, f := range files {
			want[f.Path] = string(f.Data) + f.Link
		}
	}
	got := map[string]string{}
	err := filepath.WalkDir(m.root, func(name string, entry fs.DirEntry, err error) error {
		path := strings.TrimPrefix(name, m.root)
		if err != nil || entry.IsDir() || path == "/etc/passwd" || path == manifestFile {
			return err
		}
		if entry.Type() == fs.ModeSymlink {
			got[path], err = os.Readlink(name)
			return err
		}
		data, err := os.ReadFile(name)
		got[path] = string(data)
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	if !maps.Equal(got, want) {
		m.t.Errorf("there are the files\n%v, wanted\n%v", got, want)
	}
}

func (m *machine) checkChain(e *Engine) {
	m.t.Helper()
	list, err := e.Revisions()
	if err != nil {
		m.t.Fatal(err)
	}
	for i, r := range list {
		if whole, err := e.Revision(r.Number); err != nil || whole.Document == nil || whole.Hash != r.Hash {
			m.t.Errorf("revision %d: %v, %v", r.Number, whole, err)
		}
		if i > 0 && (r.Previous != list[i-1].Hash || r.Number <= list[i-1].Number) {
			m.t.Errorf("revision %d (%s) does not follow from %d (%s)", r.Number, r.Previous, list[i-1].Number, list[i-1].Hash)
		}
	}
}

func (m *machine) checkFolder() {
	m.t.Helper()
	err := filepath.WalkDir(m.dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(entry.Name(), ".") {
			m.t.Errorf("left behind: %s", name)
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			m.t.Errorf("%s has mode %v: secrets lie in it", name, info.Mode())
		}
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) hasLogged(text string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.logged, func(line string) bool { return strings.Contains(line, text) })
}

func hasWarning(e *Engine, text string) bool {
	return slices.ContainsFunc(e.Warnings(), func(w string) bool { return strings.Contains(w, text) })
}
