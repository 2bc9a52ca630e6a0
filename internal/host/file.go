package host

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// WriteFile replaces the file at path so that a reader or a power cut sees
// the old content or the new, never a part. The folder must exist.
func WriteFile(path string, data []byte, perm os.FileMode) error {
	return WriteFileAs(path, data, perm, -1, -1)
}

// WriteFileAs is [WriteFile] for a file that belongs to somebody else: it has
// its owner before it has its name. -1 leaves the user or group as it comes.
func WriteFileAs(path string, data []byte, perm os.FileMode, uid, gid int) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("cannot write %s: %w", path, err)
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if uid != -1 || gid != -1 {
		if err = f.Chown(uid, gid); err != nil {
			return err
		}
	}
	if err = f.Chmod(perm); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return SyncDir(dir)
}

// WriteLink replaces what is at path, but a folder, by a symbolic link, as
// atomically as [WriteFile].
func WriteLink(path, target string) (err error) {
	dir := filepath.Dir(path)
	// A folder of its own gives the link a free name beside the old file.
	temp, err := os.MkdirTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("cannot link %s: %w", path, err)
	}
	defer os.RemoveAll(temp)
	link := filepath.Join(temp, "link")
	if err := os.Symlink(target, link); err != nil {
		return fmt.Errorf("cannot link %s: %w", path, err)
	}
	if err := os.Rename(link, path); err != nil {
		return fmt.Errorf("cannot link %s: %w", path, err)
	}
	return SyncDir(dir)
}

// SyncDir makes renames and removals in a folder durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// SyncFileSystem makes everything durable of the file system that a path is on,
// and says what of it could not be written before.
func SyncFileSystem(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}
