package fetch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/release/releasetest"
	"github.com/ingotvm/ingot/internal/release/repository"
	"github.com/ingotvm/ingot/internal/release/source"
	"github.com/ingotvm/ingot/internal/release/trust"
	"github.com/ingotvm/ingot/internal/slot"
)

func noise(seed byte, n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(data) // never fails
	return data
}

// versions of an appliance: 1.1.0 has a little of its system and all of its
// initrd changed, the kernel and the application stay.
func versions() (v1, v2 releasetest.Version) {
	system := noise(1, 3<<20)
	v1 = releasetest.Version{Version: "1.0.0", Kernel: noise(2, 50000), Initrd: noise(3, 20000),
		Images: map[string][]byte{"os": system, "app-hello": noise(4, 100000)}}
	v2 = v1
	v2.Version, v2.Initrd = "1.1.0", noise(5, 3000)
	changed := bytes.Clone(system)
	copy(changed[1<<20:], noise(6, 10000))
	v2.Images = map[string][]byte{"os": changed, "app-hello": v1.Images["app-hello"]}
	return v1, v2
}

type world struct {
	t    *testing.T
	repo string
	disk *slot.Disk
	v    *trust.Verified
	Cache
}

// newWorld has a repository with both versions, and an appliance with the first.
func newWorld(t *testing.T, patches int) *world {
	keys := releasetest.Keys(t, 1, 1, nil)
	repo := repository.Open(filepath.Join(t.TempDir(), "repo"), keys)
	v1, v2 := versions()
	for _, v := range []releasetest.Version{v1, v2} {
		releasetest.Add(t, repo, v, repository.AddOptions{Patches: patches})
	}
	store, _, err := trust.OpenStore(t.TempDir(), releasetest.Root(t, keys), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, repo: repo.Dir, Cache: Cache{filepath.Join(t.TempDir(), "cache")}}
	w.v, err = store.Refresh(t.Context(), source.Folder(os.DirFS(repo.Dir)), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, slot.Folder), 0o755); err != nil {
		t.Fatal(err)
	}
	w.disk = slot.OpenFolder(dir, "", "1.0.0")
	w.install(w.plan("1.0.0", nil, nil))
	return w
}

func (w *world) plan(version string, avoid Avoid, src source.Source) *Plan {
	w.t.Helper()
	r, err := w.v.Release(w.t.Context(), "hello/amd64", version)
	if err != nil {
		w.t.Fatal(err)
	}
	slots, err := w.disk.Slots()
	if err != nil {
		w.t.Fatal(err)
	}
	if src == nil {
		src = w.v.Source()
	}
	p, err := Choose(w.t.Context(), src, r, slots, &w.Cache, avoid)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) try(p *Plan) error {
	ctx := context.Background()
	var last int64
	if err := p.Fetch(ctx, func(done int64) { last = done }); err != nil {
		return err
	}
	if last != p.Download() {
		w.t.Errorf("progress ends at %d of %d bytes", last, p.Download())
	}
	return w.disk.Write(ctx, p.Release.Manifest.Version, func(d *slot.Draft) error {
		if err := p.Build(ctx, d, nil); err != nil {
			return err
		}
		return p.Verify(ctx, d, nil)
	})
}

func (w *world) install(p *Plan) {
	w.t.Helper()
	if err := w.try(p); err != nil {
		w.t.Fatal(err)
	}
}

// isInstalled compares a slot with what the vendor built.
func (w *world) isInstalled(v releasetest.Version) {
	w.t.Helper()
	slots, err := w.disk.Slots()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range slots {
		if s.Version != v.Version {
			continue
		}
		for name, want := range map[string][]byte{"vmlinuz": v.Kernel, "initrd": v.Initrd, "os.erofs": releasetest.Padded(v.Images["os"])} {
			got, err := os.ReadFile(s.Path(name))
			if err != nil || !bytes.HasPrefix(got, want) {
				w.t.Errorf("%s of %s: %d bytes, %v", name, v.Version, len(got), err)
			}
		}
		return
	}
	w.t.Errorf("version %s is not there", v.Version)
}

func TestWays(t *testing.T) {
	_, v2 := versions()
	for name, test := range map[string]struct {
		patches int
		avoid   Avoid
		way     Way
		atMost  int64
	}{
		"patch":  {5, nil, Patch, 40000},
		"blocks": {0, nil, Blocks, 20000 + 200000},
		"whole":  {0, Avoid{"os.erofs": {Patch, Blocks}}, Whole, 4 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.patches)
			p := w.plan("1.1.0", test.avoid, nil)
			if p.Way() != test.way || p.Download() > test.atMost || p.Download() == 0 {
				t.Errorf("%d bytes by %s, want at most %d by %s", p.Download(), p.Way(), test.atMost, test.way)
			}
			w.install(p)
			w.isInstalled(v2)
			kernel, err := os.Stat(filepath.Join(w.disk.Dir, slot.Folder, "1.1.0", "vmlinuz"))
			before, err2 := os.Stat(filepath.Join(w.disk.Dir, slot.Folder, "1.0.0", "vmlinuz"))
			if err != nil || err2 != nil || !os.SameFile(kernel, before) {
				t.Error("a kernel that is the same is there twice")
			}
			if err := w.Keep(nil); err != nil {
				t.Fatal(err)
			}
			if left, _ := os.ReadDir(w.Dir); len(left) > 0 {
				t.Errorf("%d files stay in the cache", len(left))
			}
		})
	}
}

