package config

import (
	"os"

	"github.com/ingotvm/ingot/internal/host"
)

// disk is how the package changes files. Each call is one step, before and
// after which a power cut may come; tests cut it at every one.
type disk interface {
	// Write replaces a file atomically and durably; -1 leaves user or group.
	Write(path string, data []byte, perm os.FileMode, uid, gid int) error
	// Link does the same with a symbolic link.
	Link(path, target string) error
	Rename(from, to string) error
	// Remove takes a folder's content with it; what is not there is fine.
	Remove(path string) error
	MkdirAll(path string, perm os.FileMode) error
}

// realDisk is the machine's.
type realDisk struct{}

func (realDisk) Write(path string, data []byte, perm os.FileMode, uid, gid int) error {
	return host.WriteFileAs(path, data, perm, uid, gid)
}
func (realDisk) Link(path, target string) error               { return host.WriteLink(path, target) }
func (realDisk) Rename(from, to string) error                 { return os.Rename(from, to) }
func (realDisk) Remove(path string) error                     { return os.RemoveAll(path) }
func (realDisk) MkdirAll(path string, perm os.FileMode) error { return os.MkdirAll(path, perm) }
