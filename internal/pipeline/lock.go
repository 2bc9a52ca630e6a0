package pipeline

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockPoll is how often a lock that another process holds is tried again.
// flock cannot be waited for with a context; nobody notices a tenth of a second.
const lockPoll = 100 * time.Millisecond

// errBusy says that another holder has the lock.
var errBusy = errors.New("locked by another process")

// fileLock is a held flock. The kernel releases it when the process ends, in
// whatever way. Lock files may be removed by whoever holds them exclusively.
type fileLock struct{ f *os.File }

func (l *fileLock) release() {
	if l != nil {
		l.f.Close()
	}
}

// removeAndRelease is for holders of an exclusive lock only.
func (l *fileLock) removeAndRelease() {
	os.Remove(l.f.Name())
	l.f.Close()
}

// tryLock takes the lock (how is LOCK_SH or LOCK_EX) or returns errBusy.
func tryLock(path string, how int) (*fileLock, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, err
		}
		for {
			err = unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
			if err != unix.EINTR {
				break
			}
		}
		if err != nil {
			f.Close()
			if err == unix.EWOULDBLOCK {
				return nil, errBusy
			}
			return nil, &os.PathError{Op: "flock", Path: path, Err: err}
		}
		if isStill(f, path) {
			return &fileLock{f}, nil
		}
		f.Close() // removed between our open and our lock: lock the new file
	}
}

// waitLock takes the lock; waiting is called once if that takes longer than a moment.
func waitLock(ctx context.Context, path string, how int, waiting func()) (*fileLock, error) {
	for first := true; ; first = false {
		l, err := tryLock(path, how)
		if !errors.Is(err, errBusy) {
			return l, err
		}
		if first && waiting != nil {
			waiting()
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(lockPoll):
		}
	}
}

// isStill says whether the open file is the one that path names now.
func isStill(f *os.File, path string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(path)
	return err == nil && os.SameFile(mine, named)
}
