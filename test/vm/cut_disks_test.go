package vm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/disk"
	"github.com/ingotvm/ingot/internal/host"
)

// partition is one of those that an update writes to, as a file of its own.
type partition struct {
	name, disk   string
	offset, size int64
}

// partitions finds them on recorded disks.
func partitions(t *testing.T, r *recording) []partition {
	t.Helper()
	var list []partition
	for _, d := range []struct {
		name string
		want map[int]string // which of its partitions
	}{{"system", map[int]string{2: "esp", 3: "system"}}, {"data", map[int]string{1: "data"}}} {
		f, err := os.Open(r.base(d.name))
		must(t, err)
		defer f.Close()
		info, err := f.Stat()
		must(t, err)
		table, err := disk.ReadGPT(f, info.Size())
		must(t, err)
		for _, p := range table.Partitions {
			if name := d.want[p.Number]; name != "" {
				list = append(list, partition{name, d.name, p.FirstLBA * 512, p.Sectors() * 512})
			}
		}
	}
	if len(list) != 3 {
		t.Fatalf("the disks have the partitions %+v", list)
	}
	return list
}

// disks are the partitions, in a folder that is in memory.
type disks struct {
	dir   string
	parts []partition
	files map[string]*os.File
}

// memory is a folder in memory.
func memory(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=90%"))
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func newDisks(t *testing.T, dir string, parts []partition) *disks {
	t.Helper()
	d := &disks{dir: dir, parts: parts, files: map[string]*os.File{}}
	must(t, os.Mkdir(dir, 0o755))
	for _, p := range parts {
		f, err := os.Create(d.path(p.name))
		must(t, err)
		t.Cleanup(func() { f.Close() })
		must(t, f.Truncate(p.size))
		d.files[p.name] = f
	}
	return d
}

func (d *disks) path(name string) string { return filepath.Join(d.dir, name) }

// load takes over what recorded disks held before.
func (d *disks) load(r *recording) error {
	for _, p := range d.parts {
		f, err := os.Open(r.base(p.disk))
		if err != nil {
			return err
		}
		err = sparse(d.files[p.name], 0, f, p.offset, p.size)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// become makes these what others are.
func (d *disks) become(other *disks) error {
	for _, p := range d.parts {
		f := d.files[p.name]
		if err := errors.Join(f.Truncate(0), f.Truncate(p.size)); err != nil {
			return err
		}
		if err := sparse(f, 0, other.files[p.name], 0, p.size); err != nil {
			return err
		}
	}
	return nil
}

// sparse copies what is not a hole.
func sparse(to *os.File, at int64, from *os.File, offset, size int64) error {
	buffer := make([]byte, 1<<20)
	for pos := offset; pos < offset+size; {
		data, err := unix.Seek(int(from.Fd()), pos, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) || err == nil && data >= offset+size {
			return nil
		}
		if err != nil {
			return err
		}
		hole, err := unix.Seek(int(from.Fd()), data, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		for pos = data; pos < min(hole, offset+size); {
			n, err := from.ReadAt(buffer[:min(int64(len(buffer)), min(hole, offset+size)-pos)], pos)
			if err != nil && !(errors.Is(err, io.EOF) && n > 0) {
				return err
			}
			if _, err := to.WriteAt(buffer[:n], at+pos-offset); err != nil {
				return err
			}
			pos += int64(n)
		}
	}
	return nil
}

// writers take the writes to the disks. An appliance that writes outside of
// its partitions, where nothing is that changes, is an error.
func (d *disks) writers() map[string]io.WriterAt {
	return map[string]io.WriterAt{"system": whole{d, "system"}, "data": whole{d, "data"}}
}

type whole struct {
	*disks
	name string
}

func (w whole) WriteAt(p []byte, at int64) (int, error) {
	for _, part := range w.parts {
		if part.disk == w.name && at >= part.offset && at+int64(len(p)) <= part.offset+part.size {
			return w.files[part.name].WriteAt(p, at-part.offset)
		}
	}
	return 0, fmt.Errorf("%d bytes at %d of disk %s are in none of the partitions", len(p), at, w.name)
}

// mounted does something with a partition that is mounted, and leaves it as it
// would be after a clean end. Without a journal it is what GRUB sees.
func (d *disks) mounted(t *testing.T, name, flags string, do func(dir string) error) error {
	dir := d.path(name + ".mounted")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var said strings.Builder
	mount := host.Command{Name: "mount", Args: []string{"-o", "loop," + flags, d.path(name), dir}, Stdout: &said, Stderr: &said}
	if err := (host.Local{}).Run(t.Context(), mount); err != nil {
		return fmt.Errorf("%s cannot be mounted: %w: %s", name, err, &said)
	}
	err := do(dir)
	return errors.Join(err, unix.Unmount(dir, 0))
}
