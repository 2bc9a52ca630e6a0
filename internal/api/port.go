package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// PortName is the name of the virtio-serial port that carries the API to the
// hypervisor.
const PortName = "org.ingotvm.agent"

// FindPort gives the device of the virtio-serial port of that name, looking
// in sys and dev ("/sys" and "/dev"), or an error that wraps
// [os.ErrNotExist]. It does without the links that udev makes.
func FindPort(sys, dev, name string) (string, error) {
	dir := filepath.Join(sys, "class/virtio-ports")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("cannot find virtio-serial port %s: %w", name, err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name(), "name"))
		if err == nil && strings.TrimSpace(string(data)) == name {
			return filepath.Join(dev, e.Name()), nil
		}
	}
	return "", fmt.Errorf("cannot find virtio-serial port %s: %w", name, os.ErrNotExist)
}

// reconnectPause is how long the other end is left alone between two looks
// whether somebody is there. The device tells by poll, but only by telling
// all the time.
const reconnectPause = 250 * time.Millisecond

// PortListener makes a listener of a character device: each time that
// somebody opens the other end it yields a connection, one after the other.
// The line has no beginning and no end of its own: when the server closes a
// connection while the other end stays, the next request is the next
// connection's.
type PortListener struct {
	file *os.File
	ctx  context.Context
	stop context.CancelFunc
	// idle holds a token while no connection is out.
	idle chan struct{}
}

// ListenPort opens a virtio-serial port, or anything that behaves like one.
func ListenPort(device string) (*PortListener, error) {
	// Without blocking, so that the runtime's poller waits and deadlines work.
	file, err := os.OpenFile(device, os.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open virtio-serial port: %w", err)
	}
	return newPortListener(file), nil
}

func newPortListener(file *os.File) *PortListener {
	l := &PortListener{file: file, idle: make(chan struct{}, 1)}
	l.ctx, l.stop = context.WithCancel(context.Background())
	l.idle <- struct{}{}
	return l
}

// Accept waits until the last connection is closed and somebody is there.
func (l *PortListener) Accept() (net.Conn, error) {
	select {
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	case <-l.idle:
	}
	for !l.connected() {
		l.drain() // somebody may have come and gone between two looks
		select {
		case <-l.ctx.Done():
			return nil, net.ErrClosed
		case <-time.After(reconnectPause):
		}
	}
	if err := l.file.SetDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("cannot use %s: %w", l.file.Name(), err)
	}
	return &portConn{listener: l}, nil
}

// Close ends Accept and the connection that is out.
func (l *PortListener) Close() error {
	l.stop()
	return l.file.Close()
}

// Addr is the device.
func (l *PortListener) Addr() net.Addr { return portAddr(l.file.Name()) }

// connected asks whether somebody has the other end open.
func (l *PortListener) connected() bool {
	raw, err := l.file.SyscallConn()
	if err != nil {
		return false
	}
	there := false
	_ = raw.Control(func(fd uintptr) {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLOUT}}
		if _, err := unix.Poll(p, 0); err == nil {
			there = p[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) == 0
		}
	})
	return there
}

// portConn is the line while somebody is there. Once they left, nothing is
// written any more: it would greet the next one who comes.
type portConn struct {
	listener *PortListener
	// gone says that the other end left or that the connection is closed.
	gone atomic.Bool
	once sync.Once

	mu       sync.Mutex
	deadline time.Time // of writes
}

func (c *portConn) Read(p []byte) (int, error) {
	if c.gone.Load() {
		return 0, io.EOF
	}
	n, err := c.listener.file.Read(p)
	// A virtio port reads as ended while nobody is there, a terminal's
	// master as failed.
	if errors.Is(err, unix.EIO) {
		err = io.EOF
	}
	if errors.Is(err, io.EOF) {
		c.gone.Store(true)
	}
	return n, err
}

// Write writes in short turns: when the other end leaves meanwhile, the
// kernel would make it wait for the next one to come.
func (c *portConn) Write(p []byte) (int, error) {
	written := 0
	for {
		if c.gone.Load() || !c.listener.connected() {
			c.gone.Store(true)
			return written, net.ErrClosed
		}
		c.mu.Lock()
		deadline := c.deadline
		c.mu.Unlock()
		turn := time.Now().Add(reconnectPause)
		last := !deadline.IsZero() && deadline.Before(turn)
		if last {
			turn = deadline
		}
		if err := c.listener.file.SetWriteDeadline(turn); err != nil {
			return written, err
		}
		n, err := c.listener.file.Write(p[written:])
		written += n
		if last || !errors.Is(err, os.ErrDeadlineExceeded) {
			return written, err
		}
	}
}

// Close hands the line back. The device stays open: closing it would lose
// what the other end sends meanwhile.
func (c *portConn) Close() error {
	c.once.Do(func() {
		c.gone.Store(true)
		// Wake a reader that still waits; the next connection takes the
		// deadline away again.
		_ = c.listener.file.SetDeadline(time.Unix(1, 0))
		c.listener.drain()
		c.listener.idle <- struct{}{}
	})
	return nil
}

// drain throws away what is left of a request that was given up, so that its
// rest is not taken for the next one's beginning. What somebody says and
// leaves within one reconnectPause can still reach the next one's request,
// which is then answered with status 400; asking again helps.
func (l *PortListener) drain() {
	raw, err := l.file.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 4096)
	_ = raw.Control(func(fd uintptr) {
		for n := 1; n > 0; {
			n, err = unix.Read(int(fd), buf)
			if err != nil {
				return
			}
		}
	})
}

// SetWriteDeadline bounds writes.
func (c *portConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	c.deadline = t
	c.mu.Unlock()
	return nil
}

// SetReadDeadline bounds reads.
func (c *portConn) SetReadDeadline(t time.Time) error {
	if c.gone.Load() {
		return net.ErrClosed
	}
	return c.listener.file.SetReadDeadline(t)
}

// SetDeadline bounds both.
func (c *portConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *portConn) LocalAddr() net.Addr  { return c.listener.Addr() }
func (c *portConn) RemoteAddr() net.Addr { return c.listener.Addr() }

type portAddr string

func (portAddr) Network() string  { return "virtio-serial" }
func (a portAddr) String() string { return string(a) }
