package support

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// terminal is both ends of a pseudo terminal: what is written to one is read
// from the other.
type terminal struct {
	// ours is where the agent is, theirs where programs are.
	ours, theirs *os.File
}

// openTerminal makes one (pty(7)).
func openTerminal() (*terminal, error) {
	// Without blocking, so that the runtime's poller waits and Close ends a read.
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open a terminal: %w", err)
	}
	number, err := 0, control(ours, func(fd int) error { return unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0) })
	if err == nil {
		err = control(ours, func(fd int) (err error) { number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN); return err })
	}
	var theirs *os.File
	if err == nil {
		theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		ours.Close()
		return nil, fmt.Errorf("cannot open a terminal: %w", err)
	}
	return &terminal{ours, theirs}, nil
}

// resize says how large it is.
func (t *terminal) resize(columns, rows uint32) error {
	size := &unix.Winsize{Col: uint16(min(columns, 1000)), Row: uint16(min(rows, 1000))}
	return control(t.ours, func(fd int) error { return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size) })
}

func control(file *os.File, call func(fd int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = call(int(fd)) }); err != nil {
		return err
	}
	return failed
}
