package repository_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/ingotvm/ingot/internal/release/releasetest"
	"github.com/ingotvm/ingot/internal/release/repository"
)

// TestIntruder has written to the folder of a repository without a key: our
// keys sign nothing of it.
func TestIntruder(t *testing.T) {
	ctx := t.Context()
	keys := releasetest.Keys(t, 1, 1, nil)
	ours := repository.Open(t.TempDir(), keys)
	releasetest.Add(t, ours, version("1.0.0"), repository.AddOptions{})
	releasetest.Add(t, ours, version("1.1.0"), repository.AddOptions{})
	if err := ours.Yank(ctx, repository.Where{Channel: "stable", Version: "1.0.0"}, "it breaks"); err != nil {
		t.Fatal(err)
	}
	theirs := repository.Open(t.TempDir(), releasetest.Keys(t, 1, 1, nil))
	releasetest.Add(t, theirs, version("6.6.6"), repository.AddOptions{})
	name := func(version int, role string) string { return fmt.Sprintf("metadata/%d.%s.json", version, role) }
	edit := func(dir, file, old, next string) error {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return err
		}
		if !strings.Contains(string(data), old) {
			t.Fatalf("there is no %s in %s", old, data)
		}
		return os.WriteFile(filepath.Join(dir, file), []byte(strings.Replace(string(data), old, next, 1)), 0o644)
	}
	take := func(dir, from, to string) error {
		data, err := os.ReadFile(filepath.Join(theirs.Dir, from))
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, to), data, 0o644)
	}
	for what, do := range map[string]func(dir string) error{
		"his timestamp, snapshot and targets": func(dir string) error {
			return errors.Join(take(dir, "metadata/timestamp.json", "metadata/timestamp.json"),
				take(dir, name(1, "snapshot"), name(1, "snapshot")), take(dir, name(1, "targets"), name(1, "targets")))
		},
		"his targets":          func(dir string) error { return take(dir, name(1, "targets"), name(3, "targets")) },
		"his snapshot":         func(dir string) error { return take(dir, name(1, "snapshot"), name(3, "snapshot")) },
		"edited targets":       func(dir string) error { return edit(dir, name(3, "targets"), "1.1.0", "1.1.1") },
		"an edited timestamp":  func(dir string) error { return edit(dir, "metadata/timestamp.json", `"version":3`, `"version":2`) },
		"a snapshot of before": func(dir string) error { return edit(dir, name(3, "snapshot"), `"version":3`, `"version":2`) },
		"old targets renamed": func(dir string) error {
			return os.Rename(filepath.Join(dir, name(2, "targets")), filepath.Join(dir, name(3, "targets")))
		},
		"an old snapshot moved": func(dir string) error {
			return os.Rename(filepath.Join(dir, name(2, "snapshot")), filepath.Join(dir, name(3, "snapshot")))
		},
		"a root of his own": func(dir string) error { return take(dir, name(1, "root"), name(2, "root")) },
		"no signatures at all": func(dir string) error {
			m, err := metadata.Timestamp().FromFile(filepath.Join(dir, "metadata", "timestamp.json"))
			if err != nil {
				return err
			}
			m.ClearSignatures()
			return m.ToFile(filepath.Join(dir, "metadata", "timestamp.json"), false)
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "repo")
			if err := os.CopyFS(dir, os.DirFS(ours.Dir)); err != nil {
				t.Fatal(err)
			}
			if err := do(dir); err != nil {
				t.Fatal(err)
			}
			before := metadataFiles(t, dir)
			r := repository.Open(dir, keys)
			if err := r.Refresh(ctx); err == nil {
				t.Error("a refresh signed it")
			}
			if _, err := r.Add(ctx, repository.AddOptions{Dir: releasetest.Build(t, version("1.2.0")), Channel: "stable"}); err == nil {
				t.Error("a release signed it")
			}
			if _, _, err := r.List(); err == nil {
				t.Error("it is listed as ours")
			}
			if now := metadataFiles(t, dir); now != before {
				t.Errorf("%d files of metadata were written", now-before)
			}
		})
	}
}

