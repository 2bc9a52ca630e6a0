package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// console is the kernel's log, and the screens that it is shown on.
type console struct{ kmsg *os.File }

// Levels of the kernel's log; what is below 4 is shown although "quiet".
const (
	levelError = 3
	levelInfo  = 6
)

func (c *console) open() error {
	// The kernel takes ten lines in five seconds from a program, by default.
	_ = os.WriteFile("/proc/sys/kernel/printk_devkmsg", []byte("on\n"), 0)
	f, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	c.kmsg = f
	return nil
}

func (c *console) info(format string, args ...any) { c.write(levelInfo, fmt.Sprintf(format, args...)) }
func (c *console) error(format string, args ...any) {
	c.write(levelError, fmt.Sprintf(format, args...))
}

func (c *console) write(level int, text string) {
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		line = fmt.Sprintf("<%d>ingot-init: %s\n", level, line)
		if c.kmsg == nil {
			fmt.Fprint(os.Stderr, line) // before /dev there is only this
			continue
		}
		_, _ = c.kmsg.WriteString(line) // nowhere to say that this failed
	}
}

// say shows text to people, on every console of the kernel: /dev/console is
// only the last of them, often a serial port that nobody looks at.
func (c *console) say(text string) {
	c.info("%s", text)
	active, err := os.ReadFile("/sys/class/tty/console/active")
	names := strings.Fields(string(active))
	if err != nil || len(names) == 0 {
		names = []string{"console"}
	}
	for _, name := range names {
		f, err := os.OpenFile("/dev/"+name, os.O_WRONLY|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
		if err != nil {
			continue // a console without a device, as ttynull
		}
		_, _ = f.WriteString(strings.ReplaceAll(text, "\n", "\r\n") + "\r\n")
		f.Close()
	}
}

// pause gives people time to read before the machine reboots.
const pause = 10 * time.Second

// halt says what failed, and reboots.
func (m *machine) halt(err error) {
	m.log.say(fmt.Sprintf("\nThis appliance cannot start:\n  %v\n\n%s\nIt will try again in %d seconds.\n",
		err, advice(err), int(pause.Seconds())))
	time.Sleep(pause)
	unix.Sync()
	_ = unix.Mount("", systemDir, "", unix.MS_REMOUNT|unix.MS_RDONLY, "") // may never have been mounted
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART); err != nil {
		m.log.error("cannot reboot: %v", err)
	}
	select {}
}

// recover turns a fault of this program into what halt does.
func (m *machine) recover() {
	if r := recover(); r != nil {
		m.halt(fmt.Errorf("a fault in ingot-init: %v", r))
	}
}
