package slot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/disk"
	"github.com/ingotvm/ingot/internal/disk/fat"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/host/hosttest"
	"github.com/ingotvm/ingot/internal/release"
)

const espSize = 64 << 20 // bytes, as the builder makes it

// esp is a file with the EFI system partition of an image.
func esp(t testing.TB, s State) string {
	t.Helper()
	block, err := s.Block()
	if err != nil {
		t.Fatal(err)
	}
	image := disk.NewBuffer(espSize)
	files := []fat.File{
		{Path: "EFI/BOOT/BOOTX64.EFI", Data: bytes.Repeat([]byte("boot loader "), 50000)},
		{Path: release.BootStateA, Data: block}, {Path: release.BootStateB, Data: block},
	}
	if err := fat.Write(image, espSize, files, fat.Options{Label: "INGOT-ESP"}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "esp.img")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(espSize); err != nil {
		t.Fatal(err)
	}
	if err := disk.WriteRaw(t.Context(), f, image, disk.Options{}); err != nil {
		t.Fatal(err)
	}
	return path
}

// filled fills a draft with the files of a version.
func filled(t testing.TB, version string) func(*Draft) error {
	t.Helper()
	manifest, err := json.Marshal(release.Manifest{Format: 1, Name: "x", Version: version})
	if err != nil {
		t.Fatal(err)
	}
	return func(w *Draft) error {
		for name, data := range map[string][]byte{"manifest.json": manifest, "vmlinuz": []byte("kernel " + version), "initrd": []byte("initrd " + version), "os.erofs": bytes.Repeat([]byte(version), 100<<10)} {
			f, err := w.Create(name, int64(len(data)))
			if err != nil {
				return err
			}
			if _, err := f.Write(data); err != nil {
				return err
			}
			if err := f.Close(); err != nil {
				return err
			}
		}
		return nil
	}
}

// disks are a folder, and where that can be, a mounted partition.
func disks(t *testing.T, test func(*testing.T, *Disk)) {
	t.Run("folder", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, Folder), 0o755); err != nil {
			t.Fatal(err)
		}
		test(t, OpenFolder(dir, esp(t, State{Good: "1.0.0"}), "1.0.0"))
	})
	t.Run("partition", func(t *testing.T) {
		if os.Getuid() != 0 {
			t.Skip("mounts a file system: only root may")
		}
		hosttest.Need(t, "mke2fs", "losetup")
		dir := mountSystem(t, 32<<20)
		test(t, Open(dir, esp(t, State{Good: "1.0.0"}), "1.0.0"))
	})
}