// TestRotationCutAnywhere interrupts the first refresh after a rotation at every
// write: appliances read on, and the next refresh ends it.
func TestRotationCutAnywhere(t *testing.T) {
	for _, key := range []string{repository.OnlineKey, repository.TargetsKey, "root-1"} {
		t.Run(key, func(t *testing.T) {
			keys := releasetest.Keys(t, 1, 1, nil)
			image := releasetest.Root(t, keys)
			first := repository.Open(t.TempDir(), keys)
			releasetest.Add(t, first, version("1.0.0"), repository.AddOptions{})
			if err := keys.Rotate([]string{key}, 1); err != nil {
				t.Fatal(err)
			}
			for writes := 0; ; writes++ {
				dir := filepath.Join(t.TempDir(), "repo")
				if err := os.CopyFS(dir, os.DirFS(first.Dir)); err != nil {
					t.Fatal(err)
				}
				r := repository.Open(dir, keys)
				r.CutAfter(writes)
				err := r.Refresh(t.Context())
				if err != nil && !errors.Is(err, repository.ErrCut) {
					t.Fatal(err)
				}
				if got := seen(t, image, dir, "stable"); got != "1.0.0" {
					t.Fatalf("cut after %d writes it offers %q", writes, got)
				}
				if err == nil {
					if writes < 4 {
						t.Errorf("it makes only %d writes", writes)
					}
					return
				}
				// A release that is there already brings the new root, too.
				again := repository.AddOptions{Dir: releasetest.Build(t, version("1.0.0")), Channel: "stable"}
				if _, err := repository.Open(dir, keys).Add(t.Context(), again); err != nil {
					t.Fatalf("again after %d writes: %v", writes, err)
				}
				if got := seen(t, releasetest.Root(t, keys), dir, "stable"); got != "1.0.0" {
					t.Fatalf("again after %d writes it offers %q", writes, got)
				}
			}
		})
	}
}

