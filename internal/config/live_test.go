package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/config/setting"
)

func (m *machine) live() *live { return &live{root: m.root, disk: cutDisk{m}} }

func TestSyncWritesRemovesAndLeaves(t *testing.T) {
	m := newMachine(t)
	l := m.live()
	first := []part{
		{key: "a", files: []setting.File{{Path: "/etc/a", Data: []byte("1")}, {Path: "/run/x/y/secret", Data: []byte("s"), Mode: 0o640, Owner: "demo"}}},
		{key: "b", files: []setting.File{{Path: "/etc/b", Link: "/run/one"}, {Path: "/etc/gone", Data: []byte("2")}}},
		{key: "c", files: []setting.File{{Path: "/etc/c"}}},
	}
	changed, failures := l.sync(first)
	if len(failures) > 0 || !changed["a"] || !changed["b"] || !changed["c"] {
		t.Fatal(changed, failures)
	}
	for name, mode := range map[string]os.FileMode{"etc/a": 0o644, "run/x/y/secret": 0o640, "run/x/y": 0o755 | os.ModeDir, "etc/b": 0o777 | os.ModeSymlink} {
		info, err := os.Lstat(filepath.Join(m.root, name))
		if err != nil || info.Mode() != mode {
			t.Errorf("%s has mode %v, %v", name, info.Mode(), err)
		}
	}
	m.writes = nil
	if changed, failures := l.sync(first); changed["a"] || changed["b"] || changed["c"] || len(failures) > 0 {
		t.Errorf("nothing new: %v, %v", changed, failures)
	}
	for _, name := range m.writes {
		if !strings.HasSuffix(name, manifestFile) {
			t.Errorf("wrote %s again", name)
		}
	}

	second := []part{first[0], {key: "b", files: []setting.File{{Path: "/etc/b", Link: "/run/two"}}}, first[2]}
	if changed, failures := l.sync(second); changed["a"] || !changed["b"] || changed["c"] || len(failures) > 0 {
		t.Errorf("a link and a removal: %v, %v", changed, failures)
	}
	if _, err := os.Lstat(filepath.Join(m.root, "etc/gone")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("etc/gone: %v", err)
	}

	// A setting that does not know its files keeps those that it has.
	no := errors.New("no")
	third := []part{{key: "a", err: no}, {key: "b"}, first[2]}
	changed, failures = l.sync(third)
	if changed["a"] || !changed["b"] || len(failures) != 1 || failures[0].Setting != "a" || !errors.Is(failures[0], no) {
		t.Errorf("an error: %v, %v", changed, failures)
	}
	if _, err := os.Stat(filepath.Join(m.root, "etc/a")); err != nil {
		t.Error(err)
	}
	if changed, _ := l.sync(nil); !changed["a"] || !changed["c"] {
		t.Errorf("nothing wanted: %v", changed)
	}
	left, _ := filepath.Glob(filepath.Join(m.root, "etc/*"))
	if len(left) != 1 { // passwd
		t.Errorf("left %v", left)
	}
}

func TestSyncNoticesWhatOthersDid(t *testing.T) {
	file := setting.File{Path: "/etc/f", Data: []byte("text"), Mode: 0o640}
	for name, change := range map[string]func(path string) error{
		"content": func(path string) error { return os.WriteFile(path, []byte("TEXT"), 0o640) },
		"length":  func(path string) error { return os.WriteFile(path, []byte("text!"), 0o640) },
		"mode":    func(path string) error { return os.Chmod(path, 0o644) },
		"removed": os.Remove,
		"a link":  func(path string) error { return errors.Join(os.Remove(path), os.Symlink("passwd", path)) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			l := m.live()
			parts := []part{{key: "a", files: []setting.File{file}}}
			l.sync(parts)
			path := filepath.Join(m.root, "etc/f")
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			if changed, failures := l.sync(parts); !changed["a"] || len(failures) > 0 {
				t.Errorf("changed %v, %v", changed, failures)
			}
			info, err := os.Lstat(path)
			data, _ := os.ReadFile(path)
			if err != nil || info.Mode() != 0o640 || string(data) != "text" {
				t.Errorf("is %v, %q", info.Mode(), data)
			}
		})
	}
}