// mountSystem mounts a new system partition as the initrd does.
func mountSystem(t *testing.T, size int64) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "system.ext4")
	tree := t.TempDir()
	if err := os.Mkdir(filepath.Join(tree, Folder), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, size); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) string {
		var out bytes.Buffer
		if err := (host.Local{}).Run(t.Context(), host.Command{Name: name, Args: args, Stdout: &out}); err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(out.String())
	}
	run("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-J", "size=4", "-O", "^metadata_csum_seed,^orphan_file", "-d", tree, file)
	loop := run("losetup", "--find", "--show", file)
	t.Cleanup(func() {
		_ = host.Local{}.Run(context.Background(), host.Command{Name: "losetup", Args: []string{"-d", loop}}) // detached when the file system is gone
	})
	dir := t.TempDir()
	if err := unix.Mount(loop, dir, "ext4", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func versions(t *testing.T, d *Disk) []string {
	t.Helper()
	list, err := d.Slots()
	if err != nil {
		t.Error(err)
	}
	var names []string
	for _, s := range list {
		names = append(names, s.Version)
	}
	return names
}

func TestDisk(t *testing.T) {
	disks(t, func(t *testing.T, d *Disk) {
		ctx := t.Context()
		for _, version := range []string{"1.0.0", "1.10.0", "1.9.0"} {
			if err := d.Write(ctx, version, filled(t, version)); err != nil {
				t.Fatal(err)
			}
		}
		if got := versions(t, d); !slices.Equal(got, []string{"1.10.0", "1.9.0", "1.0.0"}) {
			t.Errorf("there are %v", got)
		}
		if err := d.Write(ctx, "1.9.0", filled(t, "1.9.0")); !errors.Is(err, os.ErrExist) {
			t.Errorf("written twice: %v", err)
		}
		// What cannot be read any more is replaced.
		damage := func(version string) {
			if err := d.writable(func() error {
				return os.WriteFile(filepath.Join(d.Dir, Folder, version, "manifest.json"), []byte("{"), 0o644)
			}); err != nil {
				t.Fatal(err)
			}
		}
		damage("1.9.0")
		if err := d.Write(ctx, "1.9.0", filled(t, "1.9.0")); err != nil || len(versions(t, d)) != 3 {
			t.Errorf("what is damaged is not replaced: %v", err)
		}
		for _, version := range []string{"", "..", "../x", "1", ".new-1.0.0"} {
			if err := d.Write(ctx, version, filled(t, version)); err == nil {
				t.Errorf("version %q was written", version)
			}
		}
		// What fails leaves nothing.
		wrong := errors.New("wrong")
		err := d.Write(ctx, "2.0.0", func(w *Draft) error {
			return errors.Join(filled(t, "2.0.0")(w), wrong)
		})
		if left, _ := d.drafts(); !errors.Is(err, wrong) || len(left) > 0 || len(versions(t, d)) != 3 {
			t.Errorf("%v left %v", err, left)
		}
		cancelled, cancel := context.WithCancel(ctx)
		err = d.Write(cancelled, "2.0.0", func(w *Draft) error { cancel(); return filled(t, "2.0.0")(w) })
		if left, _ := d.drafts(); !errors.Is(err, context.Canceled) || len(left) > 0 {
			t.Errorf("%v left %v", err, left)
		}
		// A file that is the same in two versions is there once.
		if err := d.Write(ctx, "2.0.0", func(w *Draft) error {
			if err := w.Link("os.erofs", "1.9.0"); err != nil {
				return err
			}
			if err := w.Link("os.erofs", "../1.9.0"); err == nil {
				return errors.New("a link out of the disk")
			}
			r, err := w.Open("os.erofs")
			if err != nil {
				return err
			}
			defer r.Close()
			data, err := io.ReadAll(r)
			if len(data) != 5*100<<10 {
				return errors.New("the link leads elsewhere")
			}
			manifest, _ := json.Marshal(release.Manifest{Version: "2.0.0"})
			f, e := w.Create("manifest.json", int64(len(manifest)))
			if e != nil {
				return e
			}
			_, e = f.Write(manifest)
			return errors.Join(err, e, f.Close())
		}); err != nil {
			t.Fatal(err)
		}
		list, _ := d.Slots()
		if list[0].Size > 100<<10 || list[1].Version != "1.10.0" || list[1].Size < 500<<10 {
			t.Errorf("sizes: %d and %d", list[0].Size, list[1].Size)
		}
	})
}

func TestStateAndRemove(t *testing.T) {
	disks(t, func(t *testing.T, d *Disk) {
		ctx := t.Context()
		for _, version := range []string{"0.9.0", "1.0.0", "1.1.0", "1.2.0"} {
			if err := d.Write(ctx, version, filled(t, version)); err != nil {
				t.Fatal(err)
			}
		}
		before, err := os.ReadFile(d.ESP)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.SetState(State{Good: "1.0.0", Trial: "7.0.0", Tries: 3}); err == nil {
			t.Error("a trial that is not there was named")
		}
		want := State{Good: "1.0.0", Trial: "1.1.0", Tries: 3}
		if err := d.SetState(want); err != nil {
			t.Fatal(err)
		}
		if got, err := d.State(); err != nil || got != want {
			t.Errorf("the state is %+v, %v", got, err)
		}
		after, err := os.ReadFile(d.ESP)
		if err != nil {
			t.Fatal(err)
		}
		changed := 0
		for i := 0; i < len(after); i += 512 {
			if !bytes.Equal(before[i:i+512], after[i:i+512]) {
				changed++
			}
		}
		if changed != 2 {
			t.Errorf("%d sectors of the ESP changed, want the two copies", changed)
		}
		for _, version := range []string{"1.0.0", "1.1.0"} {
			if err := d.Remove(ctx, version); !errors.Is(err, ErrInUse) {
				t.Errorf("%s: %v", version, err)
			}
		}
		// As much room as there is only without 0.9.0 and 1.2.0, and more.
		if err := d.Prune(ctx, 1<<50, "1.2.0"); err == nil || !strings.Contains(err.Error(), "no room") {
			t.Errorf("impossible room: %v", err)
		}
		if got := versions(t, d); !slices.Equal(got, []string{"1.2.0", "1.1.0", "1.0.0"}) {
			t.Errorf("left: %v", got)
		}
		// A disk of which nobody knows what GRUB would boot is left alone.
		if err := os.WriteFile(d.ESP, make([]byte, espSize), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := d.Remove(ctx, "1.2.0"); !errors.Is(err, ErrInUse) {
			t.Errorf("removed without a boot state: %v", err)
		}
	})
}

// TestWriteStateCut cuts the writing of the boot state at every byte: what is
// read boots as one of both states does, never otherwise.
func TestWriteStateCut(t *testing.T) {
	old, next := State{Good: "1.0.0"}, State{Good: "1.0.0", Trial: "1.1.0", Tries: 3}
	data, err := os.ReadFile(esp(t, old))
	if err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut <= 2*release.BootStateSize; cut++ {
		p := &cutting{data: data, left: cut, before: map[int64][]byte{}}
		err := WriteState(p, next)
		if (err == nil) != (cut == 2*release.BootStateSize) {
			t.Fatalf("cut after %d bytes: %v", cut, err)
		}
		got, err := ReadState(p)
		// A trial without tries boots the good version, as the old state does.
		if err != nil || got != old && got != next && !(got.Good == old.Good && got.Tries == 0) {
			t.Fatalf("cut after %d bytes the state is %+v, %v", cut, got, err)
		}
		p.restore()
	}
}

var errCut = errors.New("the power went")

// cutting takes so many bytes and no more, a sector torn where it ends.
type cutting struct {
	data   []byte
	left   int
	before map[int64][]byte
}

func (c *cutting) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(c.data).ReadAt(p, off)
}

func (c *cutting) WriteAt(p []byte, off int64) (int, error) {
	n := min(len(p), c.left)
	c.before[off] = bytes.Clone(c.data[off : off+int64(n)])
	copy(c.data[off:], p[:n])
	if c.left -= n; n < len(p) {
		return n, errCut
	}
	return n, nil
}

func (c *cutting) Sync() error { return nil }

func (c *cutting) restore() {
	for off, b := range c.before {
		copy(c.data[off:], b)
	}
}
