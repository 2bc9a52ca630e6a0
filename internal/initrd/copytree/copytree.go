// Package copytree copies folders on the data disk, and fills one from the
// image, the first time that a service uses it.
//
// Guarantees: owners, modes, times of files, extended attributes, symbolic
// links, hard links, holes and device nodes are as in the source. Of [Once]
// also: the target appears under its name only when it is complete and
// durable; what an attempt that was cut off left is replaced; a target that
// exists is never touched.
package copytree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/host"
)

// Once copies the folder source to target, unless target exists; done says
// whether it did. The folder of target must exist.
func Once(source, target string) (done bool, err error) {
	if _, err := os.Lstat(target); err == nil {
		return false, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("cannot fill %s: %w", target, err)
	}
	partial := target + ".tmp"
	defer func() {
		if err != nil {
			err = fmt.Errorf("cannot fill %s: %w", target, err)
		}
	}()
	if err := os.RemoveAll(partial); err != nil {
		return false, err
	}
	if err := Copy(context.Background(), source, partial, Options{}); err != nil {
		_ = os.RemoveAll(partial) // frees space; the next attempt would do it too
		return false, err
	}
	// One call makes all of the tree durable, where an fsync for each file
	// would take minutes.
	if err := host.SyncFileSystem(partial); err != nil {
		return false, err
	}
	if err := os.Rename(partial, target); err != nil {
		return false, err
	}
	return true, host.SyncFileSystem(target)
}

type inode struct{ dev, ino uint64 }

// Options of a copy.
type Options struct {
	// Changing says that somebody works in the folder meanwhile: what goes
	// away before its turn is left out.
	Changing bool
	// Progress, if any, is told how many bytes more are copied.
	Progress func(n int64)
}

// Copy copies a file or a folder with all that is in it to target, which must
// not exist. It is not flushed; what an error leaves of it is the caller's to
// remove. Sockets are left out.
func Copy(ctx context.Context, source, target string, o Options) error {
	c := copier{ctx: ctx, links: map[inode]string{}, changing: o.Changing, progress: o.Progress}
	if c.progress == nil {
		c.progress = func(int64) {}
	}
	return c.tree(source, target)
}

type copier struct {
	ctx      context.Context
	links    map[inode]string // files with several names, by the first copy
	changing bool
	progress func(n int64)
	byHand   bool // the kernel cannot copy between the two file systems
	buffer   []byte
}

// tree copies one entry and all below it.
func (c *copier) tree(source, target string) error {
	var st unix.Stat_t
	if err := unix.Lstat(source, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: source, Err: err}
	}
	var err error
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		err = c.dir(source, target)
	case unix.S_IFREG:
		var linked bool
		if linked, err = c.link(&st, target); linked {
			return err
		}
		if err == nil {
			err = c.file(source, target)
		}
	case unix.S_IFLNK:
		var to string
		if to, err = os.Readlink(source); err == nil {
			err = os.Symlink(to, target)
		}
	case unix.S_IFSOCK:
		return nil // means nothing without the process that listens
	default:
		err = unix.Mknod(target, st.Mode, int(st.Rdev))
	}
	if err != nil {
		return err
	}
	return attributes(source, target, &st)
}

func (c *copier) dir(source, target string) error {
	if err := os.Mkdir(target, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(source)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := c.entry(filepath.Join(source, e.Name()), filepath.Join(target, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// entry is tree for what is in a folder.
func (c *copier) entry(source, target string) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	err := c.tree(source, target)
	if c.changing && errors.Is(err, fs.ErrNotExist) {
		if _, gone := os.Lstat(source); errors.Is(gone, fs.ErrNotExist) {
			return os.RemoveAll(target)
		}
	}
	return err
}

// link makes a further name of a file that has been copied already.
func (c *copier) link(st *unix.Stat_t, target string) (bool, error) {
	if st.Nlink < 2 {
		return false, nil
	}
	id := inode{st.Dev, st.Ino}
	if first, ok := c.links[id]; ok {
		return true, os.Link(first, target)
	}
	c.links[id] = target
	return false, nil
}

// attributes come last: the owner clears setuid bits and file capabilities,
// and what is written into a folder changes its time.
func attributes(source, target string, st *unix.Stat_t) error {
	if err := os.Lchown(target, int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	if err := xattrs(source, target); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		if err := unix.Chmod(target, st.Mode&0o7777); err != nil {
			return &fs.PathError{Op: "chmod", Path: target, Err: err}
		}
	}
	times := []unix.Timespec{st.Atim, st.Mtim}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, target, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &fs.PathError{Op: "utimes", Path: target, Err: err}
	}
	return nil
}

func xattrs(source, target string) error {
	names := make([]byte, 64<<10) // the kernel's XATTR_LIST_MAX
	n, err := unix.Llistxattr(source, names)
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return &fs.PathError{Op: "listxattr", Path: source, Err: err}
	}
	if n <= 0 {
		return nil
	}
	value := make([]byte, 64<<10) // XATTR_SIZE_MAX
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names[:n]), "\x00"), "\x00") {
		// The overlay's own marks mean nothing on another file system.
		if strings.HasPrefix(name, "trusted.overlay.") {
			continue
		}
		size, err := unix.Lgetxattr(source, name, value)
		if err == nil {
			err = unix.Lsetxattr(target, name, value[:size], 0)
		}
		if err != nil {
			return &fs.PathError{Op: "copy attribute " + name + " of", Path: source, Err: err}
		}
	}
	return nil
}
