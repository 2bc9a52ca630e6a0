package slot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/host"
)

// Draft is a version that is being written; nobody boots it yet.
type Draft struct {
	disk *Disk
	// Version is what it will be.
	Version string
	dir     string
}

// Write makes slots/<version>/: fill writes its files into a draft, which gets
// its name when they are durable. When fill fails, or ctx ends, nothing of it
// stays. A version that is there is an error that wraps [os.ErrExist]; what is
// left of one that cannot be read any more is replaced, unless it is in use.
//
// When it returns, GRUB can read the version: the file system was frozen for a
// moment, and so its journal is empty.
func (d *Disk) Write(ctx context.Context, version string, fill func(*Draft) error) error {
	if !appliance.IsVersion(version) {
		return fmt.Errorf("cannot write version %q: it is none", version)
	}
	dir := filepath.Join(d.Dir, Folder)
	if _, err := os.Lstat(filepath.Join(dir, version)); err == nil {
		if _, broken := d.slot(version); broken == nil {
			return fmt.Errorf("cannot write version %s: %w", version, os.ErrExist)
		}
		if err := d.Remove(ctx, version); err != nil {
			return err
		}
	}
	return d.writable(func() error {
		left, err := d.drafts()
		if err == nil {
			err = removeAll(left)
		}
		if err != nil {
			return err
		}
		draft := &Draft{disk: d, Version: version, dir: filepath.Join(dir, draftPrefix+version)}
		err = draft.write(fill)
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = draft.finish()
		}
		if err != nil {
			return errors.Join(fmt.Errorf("cannot write version %s: %w", version, err), os.RemoveAll(draft.dir))
		}
		return nil
	})
}

func (w *Draft) write(fill func(*Draft) error) error {
	if err := os.Mkdir(w.dir, 0o755); err != nil {
		return err
	}
	return fill(w)
}

// finish makes everything durable, and gives the draft its name.
func (w *Draft) finish() error {
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := syncFile(filepath.Join(w.dir, e.Name())); err != nil {
			return err
		}
	}
	if err := host.SyncDir(w.dir); err != nil {
		return err
	}
	dir := filepath.Dir(w.dir)
	if err := os.Rename(w.dir, filepath.Join(dir, w.Version)); err != nil {
		return err
	}
	return host.SyncDir(dir)
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func (w *Draft) path(name string) (string, error) {
	if name == "" || name[0] == '.' || !filepath.IsLocal(name) || filepath.Base(name) != name {
		return "", fmt.Errorf("a version cannot have a file %q", name)
	}
	return filepath.Join(w.dir, name), nil
}

// Create makes a file that will have so many bytes, whose room is taken at
// once: a disk that is full says so before anything is written.
func (w *Draft) Create(name string, size int64) (*os.File, error) {
	path, err := w.path(name)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if size > 0 {
		err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
		if errors.Is(err, unix.EOPNOTSUPP) { // a file system of a trial
			err = nil
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("no room for %s, %d MiB, on the system disk: %w", name, size>>20, err)
	}
	return f, nil
}

// Link takes a file over from another version: the same one, not a copy.
func (w *Draft) Link(name, version string) error {
	path, err := w.path(name)
	if err != nil {
		return err
	}
	if !appliance.IsVersion(version) {
		return fmt.Errorf("cannot take %s over from version %q: it is none", name, version)
	}
	return os.Link(filepath.Join(w.disk.Dir, Folder, version, name), path)
}

// Open reads a file of the draft from the disk, not from memory, so that what
// was written can be told from what has arrived.
func (w *Draft) Open(name string) (io.ReadCloser, error) {
	path, err := w.path(name)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return nil, err
	}
	// The pages are clean now, so the kernel drops them.
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is longer than %d bytes", path, limit)
	}
	return data, err
}
