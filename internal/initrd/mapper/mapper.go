package mapper

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/verity"
)

// Open opens the expanded image in the file: its bytes followed by their hash
// tree. It returns the path of the block device to mount.
func Open(file string, image release.Image) (device string, err error) {
	loop, err := attach(file)
	if err != nil {
		return "", fmt.Errorf("cannot make a disk of %s: %w", file, err)
	}
	defer loop.Close() // by then the dm device holds it
	table, err := verityTable(loop, image)
	if err != nil {
		return "", fmt.Errorf("cannot verify %s: %w", file, err)
	}
	device, err = create("ingot-"+image.Name, image.Size, table)
	if err != nil {
		return "", fmt.Errorf("cannot verify %s: %w", file, err)
	}
	return device, nil
}

// attach makes a read-only loop device of a file. It ends when it is closed
// and nothing else uses it.
func attach(file string) (*os.File, error) {
	backing, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer backing.Close()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	// Another process may take the free one before us: only in the initrd
	// there is none, but trying again costs nothing.
	for range 8 {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("no free loop device: %w", err)
		}
		loop, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		config := unix.LoopConfig{
			Fd: uint32(backing.Fd()),
			// The file is whole blocks of this size, and disks with 4096-byte
			// sectors can be read directly only so.
			Size: verity.BlockSize,
			Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_READ_ONLY | unix.LO_FLAGS_AUTOCLEAR | unix.LO_FLAGS_DIRECT_IO},
		}
		err = unix.IoctlLoopConfigure(int(loop.Fd()), &config)
		if err == nil {
			return loop, nil
		}
		loop.Close()
		if err != unix.EBUSY {
			return nil, err
		}
	}
	return nil, unix.EBUSY
}

// verityTable is the target's parameters for an image on a device, by the
// kernel's Documentation/admin-guide/device-mapper/verity.rst.
func verityTable(device *os.File, image release.Image) (string, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(device.Fd()), &st); err != nil {
		return "", err
	}
	return tableLine(unix.Major(st.Rdev), unix.Minor(st.Rdev), image)
}

func tableLine(major, minor uint32, image release.Image) (string, error) {
	if image.Size <= 0 || image.Size%verity.BlockSize != 0 {
		return "", fmt.Errorf("%d bytes are not whole blocks", image.Size)
	}
	salt := image.Verity.Salt
	if salt == "" {
		salt = "-"
	}
	blocks := image.Size / verity.BlockSize
	// Version, data device, hash device, data and hash block size, data
	// blocks, first hash block, algorithm, root, salt.
	return fmt.Sprintf("1 %d:%d %d:%d %d %d %d %d sha256 %s %s",
		major, minor, major, minor, verity.BlockSize, verity.BlockSize,
		blocks, blocks, image.Verity.Root, salt), nil
}

// create makes a read-only device-mapper device with one verity target over
// size bytes, and returns its node.
func create(name string, size int64, table string) (string, error) {
	control, err := os.OpenFile("/dev/mapper/control", os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer control.Close()

	reply, err := dm(control, unix.DM_DEV_CREATE, message(name, 0))
	if err != nil {
		return "", fmt.Errorf("cannot create device %s: %w", name, err)
	}
	for _, step := range []struct {
		what string
		cmd  uint
		msg  []byte
	}{
		{"load its table", unix.DM_TABLE_LOAD, message(name, unix.DM_READONLY_FLAG, target(size, table)...)},
		// Suspend without the suspend flag means resume.
		{"start it", unix.DM_DEV_SUSPEND, message(name, 0)},
	} {
		if _, err := dm(control, step.cmd, step.msg); err != nil {
			_, _ = dm(control, unix.DM_DEV_REMOVE, message(name, 0)) // the first error is the one to tell
			return "", fmt.Errorf("cannot create device %s: cannot %s: %w", name, step.what, err)
		}
	}
	header := (*unix.DmIoctl)(unsafe.Pointer(&reply[0]))
	return fmt.Sprintf("/dev/dm-%d", unix.Minor(header.Dev)), nil
}

// dm gives a message to the device mapper, which answers in place.
func dm(control *os.File, cmd uint, msg []byte) ([]byte, error) {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, control.Fd(), uintptr(cmd), uintptr(unsafe.Pointer(&msg[0])))
	if errno != 0 {
		return nil, errno
	}
	return msg, nil
}

// message is the header of every request and what follows it.
func message(name string, flags uint32, payload ...byte) []byte {
	msg := make([]byte, unix.SizeofDmIoctl, unix.SizeofDmIoctl+len(payload))
	header := (*unix.DmIoctl)(unsafe.Pointer(&msg[0]))
	// 4.0.0: the interface's major version since Linux 2.6.
	header.Version = [3]uint32{4, 0, 0}
	header.Data_size = uint32(unix.SizeofDmIoctl + len(payload))
	header.Data_start = unix.SizeofDmIoctl
	header.Flags = flags
	if len(payload) > 0 {
		header.Target_count = 1
	}
	copy(header.Name[:len(header.Name)-1], name)
	return append(msg, payload...)
}

// target is one dm_target_spec with its parameters, in 512-byte sectors.
func target(size int64, table string) []byte {
	params := (len(table) + 1 + 7) / 8 * 8 // ended by zero, 8-byte aligned
	spec := make([]byte, unix.SizeofDmTargetSpec+params)
	head := (*unix.DmTargetSpec)(unsafe.Pointer(&spec[0]))
	head.Sector_start = 0
	head.Length = uint64(size / 512)
	head.Next = uint32(len(spec))
	copy(head.Target_type[:], "verity")
	copy(spec[unix.SizeofDmTargetSpec:], table)
	return spec
}
