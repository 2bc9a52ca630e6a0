package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/keyboards"
)

// Local is the kernel that runs this process; network calls are about the
// network namespace of the calling thread. It implements [setting.Net] and
// [setting.Kernel], and may be used from any goroutine. The zero value works.
type Local struct {
	// Root is above the files that are read; "" is "/".
	Root string

	// keys loads one key of a virtual terminal; tests stand in for it.
	keys func(terminal *os.File, key kbentry) error
}

var (
	_ setting.Net    = (*Local)(nil)
	_ setting.Kernel = (*Local)(nil)
)

func (l *Local) path(name string) string {
	if l.Root == "" {
		return name
	}
	return filepath.Join(l.Root, name)
}

// Sethostname implements [setting.Kernel], as do the two methods below.
func (l *Local) Sethostname(name string) error {
	if err := unix.Sethostname([]byte(name)); err != nil {
		return fmt.Errorf("cannot name the machine %q: %w", name, err)
	}
	return nil
}

// Hostname asks the kernel, which is what programs do.
func (l *Local) Hostname() (string, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", fmt.Errorf("cannot ask for the machine's name: %w", err)
	}
	return unix.ByteSliceToString(u.Nodename[:]), nil
}

// kbentry is struct kbentry of linux/kd.h.
type kbentry struct {
	table, index uint8
	value        uint16
}

const kdskbent = 0x4B47 // KDSKBENT of linux/kd.h

// SetKeymap loads the layout through the first virtual terminal that is
// there: all share it. A machine without any has no keyboard to load.
func (l *Local) SetKeymap(keymap keyboards.Keymap) error {
	terminal, err := l.terminal()
	if err != nil || terminal == nil {
		return err
	}
	defer terminal.Close()
	set := l.keys
	if set == nil {
		set = setKey
	}
	for table, keys := range keymap {
		for index, value := range keys {
			err := set(terminal, kbentry{table: table, index: index, value: value})
			if errors.Is(err, unix.ENOTTY) {
				return nil // /dev/tty0 of a container, say
			}
			if err != nil {
				return fmt.Errorf("cannot load key %d of the keyboard's table %d: %w", index, table, err)
			}
		}
	}
	return nil
}

// terminal is nil when there is none.
func (l *Local) terminal() (*os.File, error) {
	for _, name := range []string{"/dev/tty0", "/dev/tty1"} {
		f, err := os.OpenFile(l.path(name), os.O_RDWR|unix.O_NOCTTY, 0)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENXIO) && !errors.Is(err, unix.ENODEV) {
			return nil, fmt.Errorf("cannot load the keyboard layout: %w", err)
		}
	}
	return nil, nil
}

func setKey(terminal *os.File, key kbentry) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, terminal.Fd(), kdskbent, uintptr(unsafe.Pointer(&key)))
	if errno != 0 {
		return errno
	}
	return nil
}