// TestFailedRotation leaves the keys as they were.
func TestFailedRotation(t *testing.T) {
	keys := releasetest.Keys(t, 1, 1, nil)
	refused := errors.New("refused")
	listing := func() string {
		list, err := os.ReadDir(keys.Dir)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(list)
	}
	before := listing()
	open := func(passphrase func(string) (string, error)) *repository.Keys {
		k, err := repository.OpenKeys(keys.Dir, passphrase)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	bad := open(func(name string) (string, error) {
		if name == repository.OnlineKey { // the last of three
			return "", refused
		}
		return releasetest.Passphrase(name)
	})
	if err := bad.Rotate([]string{"root-1", repository.TargetsKey, repository.OnlineKey}, 1); !errors.Is(err, refused) {
		t.Fatal(err)
	}
	if now := listing(); now != before {
		t.Fatalf("the folder has %s, and had %s", now, before)
	}
	good := open(releasetest.Passphrase)
	for range 2 { // every old key stays
		if err := good.Rotate([]string{repository.OnlineKey}, 1); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"online.age", "online.2.age", "online.3.age"} {
		if _, err := os.Stat(filepath.Join(keys.Dir, name)); err != nil {
			t.Error(err)
		}
	}
	// Cut before its last file, the rotation is ended by who opens the keys.
	if err := os.WriteFile(filepath.Join(keys.Dir, "root.json"), releasetest.Root(t, keysAt(t, keys.Dir, 2)), 0o644); err != nil {
		t.Fatal(err)
	}
	r := repository.Open(t.TempDir(), open(releasetest.Passphrase))
	releasetest.Add(t, r, version("1.0.0"), repository.AddOptions{})
	if got := seen(t, releasetest.Root(t, good), r.Dir, "stable"); got != "1.0.0" {
		t.Errorf("it offers %q", got)
	}
}

// TestForeignKey: a key file of another folder signs nothing, and leaves the
// root and the repository as they were.
func TestForeignKey(t *testing.T) {
	for _, name := range []string{repository.OnlineKey, repository.TargetsKey, "root-1"} {
		t.Run(name, func(t *testing.T) {
			keys, other := releasetest.Keys(t, 1, 1, nil), releasetest.Keys(t, 1, 1, nil)
			dir := t.TempDir()
			releasetest.Add(t, repository.Open(dir, keys), version("1.0.0"), repository.AddOptions{})
			own := filepath.Join(keys.Dir, name+".age")
			right, err := os.ReadFile(own)
			if err != nil {
				t.Fatal(err)
			}
			wrong, err := os.ReadFile(filepath.Join(other.Dir, name+".age"))
			if err != nil {
				t.Fatal(err)
			}
			put := func(data []byte) *repository.Keys {
				if err := os.WriteFile(own, data, 0o600); err != nil {
					t.Fatal(err)
				}
				k, err := repository.OpenKeys(keys.Dir, releasetest.Passphrase)
				if err != nil {
					t.Fatal(err)
				}
				return k
			}
			k := put(wrong)
			if name == "root-1" {
				err = k.Rotate([]string{repository.OnlineKey}, 1)
			} else {
				_, err = repository.Open(dir, k).Add(t.Context(), repository.AddOptions{Dir: releasetest.Build(t, version("1.1.0")), Channel: "stable"})
			}
			if err == nil || !strings.Contains(err.Error(), "another key") {
				t.Fatalf("with a key of another folder: %v", err)
			}
			k = put(right)
			if err := k.Rotate([]string{repository.OnlineKey}, 1); err != nil {
				t.Fatal(err)
			}
			if err := repository.Open(dir, k).Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestTwoRotations: who rotates keys that another has rotated meanwhile is
// refused, and the other's stay.
func TestTwoRotations(t *testing.T) {
	dir := releasetest.Keys(t, 1, 1, nil).Dir
	var k [2]*repository.Keys
	for i := range k {
		var err error
		if k[i], err = repository.OpenKeys(dir, releasetest.Passphrase); err != nil {
			t.Fatal(err)
		}
	}
	if err := k[0].Rotate([]string{repository.OnlineKey}, 1); err != nil {
		t.Fatal(err)
	}
	if err := k[1].Rotate([]string{repository.OnlineKey}, 1); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("the second rotation: %v", err)
	}
	own, err := repository.OpenKeys(dir, releasetest.Passphrase)
	if err != nil {
		t.Fatal(err)
	}
	releasetest.Add(t, repository.Open(t.TempDir(), own), version("1.0.0"), repository.AddOptions{})
}

// TestNewPassphrase: a key that is made gets the new passphrase, not that of the old one.
func TestNewPassphrase(t *testing.T) {
	keys := releasetest.Keys(t, 1, 1, nil)
	k, err := repository.OpenKeys(keys.Dir, releasetest.Passphrase)
	if err != nil {
		t.Fatal(err)
	}
	var made []string
	k.NewPassphrase = func(name string) (string, error) {
		made = append(made, name)
		return "another horse", nil
	}
	if err := k.Rotate([]string{repository.OnlineKey}, 1); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(made) != "[online]" {
		t.Errorf("asked for the new passphrases of %v", made)
	}
	old, err := repository.OpenKeys(keys.Dir, releasetest.Passphrase)
	if err != nil {
		t.Fatal(err)
	}
	_, err = repository.Open(t.TempDir(), old).Add(t.Context(), repository.AddOptions{Dir: releasetest.Build(t, version("1.0.0")), Channel: "stable"})
	if !errors.Is(err, repository.ErrPassphrase) {
		t.Errorf("the new key opens with the old passphrase: %v", err)
	}
}

// keysAt is a folder whose newest root is that of a version.
func keysAt(t *testing.T, dir string, version int) *repository.Keys {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%d.root.json", version)))
	if err != nil {
		t.Fatal(err)
	}
	at := t.TempDir()
	if err := os.WriteFile(filepath.Join(at, "root.json"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	return &repository.Keys{Dir: at}
}

// TestRefusals are things that a vendor is told instead of being served badly.
func TestRefusals(t *testing.T) {
	ctx := t.Context()
	now := time.Now()
	keys := releasetest.Keys(t, 1, 1, func() time.Time { return now })
	r := repository.Open(t.TempDir(), keys)
	releasetest.Add(t, r, version("1.0.0"), repository.AddOptions{})
	at := repository.Where{Channel: "stable", Version: "1.0.0"}
	same := releasetest.Build(t, version("1.0.0"))
	if _, err := r.Add(ctx, repository.AddOptions{Dir: same, Channel: "stable", Security: true}); !errors.Is(err, repository.ErrOther) {
		t.Errorf("the same with another condition: %v", err)
	}
	// A damaged file is neither packed nor patched from, and can be mended.
	files, err := filepath.Glob(filepath.Join(r.Dir, "files", "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Bundle(ctx, &strings.Builder{}, at, ""); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a bundle of damaged files: %v", err)
	}
	if _, err := r.Add(ctx, repository.AddOptions{Dir: releasetest.Build(t, version("1.1.0")), Channel: "stable", Patches: 5}); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a patch from damaged files: %v", err)
	}
	if _, err := r.Add(ctx, repository.AddOptions{Dir: same, Channel: "stable"}); err != nil {
		t.Fatal(err)
	}
	if err := r.Bundle(ctx, &strings.Builder{}, at, ""); err != nil {
		t.Errorf("after mending: %v", err)
	}
	if err := r.Bundle(ctx, &strings.Builder{}, repository.Where{Channel: "testing", Version: "1.0.0"}, ""); err == nil {
		t.Error("a bundle for a channel that does not have the version")
	}
	if err := r.Yank(ctx, at, "it breaks"); err != nil {
		t.Fatal(err)
	}
	if err := r.Bundle(ctx, &strings.Builder{}, at, ""); err == nil || !strings.Contains(err.Error(), "it breaks") {
		t.Errorf("a bundle of a withdrawn version: %v", err)
	}
	now = now.Add(repository.RootLife + time.Hour)
	if err := r.Refresh(ctx); !errors.Is(err, repository.ErrExpired) {
		t.Errorf("an expired root: %v", err)
	}
}
