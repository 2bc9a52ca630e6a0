package console

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openPTY makes a pseudo-terminal: the end that a person has, and the name of
// the end that the console gets.
func openPTY(t *testing.T) (person *os.File, device string) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("there are no pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { person.Close() })
	rc, err := person.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number int
	if cerr := rc.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	}); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	return person, fmt.Sprintf("/dev/pts/%d", number)
}

// resize changes the size of a terminal.
func resize(t *testing.T, tty *os.File, width, height uint16) {
	t.Helper()
	rc, err := tty.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if cerr := rc.Control(func(fd uintptr) {
		err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Col: width, Row: height})
	}); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
}

func termios(t *testing.T, device string) unix.Termios {
	t.Helper()
	tty, err := os.OpenFile(device, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	got, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *got
}

// reader collects what a terminal shows.
type reader struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *reader) run(tty *os.File) {
	buf := make([]byte, 4096)
	for {
		n, err := tty.Read(buf)
		r.mu.Lock()
		r.text.Write(buf[:n])
		r.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// expect waits until a text was shown, and forgets what came before its end.
func (r *reader) expect(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		r.mu.Lock()
		before, after, found := strings.Cut(r.text.String(), text)
		if found {
			r.text.Reset()
			r.text.WriteString(after)
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		if time.Now().After(deadline) {
			t.Fatalf("%q was not shown; what was: %q", text, before)
		}
	}
}

// The real program on a real terminal: it draws, takes keys as a terminal
// sends them, follows the size, sends nothing but ASCII, and gives the
// terminal back as it was.
func TestConsoleOnATerminal(t *testing.T) {
	person, device := openPTY(t)
	keep, err := os.OpenFile(device, os.O_RDWR|unix.O_NOCTTY, 0) // so that the terminal outlives the console
	if err != nil {
		t.Skipf("the pseudo-terminal cannot be opened: %v", err)
	}
	defer keep.Close()
	before := termios(t, device)
	resize(t, person, 80, 24)
	screen := &reader{}
	go screen.run(person)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	agent := firstBoot()
	began := time.Now()
	go func() { done <- RunTTY(ctx, agent, device) }()
	screen.expect(t, "PocketBase 1.4.0")
	if took := time.Since(began); took > time.Second {
		t.Errorf("the first screen took %v", took)
	}
	screen.expect(t, "1/7 Language")
	during := termios(t, device)
	if during.Lflag&(unix.ECHO|unix.ICANON|unix.ISIG) != 0 {
		t.Error("the terminal echoes, edits lines or sends signals")
	}
	press := func(keys string) {
		t.Helper()
		if _, err := person.WriteString(keys); err != nil {
			t.Fatal(err)
		}
	}
	press("\x1b[21~") // F10
	screen.expect(t, "2/7 Keyboard")
	press("\n")
	screen.expect(t, "3/7 Licence")
	press("\x1b[F") // End
	screen.expect(t, "a) the end")
	press("\r")
	screen.expect(t, "4/7 Network")
	press("\x03\x1b[200~my\nhost\x1b[201~") // Ctrl-C, and a paste
	screen.expect(t, "pocketbasemy")
	resize(t, person, 120, 40)
	screen.expect(t, "\x1b[40;1H")
	press("\x1b[B\x1b[C") // down, right: a static address
	screen.expect(t, "IPv4 gateway")
	press("\x1b[21~")
	screen.expect(t, "! must have a value")
	press("\x1b")
	screen.expect(t, "3/7 Licence")
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("RunTTY() = %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the console did not end")
	}
	screen.expect(t, "\x1b[?25h")
	if after := termios(t, device); after != before {
		t.Errorf("the terminal's settings are %+v; want %+v", after, before)
	}
	agent.mu.Lock()
	defer agent.mu.Unlock()
	if !slices.Contains(agent.asked, "answer eula abc[]") {
		t.Errorf("the agent was told %q", agent.asked)
	}
}

// The function keys of Linux's own console are spelled in their own way.
func TestKeysOfLinuxConsole(t *testing.T) {
	person, device := openPTY(t)
	screen := &reader{}
	go screen.run(person)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- RunTTY(ctx, newAgent(), device) }()
	defer func() { cancel(); <-done }()
	for _, step := range []struct{ keys, shows string }{
		{"", "Enter/F2: log in"}, {"\x1b[[B", "Forgot the password?"}, {"\x1b[[D", "Once more"}, {"\x1b", "Forgot the password?"},
	} {
		if _, err := person.WriteString(step.keys); err != nil {
			t.Fatal(err)
		}
		screen.expect(t, step.shows)
	}
}