func TestSyncRefuses(t *testing.T) {
	tests := []struct {
		file setting.File
		says string
	}{
		{setting.File{Path: "/data/x"}, "below /etc and /run only"},
		{setting.File{Path: "/etc/../data/x"}, "below /etc and /run only"},
		{setting.File{Path: "/etc//x"}, "below /etc and /run only"},
		{setting.File{Path: "/etc/"}, "below /etc and /run only"},
		{setting.File{Path: "/etcetera"}, "below /etc and /run only"},
		{setting.File{Path: "etc/x"}, "below /etc and /run only"},
		{setting.File{Path: ""}, "below /etc and /run only"},
		{setting.File{Path: "/etc/x\x00"}, "below /etc and /run only"},
		{setting.File{Path: manifestFile}, "below /etc and /run only"},
		{setting.File{Path: "/etc/good"}, "it is a file of good already"},
		{setting.File{Path: "/etc/x", Owner: "nobody"}, "there is no user nobody"},
		{setting.File{Path: "/etc/x", Owner: "bad"}, "there is no user bad"},
		{setting.File{Path: "/etc/passwd/x"}, "not a directory"},
	}
	for _, tt := range tests {
		m := newMachine(t)
		_, failures := m.live().sync([]part{
			{key: "good", files: []setting.File{{Path: "/etc/good", Data: []byte("good")}}},
			{key: "bad", files: []setting.File{tt.file}},
			{key: "last", files: []setting.File{{Path: "/etc/last"}}},
		})
		if len(failures) != 1 || failures[0].Setting != "bad" || !strings.Contains(failures[0].Err.Error(), tt.says) {
			t.Errorf("%q: %v", tt.file.Path, failures)
		}
		if data, err := os.ReadFile(filepath.Join(m.root, "etc/good")); string(data) != "good" {
			t.Errorf("%q: %v", tt.file.Path, err)
		}
		if _, err := os.Stat(filepath.Join(m.root, "etc/last")); err != nil {
			t.Errorf("%q: %v", tt.file.Path, err)
		}
	}
}

// TestSyncWithoutPasswd: only files with an owner need one.
func TestSyncWithoutPasswd(t *testing.T) {
	m := newMachine(t)
	if err := os.Remove(filepath.Join(m.root, "etc/passwd")); err != nil {
		t.Fatal(err)
	}
	_, failures := m.live().sync([]part{{key: "a", files: []setting.File{{Path: "/etc/a"}, {Path: "/etc/b", Owner: "root"}}}})
	if len(failures) != 1 || !strings.Contains(failures[0].Err.Error(), "there is no user root") {
		t.Errorf("failures %v", failures)
	}
}

// TestSyncCleansUpAfterAKill: but only its own litter.
func TestSyncCleansUpAfterAKill(t *testing.T) {
	m := newMachine(t)
	l := m.live()
	parts := []part{{key: "a", files: []setting.File{{Path: "/etc/a.conf", Data: []byte("1")}}}}
	l.sync(parts)
	for _, name := range []string{".a.conf.123", ".b.conf.123", ".a.conf", ".a.conf.x1", "a.conf.123"} {
		if err := os.WriteFile(filepath.Join(m.root, "etc", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.writeManifest(manifest{}, manifest{Busy: true, Files: map[string]string{"/etc/a.conf": "a", "/data/evil": "a"}}); err != nil {
		t.Fatal(err)
	}
	evil := filepath.Join(m.root, "data/evil")
	if err := errors.Join(os.MkdirAll(filepath.Dir(evil), 0o755), os.WriteFile(evil, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, failures := l.sync(parts); len(failures) > 0 {
		t.Error(failures)
	}
	for name, want := range map[string]bool{"etc/.a.conf.123": false, "etc/.b.conf.123": true, "etc/.a.conf": true, "etc/.a.conf.x1": true, "etc/a.conf.123": true, "data/evil": true} {
		if _, err := os.Lstat(filepath.Join(m.root, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSyncFailsToWrite(t *testing.T) {
	m := newMachine(t)
	l := m.live()
	parts := []part{{key: "a", files: []setting.File{{Path: "/etc/a"}, {Path: "/etc/b", Link: "x"}}}}
	l.sync(parts)
	m.diskError[manifestFile] = errors.New("no space")
	if _, failures := l.sync(nil); len(failures) != 2 || failures[0].Setting != "" {
		t.Errorf("failures %v", failures)
	}
	if err := os.WriteFile(filepath.Join(m.root, manifestFile), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	m.diskError = map[string]error{}
	if _, failures := l.sync(parts); len(failures) > 0 {
		t.Errorf("failures %v", failures)
	}
}
