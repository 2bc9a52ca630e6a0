package seed

import (
	"errors"

	"golang.org/x/sys/unix"
)

// kernelMounter asks the kernel.
type kernelMounter struct{}

// Mount mounts read-only; nothing on the medium is a device, a program or a
// link that leads anywhere.
func (kernelMounter) Mount(device, kind, dir string) error {
	const flags = unix.MS_RDONLY | unix.MS_NODEV | unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NOSYMFOLLOW
	if err := unix.Mount(device, dir, kind, flags, ""); err != nil {
		return errors.New("cannot mount it: " + err.Error())
	}
	return nil
}

// Unmount lets go of the medium even if somebody still looks at it.
func (kernelMounter) Unmount(dir string) error { return unix.Unmount(dir, unix.MNT_DETACH) }
