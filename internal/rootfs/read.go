package rootfs

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ReadTar reads the names in a tar archive of size bytes. The content stays
// in r, which must remain readable as long as the tree is used.
func ReadTar(r io.ReaderAt, size int64) (*Tree, error) {
	t := New()
	at := &position{SectionReader: io.NewSectionReader(r, 0, size)}
	tr := tar.NewReader(at)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return t, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read tar archive: %w", err)
		}
		if err := t.putHeader(h, r, at.offset()); err != nil {
			return nil, err
		}
	}
}

// TarEnd is where the archive's end mark ends, in bytes: what follows is
// padding. A reader at the end of a pipe may stop there.
func TarEnd(r io.ReaderAt, size int64) (int64, error) {
	at := &position{SectionReader: io.NewSectionReader(r, 0, size)}
	tr := tar.NewReader(at)
	for {
		switch _, err := tr.Next(); err {
		case nil:
		case io.EOF:
			return at.offset(), nil
		default:
			return 0, fmt.Errorf("cannot read tar archive: %w", err)
		}
	}
}

// position knows where in the archive the tar reader stands, which after
// Next is where the entry's content begins.
type position struct{ *io.SectionReader }

func (p *position) offset() int64 {
	n, _ := p.Seek(0, io.SeekCurrent) // a SectionReader cannot fail here
	return n
}

func (t *Tree) putHeader(h *tar.Header, r io.ReaderAt, offset int64) error {
	name := path.Clean(strings.TrimPrefix(h.Name, "/"))
	if !fs.ValidPath(name) {
		return fmt.Errorf("cannot use tar entry %q: not a path inside the archive", h.Name)
	}
	e := &Entry{
		Mode: h.FileInfo().Mode(), UID: h.Uid, GID: h.Gid, ModTime: h.ModTime,
		Target: h.Linkname, Xattrs: xattrs(h),
	}
	switch h.Typeflag {
	case tar.TypeReg:
		e.Target, e.Size = "", h.Size
		e.open = section(r, offset, h.Size)
	case tar.TypeLink:
		target := t.Get(strings.TrimPrefix(h.Linkname, "/"))
		if target == nil {
			return fmt.Errorf("cannot use tar entry %q: hard link to %q, which comes later or never", h.Name, h.Linkname)
		}
		linked := *target
		e = &linked
	case tar.TypeChar, tar.TypeBlock:
		e.Device = uint32(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor)))
	case tar.TypeDir, tar.TypeSymlink, tar.TypeFifo:
	default:
		return nil
	}
	if name == "." {
		t.entries["."] = e
		return nil
	}
	t.Put(name, e)
	return nil
}

func section(r io.ReaderAt, offset, size int64) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(r, offset, size)), nil
	}
}

// xattrs takes file capabilities along; other attributes have no meaning in
// a read-only root.
func xattrs(h *tar.Header) map[string]string {
	const record = "SCHILY.xattr."
	var out map[string]string
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, record); ok && name == "security.capability" {
			out = map[string]string{name: value}
		}
	}
	return out
}

// ReadDir reads a folder of the host. All becomes root's; of the modes only
// the executable bit counts, so that umask and checkout do not change an image.
func ReadDir(root string) (*Tree, error) {
	t := New()
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil || name == "." {
			return err
		}
		return t.putHost(filepath.ToSlash(name), file)
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read folder: %w", err)
	}
	return t, nil
}

func (t *Tree) putHost(name, file string) error {
	info, err := os.Lstat(file)
	if err != nil {
		return err
	}
	e := &Entry{}
	switch {
	case info.IsDir():
		e.Mode = fs.ModeDir | 0o755
	case info.Mode()&fs.ModeSymlink != 0:
		e.Mode = fs.ModeSymlink | 0o777
		if e.Target, err = os.Readlink(file); err != nil {
			return err
		}
	case info.Mode().IsRegular():
		e.Mode, e.Size = 0o644, info.Size()
		if info.Mode()&0o111 != 0 {
			e.Mode = 0o755
		}
		e.open = func() (io.ReadCloser, error) { return os.Open(file) }
	default:
		return fmt.Errorf("%s is neither a file, a folder nor a symbolic link", file)
	}
	t.Put(name, e)
	return nil
}

// HostFile adds one file of the host under another name.
func (t *Tree) HostFile(name string, perm fs.FileMode, file string) error {
	if err := t.putHost(name, file); err != nil {
		return err
	}
	if e := t.Get(name); !e.Mode.IsRegular() {
		return fmt.Errorf("%s is not a file", file)
	}
	t.Get(name).Mode = perm
	return nil
}

// Overlay puts all of upper over t. A folder of upper that t already has
// keeps t's owner and mode.
func (t *Tree) Overlay(upper *Tree) {
	for name, e := range maps.All(upper.entries) {
		if old := t.entries[name]; old != nil && old.Mode.IsDir() && e.Mode.IsDir() {
			continue
		}
		t.Put(name, e)
	}
}
