package images

import (
	"errors"
	"io"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// window is how much is written before the disk is made to take it, and how
// much of the page cache an expansion uses: on a machine of 160 MiB a whole
// image in the cache would push out everything else.
const window = 8 << 20

// reserve makes sure that there is room before hours of work are done in vain.
func reserve(f *os.File, size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return err
}

// behind writes a file and keeps its page cache small.
type behind struct {
	file    *os.File
	at      int64 // next byte
	started int64 // all before this is on its way to the disk
}

func newBehind(f *os.File) io.Writer { return &behind{file: f} }

func (b *behind) Write(p []byte) (int, error) {
	n, err := b.file.WriteAt(p, b.at)
	b.at += int64(n)
	if err != nil || b.at-b.started < window {
		return n, err
	}
	fd := int(b.file.Fd())
	// Start this window, and wait for the one before, which is then dropped.
	// Failures of these hints are met again at fsync.
	_ = unix.SyncFileRange(fd, b.started, b.at-b.started, unix.SYNC_FILE_RANGE_WRITE)
	if before := b.started - window; before >= 0 {
		_ = unix.SyncFileRange(fd, before, b.started-before,
			unix.SYNC_FILE_RANGE_WAIT_BEFORE|unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER)
		_ = unix.Fadvise(fd, 0, b.started, unix.FADV_DONTNEED)
	}
	b.started = b.at
	return n, nil
}

// ahead reads a file once and forgets what it has read.
type ahead struct {
	file *os.File
	at   int64
	kept int64
	err  atomic.Pointer[error] // the decoder reads in its own goroutine
}

func newAhead(f *os.File) *ahead {
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_SEQUENTIAL)
	return &ahead{file: f}
}

// failed is why the file cannot be read, if that is so.
func (a *ahead) failed() error {
	if err := a.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (a *ahead) Read(p []byte) (int, error) {
	n, err := a.file.ReadAt(p, a.at)
	a.at += int64(n)
	if a.at-a.kept >= window {
		_ = unix.Fadvise(int(a.file.Fd()), a.kept, a.at-a.kept, unix.FADV_DONTNEED)
		a.kept = a.at
	}
	if n > 0 && err == io.EOF {
		err = nil // told again by the next call
	}
	if err != nil && err != io.EOF {
		a.err.Store(&err)
	}
	return n, err
}
