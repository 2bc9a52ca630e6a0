package rootfs

import (
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/erofs/go-erofs"
	"golang.org/x/sys/unix"
)

// WriteEROFS writes the tree as an uncompressed EROFS image with 4096-byte
// blocks: the same tree gives the same bytes. Times later than epoch are set
// back to it. Temp is a folder for the writer's spool file.
func (t *Tree) WriteEROFS(w io.WriteSeeker, temp string, epoch time.Time) error {
	img := erofs.Create(w, erofs.WithTempDir(temp), erofs.WithBuildTime(uint64(epoch.Unix()), 0))
	for _, name := range t.Paths() {
		e := t.entries[name]
		if err := writeEntry(img, "/"+name, e); err != nil {
			return fmt.Errorf("cannot write %s into image: %w", name, err)
		}
		if err := setAttributes(img, "/"+name, e, epoch); err != nil {
			return fmt.Errorf("cannot write attributes of %s into image: %w", name, err)
		}
	}
	if err := img.Close(); err != nil {
		return fmt.Errorf("cannot write image: %w", err)
	}
	return nil
}

func writeEntry(img *erofs.Writer, name string, e *Entry) error {
	switch e.Mode.Type() {
	case fs.ModeDir:
		return img.Mkdir(name, e.Mode.Perm())
	case fs.ModeSymlink:
		return img.Symlink(e.Target, name)
	case 0:
		return writeFile(img, name, e)
	case fs.ModeNamedPipe:
		return img.Mknod(name, unix.S_IFIFO|uint16(e.Mode.Perm()), 0)
	case fs.ModeDevice | fs.ModeCharDevice:
		return img.Mknod(name, unix.S_IFCHR|uint16(e.Mode.Perm()), e.Device)
	case fs.ModeDevice:
		return img.Mknod(name, unix.S_IFBLK|uint16(e.Mode.Perm()), e.Device)
	default:
		return fmt.Errorf("type %v is not supported", e.Mode.Type())
	}
}

func writeFile(img *erofs.Writer, name string, e *Entry) error {
	f, err := img.Create(name)
	if err != nil {
		return err
	}
	r, err := e.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := io.Copy(f, r)
	if err != nil {
		return err
	}
	if n != e.Size {
		return fmt.Errorf("file changed while it was read: %d bytes instead of %d", n, e.Size)
	}
	return f.Close()
}

func setAttributes(img *erofs.Writer, name string, e *Entry, epoch time.Time) error {
	if err := img.Chown(name, e.UID, e.GID); err != nil {
		return err
	}
	if e.Mode&fs.ModeSymlink == 0 {
		if err := img.Chmod(name, e.Mode); err != nil {
			return err
		}
	}
	modified := e.ModTime
	if modified.IsZero() || modified.After(epoch) {
		modified = epoch
	}
	if err := img.Chtimes(name, modified, modified); err != nil {
		return err
	}
	for attr, value := range e.Xattrs {
		if err := img.Setxattr(name, attr, value); err != nil {
			return err
		}
	}
	return nil
}
