package record

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func whole() *Trial {
	when := time.Date(2026, 11, 26, 2, 0, 0, 0, time.UTC)
	return &Trial{Format: 1, From: "1.0.0", To: "1.1.0", By: "admin", Armed: when, Snapshot: "1.0.0-x", Load: "y", Loaded: true,
		Boots: []Boot{{ID: "a", Time: when}}, Reason: "no <b> \u2028", Log: []string{"one", "two & three"}, Stage: Armed, Services: []string{"web"}}
}

func TestWriteAndRead(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir); !errors.Is(err, ErrNone) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no record: %v", err)
	}
	if err := Remove(dir); err != nil {
		t.Errorf("removing none: %v", err)
	}
	for _, want := range []*Trial{whole(), {Format: 1, From: "1.0.0", To: "0.9.0", Stage: Returned}} {
		if err := Write(dir, want); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(dir); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("read %+v, %v; want %+v", got, err, want)
		}
	}
	if err := Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); !errors.Is(err, ErrNone) {
		t.Errorf("removed: %v", err)
	}
}

// TestDamage: no byte of the file can change unseen, and no part passes for
// the whole.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, whole()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, Dir, file)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := func(what string, i int, content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(dir); !errors.Is(err, ErrDamaged) && !(err == nil && reflect.DeepEqual(got, whole())) {
			t.Fatalf("%s %d: %+v, %v", what, i, got, err)
		}
	}
	for i := range data {
		for _, bit := range []byte{1, 0x20, 0x80} {
			changed := append([]byte(nil), data...)
			changed[i] ^= bit
			damaged("changed byte", i, changed)
		}
		damaged("cut at", i, data[:i])
	}
	damaged("doubled", 0, append(data, data...))
	damaged("zeros", 0, make([]byte, 4096))
}

func TestRefused(t *testing.T) {
	for name, change := range map[string]func(*Trial){
		"no version":     func(r *Trial) { r.From = "" },
		"same version":   func(r *Trial) { r.To = r.From },
		"path":           func(r *Trial) { r.Snapshot = "../../etc" },
		"load":           func(r *Trial) { r.Load = ".new-x" },
		"service":        func(r *Trial) { r.Services = []string{"a/b"} },
		"unknown stage":  func(r *Trial) { r.Stage = "begun" },
		"version a path": func(r *Trial) { r.To = "1.0.0/../x" },
	} {
		r, dir := whole(), t.TempDir()
		change(r)
		if err := Write(dir, r); err == nil {
			t.Errorf("%s: written", name)
		}
		r.Format = 1
		data, err := Seal(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(dir, Dir), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, Dir, file), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(dir); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLimits: however much is said, the record stays small and readable.
func TestLimits(t *testing.T) {
	dir, r := t.TempDir(), whole()
	r.Boots, r.Reason = nil, strings.Repeat("ä", 10000)
	for i := range 1000 {
		r.Boots = append(r.Boots, Boot{ID: strings.Repeat("x", i%40)})
		r.Log = append(r.Log, strings.Repeat("\x00", 5000))
	}
	r.Boots[0].ID = "first"
	if err := Write(dir, r); err != nil {
		t.Fatal(err)
	}
	got, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Boots) != maxBoots || got.Boots[0].ID != "first" || len(got.Log) != maxLog {
		t.Errorf("%d boots from %q, %d lines", len(got.Boots), got.Boots[0].ID, len(got.Log))
	}
}

func FuzzRead(f *testing.F) {
	data, err := Seal(whole())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"hash":"","body":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, Dir), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, Dir, file), data, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Read(dir)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("%v", err)
			}
			return
		}
		if err := Write(dir, got); err != nil {
			t.Errorf("what was read cannot be written: %v", err)
		}
	})
}
