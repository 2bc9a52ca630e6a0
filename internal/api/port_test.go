package api

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/api/client"
)

// pty is a terminal pair as a stand-in for a virtio-serial port: the master
// hangs up while nobody has the other end open, and comes back when somebody
// opens it, as the port does.
func pty(t *testing.T) (master *os.File, other string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // Fd() made it blocking
		t.Fatal(err)
	}
	return master, "/dev/pts/" + strconv.Itoa(n)
}

// open opens the other end, as a hypervisor's client would, and makes it pass
// bytes unchanged.
func open(t *testing.T, path string) net.Conn {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	rc, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	rc.Control(func(fd uintptr) {
		var set *unix.Termios
		if set, err = unix.IoctlGetTermios(int(fd), unix.TCGETS); err != nil {
			return
		}
		set.Lflag, set.Iflag, set.Oflag = 0, 0, 0
		err = unix.IoctlSetTermios(int(fd), unix.TCSETS, set)
	})
	if err != nil {
		t.Fatal(err)
	}
	return ttyConn{f}
}

type ttyConn struct{ *os.File }

func (c ttyConn) LocalAddr() net.Addr  { return portAddr(c.Name()) }
func (c ttyConn) RemoteAddr() net.Addr { return portAddr(c.Name()) }

func TestPortSurvivesTheOtherEnd(t *testing.T) {
	master, other := pty(t)
	open(t, other).Close() // a terminal hangs up only after it was open once
	l := newPortListener(master)
	start(t, Port, l)

	ask := func() error {
		c := client.NewConn(open(t, other))
		defer c.Close()
		for range 3 { // one after the other on the same line
			checks, err := c.Checks(t.Context())
			if err != nil {
				return err
			}
			if len(checks.Jobs) != 1 {
				return errors.New("an empty answer")
			}
		}
		return nil
	}
	// A client that comes within a reconnectPause of one that left in the
	// middle may get the answer to both; opening the line anew must help.
	askAgain := func(after string) {
		err := ask()
		for range 5 {
			if err == nil {
				return
			}
			time.Sleep(2 * reconnectPause)
			err = ask()
		}
		t.Errorf("after %s: %v", after, err)
	}
	if err := ask(); err != nil {
		t.Fatalf("the first client: %v", err)
	}

	half := open(t, other)
	if _, err := half.Write([]byte("GET /v1/status HTTP/1.1\r\nHost: ")); err != nil {
		t.Fatal(err)
	}
	half.Close()
	askAgain("a client that left in the middle")

	wild := open(t, other)
	if _, err := wild.Write([]byte("\x00\xff nonsense\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 512)
	wild.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := wild.Read(answer); err != nil || string(answer[:12]) != "HTTP/1.1 400" {
		t.Errorf("nonsense is answered %q, %v; want a 400", answer[:n], err)
	}
	wild.Close()
	askAgain("nonsense")
}

func TestPortDoesNotSpin(t *testing.T) {
	master, other := pty(t)
	open(t, other).Close()
	l := newPortListener(master)
	start(t, Port, l)
	var before, after unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &before); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	if err := unix.Getrusage(unix.RUSAGE_SELF, &after); err != nil {
		t.Fatal(err)
	}
	spent := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	if spent > 200*time.Millisecond {
		t.Errorf("waiting for a second for somebody to come cost %v of CPU", spent)
	}
}

func TestFindPort(t *testing.T) {
	sys := t.TempDir()
	for dev, name := range map[string]string{"vport1p1": "com.redhat.spice.0\n", "vport2p3": PortName + "\n"} {
		dir := filepath.Join(sys, "class/virtio-ports", dev)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "name"), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := FindPort(sys, "/dev", PortName); err != nil || got != "/dev/vport2p3" {
		t.Errorf("FindPort() = %q, %v", got, err)
	}
	if _, err := FindPort(sys, "/dev", "other"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("FindPort(other) = %v; want ErrNotExist", err)
	}
	if _, err := FindPort(t.TempDir(), "/dev", PortName); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("FindPort() without ports = %v; want ErrNotExist", err)
	}
}
