package power

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Devices are the input devices in a folder, /dev/input on the appliance.
func Devices(dir string) Source { return devices(dir) }

type devices string

func (d devices) List() ([]string, error) {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return nil, fmt.Errorf("cannot list input devices: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "event") {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func (d devices) Open(name string) (io.ReadCloser, error) {
	path := filepath.Join(string(d), name)
	// Without blocking, so that the runtime's poller waits and Close ends a Read.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open input device: %w", err)
	}
	has, err := hasButton(f)
	if err != nil || !has {
		f.Close()
		return nil, errors.Join(err, fmt.Errorf("%s has no power button", path))
	}
	return f, nil
}

// hasButton asks which keys a device has: EVIOCGBIT(EV_KEY, len) of
// linux/input.h, _IOC(_IOC_READ, 'E', 0x20 + EV_KEY, len).
func hasButton(f *os.File) (bool, error) {
	var keys [0x300 / 8]byte // KEY_CNT of linux/input-event-codes.h, in bits
	const request = 2<<30 | uintptr(len(keys))<<16 | 'E'<<8 | (0x20 + evKey)
	raw, err := f.SyscallConn()
	if err != nil {
		return false, err
	}
	var errno unix.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(&keys[0])))
	})
	if err != nil {
		return false, err
	}
	if errno != 0 {
		return false, fmt.Errorf("cannot ask %s for its keys: %w", f.Name(), errno)
	}
	has := func(key int) bool { return keys[key/8]&(1<<(key%8)) != 0 }
	return has(keyPower) || has(keyPower2), nil
}
