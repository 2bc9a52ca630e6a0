package slot

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// volume is the file system of the system partition.
type volume interface {
	// unlock makes it writable, lock read-only again.
	unlock() error
	lock() error
	// settle writes the journal back, which GRUB cannot read.
	settle() error
}

// writable runs f while the partition can be written to.
func (d *Disk) writable(f func() error) (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.volume.unlock(); err != nil {
		return fmt.Errorf("cannot write to the system disk: %w", err)
	}
	err = f()
	if e := d.volume.settle(); e != nil {
		err = errors.Join(err, fmt.Errorf("cannot settle the system disk: %w", e))
	}
	if e := d.volume.lock(); e != nil {
		err = errors.Join(err, fmt.Errorf("cannot protect the system disk again: %w", e))
	}
	return err
}

// mounted is a partition that is mounted at dir.
type mounted struct{ dir string }

// flags are those with which the initrd mounts the partition.
const flags = unix.MS_REMOUNT | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME

func (m mounted) unlock() error { return unix.Mount("", m.dir, "", flags, "") }

func (m mounted) lock() error { return unix.Mount("", m.dir, "", flags|unix.MS_RDONLY, "") }

// The requests of ioctl_fsfreeze(2): _IOWR('X', 119, int) and 120.
const (
	fiFreeze = 0xc0045877
	fiThaw   = 0xc0045878
)

// settle freezes the file system, which writes everything to its place and
// leaves the journal empty, and thaws it at once.
func (m mounted) settle() error {
	f, err := os.Open(m.dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.IoctlSetInt(int(f.Fd()), fiFreeze, 0); err != nil {
		return err
	}
	return unix.IoctlSetInt(int(f.Fd()), fiThaw, 0)
}

// folder is a folder of the machine that this is tried on.
type folder struct{}

func (folder) unlock() error { return nil }
func (folder) lock() error   { return nil }
func (folder) settle() error { return nil }
