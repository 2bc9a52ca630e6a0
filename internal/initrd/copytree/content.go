package copytree

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// chunk is copied between two looks at whether to go on.
const chunk = 8 << 20

// file copies a file's content: without copying where the file system can
// share blocks, and with its holes.
func (c *copier) file(source, target string) (err error) {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if e := out.Close(); err == nil {
			err = e
		}
	}()
	if unix.IoctlFileClone(int(out.Fd()), int(in.Fd())) == nil {
		size, err := in.Seek(0, io.SeekEnd)
		c.progress(size)
		return err
	}
	return c.content(out, in)
}

// content copies what is data between the holes, and then gives the copy its
// length.
func (c *copier) content(out, in *os.File) error {
	for end := int64(0); ; {
		begin, err := in.Seek(end, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break // a hole to the end
		}
		if err != nil {
			return err
		}
		if end, err = in.Seek(begin, unix.SEEK_HOLE); err != nil {
			return err
		}
		if err := c.extent(out, in, begin, end); err != nil {
			return err
		}
	}
	size, err := in.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	return out.Truncate(size)
}

func (c *copier) extent(out, in *os.File, from, end int64) error {
	for from < end {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		n, err := c.some(out, in, from, int(min(end-from, chunk)))
		if err != nil {
			return err
		}
		if n == 0 {
			return nil // it has become shorter
		}
		from += int64(n)
		c.progress(int64(n))
	}
	return nil
}

// some copies at most n bytes, in the kernel if it can.
func (c *copier) some(out, in *os.File, at int64, n int) (int, error) {
	if !c.byHand {
		from, to := at, at
		done, err := unix.CopyFileRange(int(in.Fd()), &from, int(out.Fd()), &to, n, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			return c.some(out, in, at, n)
		case err == nil && done > 0:
			return done, nil
		case err != nil && !errors.Is(err, unix.EXDEV) && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EOPNOTSUPP):
			return 0, &fs.PathError{Op: "copy", Path: in.Name(), Err: err}
		}
		c.byHand = true
	}
	if c.buffer == nil {
		c.buffer = make([]byte, 1<<20)
	}
	read, err := in.ReadAt(c.buffer[:min(n, len(c.buffer))], at)
	if err != nil && err != io.EOF {
		return 0, err
	}
	return out.WriteAt(c.buffer[:read], at)
}
