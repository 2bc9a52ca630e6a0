// Package swap makes the swap file. It lies on the data disk, has no holes,
// and holds nothing that outlives a boot.
package swap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	page = 4096
	// largest is enough to let go of what is never used; more would only
	// make an appliance that is short of memory slow for longer.
	largest = 1 << 30
	// least is below what helps.
	least = 16 << 20
)

// Size of the swap file for a machine, in bytes, 0 for none: as much as there
// is memory, at most 1 GiB and a tenth of the file system.
func Size(memory, fileSystem int64) int64 {
	size := min(memory, largest, fileSystem/10) / page * page
	if size < least {
		return 0
	}
	return size
}

// header is the first page, as mkswap writes it: kernel's union swap_header in
// include/linux/swap.h. The first KiB is left to boot loaders.
func header(size int64) []byte {
	b := make([]byte, page)
	binary.LittleEndian.PutUint32(b[1024:], 1)                   // version
	binary.LittleEndian.PutUint32(b[1028:], uint32(size/page-1)) // last page
	copy(b[page-10:], "SWAPSPACE2")
	return b
}

// Make makes the file of size bytes when it does not exist. What an attempt
// that was cut off has left is replaced.
func Make(path string, size int64) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot make swap file: %w", err)
	}
	partial := path + ".tmp"
	f, err := os.OpenFile(partial, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot make swap file: %w", err)
	}
	defer func() {
		f.Close()
		if err != nil {
			os.Remove(partial)
			err = fmt.Errorf("cannot make swap file: %w", err)
		}
	}()
	// Blocks that are reserved and not written are no holes to swapon.
	if err := unix.Fallocate(int(f.Fd()), 0, 0, size); err != nil {
		return err
	}
	if _, err := f.WriteAt(header(size), 0); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(partial, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// On begins to use the file. Freed pages are not discarded: virtual disks
// gain little and some hypervisors are slow at it.
func On(path string) error {
	name, err := unix.BytePtrFromString(path)
	if err != nil {
		return fmt.Errorf("cannot use swap file %s: %w", path, err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_SWAPON, uintptr(unsafe.Pointer(name)), 0, 0); errno != 0 {
		return fmt.Errorf("cannot use swap file %s: %w", path, errno)
	}
	return nil
}
