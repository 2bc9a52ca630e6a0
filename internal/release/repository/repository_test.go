package repository_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/release/releasetest"
	"github.com/ingotvm/ingot/internal/release/repository"
	"github.com/ingotvm/ingot/internal/release/source"
	"github.com/ingotvm/ingot/internal/release/trust"
)

func version(v string) releasetest.Version {
	return releasetest.Version{Version: v, Kernel: []byte("kernel"), Initrd: []byte("initrd " + v),
		Images: map[string][]byte{"os": bytes.Repeat([]byte("image "+v), 2000)}}
}

// seen is what an appliance sees of a channel, with every file read.
func seen(t *testing.T, root []byte, dir, channel string) string {
	t.Helper()
	store, _, err := trust.OpenStore(t.TempDir(), root, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	v, err := store.Refresh(ctx, source.Folder(os.DirFS(dir)), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c, err := v.Channel(ctx, "hello/amd64", channel)
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range c.Releases {
		r, err := v.Release(ctx, "hello/amd64", e.Version)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range r.Payloads {
			blobs := []release.Blob{p.Whole}
			for _, patch := range p.Patches {
				blobs = append(blobs, patch.Blob)
			}
			for _, b := range blobs {
				if err := source.Fetch(ctx, v.Source(), b, 0, &bytes.Buffer{}); err != nil {
					t.Errorf("%s of %s: %v", p.Name, e.Version, err)
				}
			}
		}
		name := e.Version
		if e.Yanked != nil {
			name += " yanked"
		}
		list = append(list, name)
	}
	return strings.Join(list, ", ")
}

func metadataFiles(t *testing.T, dir string) int {
	t.Helper()
	list, err := os.ReadDir(filepath.Join(dir, "metadata"))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestChannels(t *testing.T) {
	ctx := t.Context()
	keys := releasetest.Keys(t, 3, 2, nil)
	root := releasetest.Root(t, keys)
	r := repository.Open(t.TempDir(), keys)
	releasetest.Add(t, r, version("1.0.0"), repository.AddOptions{Channel: "testing"})
	releasetest.Add(t, r, version("1.10.0"), repository.AddOptions{Channel: "testing", Patches: 5})
	added := releasetest.Add(t, r, version("1.9.0"), repository.AddOptions{Channel: "testing", Patches: 5})
	if got := seen(t, root, r.Dir, "testing"); got != "1.0.0, 1.9.0, 1.10.0" {
		t.Errorf("testing offers %s", got)
	}
	for _, p := range added.Release.Payloads {
		if p.Name == "vmlinuz" && len(p.Patches) > 0 {
			t.Error("there is a patch of a kernel that stayed the same")
		}
		for _, patch := range p.Patches {
			if patch.Version != "1.0.0" {
				t.Errorf("a patch of 1.9.0 is from %s", patch.Version)
			}
		}
	}
	// The same again is nothing; another content is refused.
	before := metadataFiles(t, r.Dir)
	if again := releasetest.Add(t, r, version("1.9.0"), repository.AddOptions{Channel: "testing"}); again.New || !again.InChannel {
		t.Errorf("the same again: %+v", again)
	}
	if now := metadataFiles(t, r.Dir); now != before {
		t.Errorf("the same again wrote %d files of metadata", now-before)
	}
	other := version("1.9.0")
	other.Kernel = []byte("another kernel")
	if _, err := r.Add(ctx, repository.AddOptions{Dir: releasetest.Build(t, other), Channel: "testing"}); !errors.Is(err, repository.ErrOther) {
		t.Errorf("another content: %v", err)
	}
	at := repository.Where{Channel: "testing", Version: "1.9.0"}
	if err := r.Promote(ctx, at, "stable", []release.Wave{{After: 0, Percent: 100}}); err != nil {
		t.Fatal(err)
	}
	if got := seen(t, root, r.Dir, "stable"); got != "1.9.0" {
		t.Errorf("stable offers %s", got)
	}
	if err := r.Yank(ctx, at, "it breaks"); err != nil {
		t.Fatal(err)
	}
	if got := seen(t, root, r.Dir, "testing"); got != "1.0.0, 1.9.0 yanked, 1.10.0" {
		t.Errorf("testing offers %s", got)
	}
	for name, err := range map[string]error{
		"promote what was withdrawn":  r.Promote(ctx, at, "beta", nil),
		"no reason":                   r.Yank(ctx, repository.Where{Channel: "testing", Version: "1.0.0"}, ""),
		"a version that is not there": r.Yank(ctx, repository.Where{Channel: "stable", Version: "1.0.0"}, "x"),
		"a name that cannot be":       r.Promote(ctx, at, "Stable!", nil),
		"waves that shrink":           r.Waves(ctx, repository.Where{Channel: "stable", Version: "1.9.0"}, []release.Wave{{After: 5, Percent: 50}, {After: 6, Percent: 10}}),
	} {
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	stranger := repository.Open(r.Dir, releasetest.Keys(t, 1, 1, nil))
	if err := stranger.Refresh(ctx); !errors.Is(err, repository.ErrRoot) {
		t.Errorf("other keys: %v", err)
	}
}

// TestCutAnywhere interrupts whatever changes a repository at every write: what
// is offered is what was offered before, or all of the new, and it can be done
// again.
func TestCutAnywhere(t *testing.T) {
	keys := releasetest.Keys(t, 1, 1, nil)
	root := releasetest.Root(t, keys)
	first := releasetest.Build(t, version("1.0.0"))
	next := releasetest.Build(t, version("1.1.0"))
	empty, one := t.TempDir(), repository.Open(t.TempDir(), keys)
	if _, err := one.Add(t.Context(), repository.AddOptions{Dir: first, Channel: "stable"}); err != nil {
		t.Fatal(err)
	}
	at := repository.Where{Channel: "stable", Version: "1.0.0"}
	for name, tt := range map[string]struct {
		from, channel, before, after string
		least                        int // writes
		do                           func(r *repository.Repository) error
	}{
		"the first release": {empty, "stable", "nothing", "1.0.0", 8, func(r *repository.Repository) error {
			_, err := r.Add(t.Context(), repository.AddOptions{Dir: first, Channel: "stable"})
			return err
		}},
		"another release": {one.Dir, "stable", "1.0.0", "1.0.0, 1.1.0", 8, func(r *repository.Repository) error {
			_, err := r.Add(t.Context(), repository.AddOptions{Dir: next, Channel: "stable", Patches: 5})
			return err
		}},
		"yank": {one.Dir, "stable", "1.0.0", "1.0.0 yanked", 4, func(r *repository.Repository) error {
			return r.Yank(t.Context(), at, "it breaks")
		}},
		"promote": {one.Dir, "beta", "", "1.0.0", 4, func(r *repository.Repository) error {
			return r.Promote(t.Context(), at, "beta", nil)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for writes := 0; ; writes++ {
				dir := filepath.Join(t.TempDir(), "repo")
				if err := os.CopyFS(dir, os.DirFS(tt.from)); err != nil {
					t.Fatal(err)
				}
				r := repository.Open(dir, keys)
				r.CutAfter(writes)
				err := tt.do(r)
				if err != nil && !errors.Is(err, repository.ErrCut) {
					t.Fatal(err)
				}
				if got := offered(t, root, dir, tt.channel); got != tt.after && (got != tt.before || err == nil) {
					t.Fatalf("cut after %d writes it offers %s, want %s or %s; %v", writes, got, tt.before, tt.after, err)
				}
				if err == nil {
					if writes < tt.least {
						t.Errorf("it makes only %d writes", writes)
					}
					return
				}
				if err := tt.do(repository.Open(dir, keys)); err != nil {
					t.Fatalf("again after %d writes: %v", writes, err)
				}
				if got := offered(t, root, dir, tt.channel); got != tt.after {
					t.Fatalf("again after %d writes it offers %s", writes, got)
				}
			}
		})
	}
}

// offered is what an appliance sees of a channel, "nothing" when there is no
// repository yet.
func offered(t *testing.T, root []byte, dir, channel string) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, "metadata", "timestamp.json")); errors.Is(err, os.ErrNotExist) {
		return "nothing"
	}
	return seen(t, root, dir, channel)
}

// TestManyWriters release at once to one folder.
func TestManyWriters(t *testing.T) {
	keys := releasetest.Keys(t, 1, 1, nil)
	root := releasetest.Root(t, keys)
	dir := t.TempDir()
	var wg sync.WaitGroup
	var want []string
	for i := range 6 {
		v := fmt.Sprintf("1.%d.0", i)
		want = append(want, v)
		files := releasetest.Build(t, version(v))
		own, err := repository.OpenKeys(keys.Dir, releasetest.Passphrase) // each is a program of its own
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			if _, err := repository.Open(dir, own).Add(t.Context(), repository.AddOptions{Dir: files, Channel: "stable"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := seen(t, root, dir, "stable"); got != strings.Join(want, ", ") {
		t.Errorf("it offers %s", got)
	}
}

func TestWrongFolders(t *testing.T) {
	keys := releasetest.Keys(t, 1, 1, nil)
	r := repository.Open(t.TempDir(), keys)
	good := releasetest.Build(t, version("1.0.0"))
	for name, spoil := range map[string]func(dir string) error{
		"no manifest":       func(dir string) error { return os.Remove(filepath.Join(dir, "manifest.json")) },
		"no kernel":         func(dir string) error { return os.Remove(filepath.Join(dir, "vmlinuz")) },
		"a changed kernel":  func(dir string) error { return os.WriteFile(filepath.Join(dir, "vmlinuz"), []byte("x"), 0o644) },
		"a broken manifest": func(dir string) error { return os.WriteFile(filepath.Join(dir, "manifest.json"), []byte("{"), 0o644) },
	} {
		dir := filepath.Join(t.TempDir(), "files")
		if err := os.CopyFS(dir, os.DirFS(good)); err != nil {
			t.Fatal(err)
		}
		if err := spoil(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Add(t.Context(), repository.AddOptions{Dir: dir, Channel: "stable"}); err == nil {
			t.Errorf("%s: released", name)
		}
	}
	if _, err := os.Stat(filepath.Join(r.Dir, "metadata")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a release that failed left metadata")
	}
}
