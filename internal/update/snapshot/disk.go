package snapshot

import (
	"math"
	"os"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/host"
)

// disk is how the package changes what is there. Each call is one step, before
// and after which the power may go; tests cut it at every one.
type disk interface {
	// Write replaces a file atomically and durably.
	Write(path string, data []byte) error
	Rename(from, to string) error
	Mkdir(path string, perm os.FileMode) error
	MkdirAll(path string, perm os.FileMode) error
	RemoveAll(path string) error
	// Flush makes all of a file system durable.
	Flush(path string) error
	// Room is how many bytes are free, and how many files there can be more.
	Room(path string) (bytes, files int64, err error)
}

// realDisk is the machine's.
type realDisk struct{}

func (realDisk) Write(path string, data []byte) error         { return host.WriteFile(path, data, 0o600) }
func (realDisk) Rename(from, to string) error                 { return os.Rename(from, to) }
func (realDisk) Mkdir(path string, perm os.FileMode) error    { return os.Mkdir(path, perm) }
func (realDisk) MkdirAll(path string, perm os.FileMode) error { return os.MkdirAll(path, perm) }
func (realDisk) RemoveAll(path string) error                  { return os.RemoveAll(path) }
func (realDisk) Flush(path string) error                      { return host.SyncFileSystem(path) }

func (realDisk) Room(path string) (bytes, files int64, err error) {
	var room unix.Statfs_t
	if err := unix.Statfs(path, &room); err != nil {
		return 0, 0, err
	}
	if files = int64(room.Ffree); room.Files == 0 {
		files = math.MaxInt64 // it makes them as it goes
	}
	return int64(room.Bavail) * room.Bsize, files, nil
}