// cutting gives so many bytes of files/ and then fails.
type cutting struct {
	source.Source
	left int64
}

var errCut = errors.New("the network is gone")

func (c *cutting) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	r, err := c.Source.Open(ctx, name, offset, length)
	if err != nil || !strings.HasPrefix(name, "files/") {
		return r, err
	}
	return struct {
		io.Reader
		io.Closer
	}{readerFunc(func(p []byte) (int, error) {
		if c.left <= 0 {
			return 0, errCut
		}
		n, err := r.Read(p[:min(int64(len(p)), c.left)])
		c.left -= int64(n)
		return n, err
	}), r}, nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestResume cuts the download again and again: nothing is fetched twice.
func TestResume(t *testing.T) {
	_, v2 := versions()
	for name, avoid := range map[string]Avoid{"patch": nil, "blocks": {"os.erofs": {Patch}}, "whole": {"os.erofs": {Patch, Blocks}}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 5)
			total := w.plan("1.1.0", avoid, nil).Download()
			step := total/5 + 1
			for attempt := 0; ; attempt++ {
				p := w.plan("1.1.0", avoid, &cutting{w.v.Source(), step})
				err := w.try(p)
				if err == nil {
					break
				}
				if !errors.Is(err, errCut) || attempt > 6 {
					t.Fatalf("attempt %d: %v; %d of %d bytes are missing", attempt, err, p.Missing(), total)
				}
			}
			w.isInstalled(v2)
		})
	}
}

// damaging changes a byte of one file.
type damaging struct {
	source.Source
	name string
}

func (d damaging) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	r, err := d.Source.Open(ctx, name, offset, length)
	if err != nil || name != d.name {
		return r, err
	}
	data, err := io.ReadAll(r)
	r.Close()
	data[len(data)/2] ^= 1
	return io.NopCloser(bytes.NewReader(data)), err
}

// TestDamage goes another way when one is wrong.
func TestDamage(t *testing.T) {
	_, v2 := versions()
	w := newWorld(t, 5)
	r, err := w.v.Release(t.Context(), "hello/amd64", "1.1.0")
	if err != nil {
		t.Fatal(err)
	}
	var system release.Payload
	for _, p := range r.Payloads {
		if p.Name == "os.erofs" {
			system = p
		}
	}
	avoid := Avoid{}
	for _, step := range []struct {
		blob release.Blob
		way  Way
	}{{system.Patches[0].Blob, Patch}, {*system.Blocks, Blocks}} {
		err := w.try(w.plan("1.1.0", avoid, damaging{w.v.Source(), step.blob.File()}))
		var wrong *WrongError
		if !errors.As(err, &wrong) || wrong.Way != step.way || wrong.Name != "os.erofs" {
			t.Fatalf("a damaged %s: %v", step.way, err)
		}
		avoid[wrong.Name] = append(avoid[wrong.Name], wrong.Way)
	}
	p := w.plan("1.1.0", avoid, nil)
	w.install(p)
	w.isInstalled(v2)
	// And when the slot itself is not what its manifest says.
	other := newWorld(t, 5)
	if err := os.WriteFile(filepath.Join(other.disk.Dir, slot.Folder, "1.0.0", "os.erofs"), bytes.Repeat([]byte{7}, int(must(t, other))), 0o600); err != nil {
		t.Fatal(err)
	}
	var wrong *WrongError
	if err := other.try(other.plan("1.1.0", nil, nil)); !errors.As(err, &wrong) || wrong.Way != Patch {
		t.Errorf("a slot that is damaged: %v", err)
	}
}

// TestNoIndex: without its block index, or with a damaged one, a release comes whole.
func TestNoIndex(t *testing.T) {
	_, v2 := versions()
	w := newWorld(t, 0)
	r, err := w.v.Release(t.Context(), "hello/amd64", "1.1.0")
	if err != nil {
		t.Fatal(err)
	}
	var index string
	for _, p := range r.Payloads {
		if p.Name == "os.erofs" {
			index = p.Index.File()
		}
	}
	if p := w.plan("1.1.0", nil, damaging{w.v.Source(), index}); p.Way() != Whole {
		t.Errorf("a damaged index: by %s", p.Way())
	}
	if err := os.Remove(filepath.Join(w.repo, filepath.FromSlash(index))); err != nil {
		t.Fatal(err)
	}
	p := w.plan("1.1.0", nil, nil)
	if p.Way() != Whole {
		t.Errorf("no index: by %s", p.Way())
	}
	w.install(p)
	w.isInstalled(v2)
}

// must is the length of the image in the slot of 1.0.0.
func must(t *testing.T, w *world) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(w.disk.Dir, slot.Folder, "1.0.0", "os.erofs"))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
