package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/host"
)

// screen measures how long it takes from the start of the console's program to
// the first screen that shows how the appliance is.
func (b *bench) screen(ctx context.Context, a *trial) error {
	person, device, err := openPTY(80, 25)
	if err != nil {
		return err
	}
	defer person.Close()
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	started := time.Now()
	go func() {
		ended <- host.Local{}.Run(ctx, host.Command{
			Name: "bin/ingotd", Args: []string{"console", "--tty", device, "--socket", a.socket},
		})
	}()
	took, err := firstShown(person, a.title, started, 20*time.Second)
	stop()
	if err != nil {
		return errors.Join(err, <-ended)
	}
	<-ended // it was told to end
	b.add("console: first screen", fmt.Sprintf("%.2f s", took.Seconds()), "≤ 1 s")
	return nil
}

// firstShown is how long after started a text was drawn on a terminal.
func firstShown(person *os.File, text string, started time.Time, limit time.Duration) (time.Duration, error) {
	if err := person.SetReadDeadline(started.Add(limit)); err != nil {
		return 0, err
	}
	drawn, buf := "", make([]byte, 16<<10)
	for {
		n, err := person.Read(buf)
		if drawn += string(buf[:n]); strings.Contains(drawn, text) {
			return time.Since(started), nil
		}
		// EIO: nobody has opened the other end yet (pty(7)).
		if err != nil && !errors.Is(err, unix.EIO) {
			return 0, fmt.Errorf("the console does not show %q but %.200q: %w", text, drawn, err)
		}
		if err != nil {
			if time.Since(started) > limit {
				return 0, fmt.Errorf("nobody draws on the terminal: %w", err)
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// openPTY makes a pseudo-terminal: the end that a person has, and the name of
// the end that a program gets.
func openPTY(width, height uint16) (person *os.File, device string, err error) {
	person, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, "", err
	}
	rc, err := person.SyscallConn()
	if err != nil {
		return nil, "", errors.Join(err, person.Close())
	}
	var number int
	var failed error
	err = rc.Control(func(fd uintptr) {
		failed = errors.Join(
			unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0),
			unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Col: width, Row: height}),
		)
		var asked error
		number, asked = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		failed = errors.Join(failed, asked)
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, "", errors.Join(err, person.Close())
	}
	return person, fmt.Sprintf("/dev/pts/%d", number), nil
}
