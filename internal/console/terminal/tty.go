package terminal

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// IsSerial reports whether a device is anything but a virtual terminal of
// Linux, whose abilities are known.
func IsSerial(device string) bool {
	number, ok := strings.CutPrefix(device, "/dev/tty")
	return !ok || number == "" || number[0] < '0' || number[0] > '9'
}

// Size asks the kernel, which does not know what is at a serial line:
// 0, 0 then.
func Size(tty *os.File) (width, height int) {
	rc, err := tty.SyscallConn()
	if err != nil {
		return 0, 0
	}
	var ws *unix.Winsize
	cerr := rc.Control(func(fd uintptr) { ws, err = unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ) })
	if cerr != nil || err != nil {
		return 0, 0
	}
	return int(ws.Col), int(ws.Row)
}

// Raw switches off echo and line editing, and gives a function that puts the
// old settings back. Signals from the keyboard are off too: Ctrl-C on the
// console must not end it. So is flow control: Ctrl-S must not freeze it.
func Raw(tty *os.File) (func(), error) {
	rc, err := tty.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("cannot set up the console: %w", err)
	}
	var old *unix.Termios
	cerr := rc.Control(func(fd uintptr) {
		if old, err = unix.IoctlGetTermios(int(fd), unix.TCGETS); err != nil {
			return
		}
		set := *old
		set.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
		set.Iflag &^= unix.ICRNL | unix.INLCR | unix.IGNCR | unix.ISTRIP | unix.IXON
		set.Cc[unix.VMIN], set.Cc[unix.VTIME] = 1, 0
		err = unix.IoctlSetTermios(int(fd), unix.TCSETS, &set)
	})
	if err := cmp.Or(cerr, err); err != nil {
		return nil, fmt.Errorf("cannot set up the console: %w", err)
	}
	return func() {
		_ = rc.Control(func(fd uintptr) { _ = unix.IoctlSetTermios(int(fd), unix.TCSETS, old) })
	}, nil
}
