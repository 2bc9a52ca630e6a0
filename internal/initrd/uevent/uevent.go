// Package uevent hears what the kernel says about devices that come, before
// there is udev, and lists what those already there would have said.
//
// What it does not do: device nodes (devtmpfs makes them), removal, rules.
package uevent

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Event is what one message says that matters here; either may be empty.
type Event struct {
	Subsystem string
	Modalias  string
}

// Listener is a socket on which the kernel announces devices.
type Listener struct {
	fd  int
	buf [16 << 10]byte // the kernel's messages have at most 2 KiB (UEVENT_BUFFER_SIZE)
}

// Listen begins to listen; call it before [Present], so that nothing is missed.
func Listen() (*Listener, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, fmt.Errorf("cannot listen for devices: %w", err)
	}
	// Group 1 is the kernel's own; 2 would be udev's. The buffer is for the
	// hundreds of events while one slow module probes.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20); err != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20) // the default is enough on small machines
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("cannot listen for devices: %w", err)
	}
	return &Listener{fd: fd}, nil
}

// Close stops listening.
func (l *Listener) Close() error { return unix.Close(l.fd) }

// Next waits for the next device that comes; ok is false when none came in
// that time. Events that were lost are not reported: look at everything
// again now and then.
func (l *Listener) Next(wait time.Duration) (e Event, ok bool, err error) {
	deadline := time.Now().Add(wait)
	for {
		left := time.Until(deadline)
		p := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}}
		n, err := unix.Poll(p, int(max(left, 0).Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return Event{}, false, fmt.Errorf("cannot wait for devices: %w", err)
		case n == 0:
			return Event{}, false, nil
		}
		n, _, err = unix.Recvfrom(l.fd, l.buf[:], unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
			continue
		case err != nil:
			return Event{}, false, fmt.Errorf("cannot wait for devices: %w", err)
		}
		if e, ok := parse(l.buf[:n]); ok {
			return e, true, nil
		}
	}
}

// parse reads a message: "add@/devices/…" and then KEY=value, each ended by a
// zero byte. ok is false when it is not about a device that came.
func parse(msg []byte) (e Event, ok bool) {
	head, rest, _ := bytes.Cut(msg, []byte{0})
	action, _, _ := strings.Cut(string(head), "@")
	if action != "add" && action != "change" && action != "bind" {
		return Event{}, false
	}
	for field := range bytes.SplitSeq(rest, []byte{0}) {
		key, value, _ := strings.Cut(string(field), "=")
		switch key {
		case "SUBSYSTEM":
			e.Subsystem = value
		case "MODALIAS":
			e.Modalias = value
		}
	}
	return e, true
}

// Present lists the modaliases of the devices below sysfs, each once.
func Present(sysfs string) []string {
	var all []string
	seen := map[string]bool{}
	files, _ := filepath.Glob(filepath.Join(sysfs, "bus", "*", "devices", "*", "modalias")) // the pattern is good
	for _, file := range files {
		// A device may go while we look; an empty modalias asks for nothing.
		data, _ := os.ReadFile(file)
		if m := strings.TrimSpace(string(data)); m != "" && !seen[m] {
			seen[m] = true
			all = append(all, m)
		}
	}
	return all
}
