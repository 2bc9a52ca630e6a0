// Package ext4 looks at an ext4 file system before it is mounted, and makes it
// larger afterwards. It does not check or repair: that is e2fsck's.
package ext4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Super is what the superblock says.
type Super struct {
	Blocks    int64
	BlockSize int64
	// Clean says that it was unmounted, and no error is recorded. When it is
	// not, the journal is to be replayed (mounting does that) or worse.
	Clean bool
	// Errors says that the kernel has met damage.
	Errors bool
}

// Size in bytes.
func (s Super) Size() int64 { return s.Blocks * s.BlockSize }

// ErrNone says that there is no ext4.
var ErrNone = errors.New("there is no ext4 file system")

// The superblock's fields, by the kernel's Documentation/filesystems/ext4/super.rst.
const (
	superOffset   = 1024
	magic         = 0xef53
	stateClean    = 1
	stateErrors   = 2
	needsRecovery = 0x4  // incompatible feature: the journal holds changes
	is64Bit       = 0x80 // incompatible feature: block numbers have 64 bits
)

// Read reads the superblock. The error is [ErrNone] when there is none.
func Read(r io.ReaderAt) (Super, error) {
	var b [1024]byte
	if _, err := r.ReadAt(b[:], superOffset); err != nil && !errors.Is(err, io.EOF) {
		return Super{}, fmt.Errorf("cannot read superblock: %w", err)
	}
	u16 := func(at int) uint16 { return binary.LittleEndian.Uint16(b[at:]) }
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	if u16(0x38) != magic || u32(0x18) > 6 { // 64 KiB is the largest block
		return Super{}, ErrNone
	}
	s := Super{Blocks: int64(u32(0x04)), BlockSize: 1024 << u32(0x18)}
	if u32(0x60)&is64Bit != 0 {
		s.Blocks |= int64(u32(0x150)) << 32
	}
	s.Errors = u16(0x3a)&stateErrors != 0
	s.Clean = u16(0x3a)&stateClean != 0 && !s.Errors && u32(0x60)&needsRecovery == 0
	return s, nil
}

// resizeFS is EXT4_IOC_RESIZE_FS, _IOW('f', 16, __u64).
const resizeFS = 0x40086610

// Resize makes the file system that is mounted there that many blocks long.
func Resize(mounted string, blocks int64) error {
	dir, err := os.Open(mounted)
	if err != nil {
		return fmt.Errorf("cannot enlarge file system: %w", err)
	}
	defer dir.Close()
	n := uint64(blocks)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, dir.Fd(), resizeFS, uintptr(unsafe.Pointer(&n)))
	if errno != 0 {
		return fmt.Errorf("cannot enlarge file system to %d blocks: %w", blocks, errno)
	}
	return nil
}
