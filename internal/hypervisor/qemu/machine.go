package qemu

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/ingotvm/ingot/internal/hypervisor"
)

// maxSocket is how long the path of a unix socket may be: sun_path of
// sys/un.h has 108 bytes, one of them for the end.
const maxSocket = 107

// machine implements hypervisor.Machine, Screener, Resetter and Sizer.
type machine struct {
	driver *Driver
	spec   hypervisor.Spec
	files  files
	ctx    context.Context // ends the machine's runs
	cancel context.CancelFunc

	mu      sync.Mutex
	ownsDir bool // the folder was made by makeFolders
	removed bool
	run     *run // the present or the last one
}

func newMachine(ctx context.Context, d *Driver, spec hypervisor.Spec) *machine {
	m := &machine{driver: d, spec: spec}
	m.ctx, m.cancel = context.WithCancel(ctx)
	return m
}

// makeFolders makes the machine's folders: one for its files, or takes the
// empty one that was asked for, and one with a short name for sockets.
func (m *machine) makeFolders(parent string) error {
	dir, err := filepath.Abs(m.spec.Dir)
	if err != nil {
		return err
	}
	if m.spec.Dir == "" {
		dir, err = os.MkdirTemp(parent, "ingot-machine-")
		m.ownsDir = err == nil
	} else {
		err = os.Mkdir(dir, 0o755)
		m.ownsDir = err == nil
		if errors.Is(err, fs.ErrExist) {
			err = mustBeEmpty(dir)
		}
	}
	if err != nil {
		return err
	}
	m.files.dir = dir
	for _, parent := range []string{os.TempDir(), "/tmp"} {
		m.files.sockets, err = os.MkdirTemp(parent, "ingot-")
		if err != nil || len(m.files.consoleSocket()) <= maxSocket {
			return err
		}
		if err := os.Remove(m.files.sockets); err != nil {
			return err
		}
	}
	return errors.New("the path of the folder for temporary files is too long for a socket")
}

func mustBeEmpty(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Readdirnames(1); !errors.Is(err, io.EOF) {
		return errors.Join(fmt.Errorf("folder %s is not empty", dir), err)
	}
	return nil
}

func (m *machine) Start(ctx context.Context) error {
	m.mu.Lock()
	if m.removed {
		m.mu.Unlock()
		return errors.New("cannot start the machine: it has been removed")
	}
	if m.run != nil && !m.run.over() {
		m.mu.Unlock()
		return fmt.Errorf("cannot start the machine: %w", hypervisor.ErrRunning)
	}
	r := newRun()
	m.run = r
	m.mu.Unlock()
	if err := r.launch(ctx, m); err != nil {
		return fmt.Errorf("cannot start the machine: %w", err)
	}
	return nil
}

func (m *machine) Stop(ctx context.Context) error {
	r := m.lastRun()
	if r == nil {
		return nil
	}
	r.stop()
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cannot stop the machine: %w", ctx.Err())
	}
}

func (m *machine) PowerButton(ctx context.Context) error {
	return m.command(ctx, "press the power button", "system_powerdown", nil)
}

func (m *machine) Reset(ctx context.Context) error {
	return m.command(ctx, "reset the machine", "system_reset", nil)
}

// SetMemory implements [hypervisor.Sizer]; the next run reads the spec.
func (m *machine) SetMemory(bytes int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.run != nil && !m.run.over() {
		return fmt.Errorf("cannot change the memory: %w", hypervisor.ErrRunning)
	}
	spec := m.spec
	spec.Memory = bytes
	if _, err := spec.WithDefaults(); err != nil {
		return err
	}
	m.spec.Memory = bytes
	return nil
}

// command runs a QMP command of a running machine; what is for people.
func (m *machine) command(ctx context.Context, what, command string, arguments any) error {
	q, err := m.control()
	if err == nil {
		err = q.execute(ctx, command, arguments, nil)
	}
	if err != nil {
		return fmt.Errorf("cannot %s: %w", what, err)
	}
	return nil
}

func (m *machine) State() hypervisor.State {
	if r := m.lastRun(); r != nil && !r.over() {
		return hypervisor.Running
	}
	return hypervisor.Off
}

func (m *machine) Done() <-chan struct{} {
	if r := m.lastRun(); r != nil {
		return r.done
	}
	over := make(chan struct{})
	close(over)
	return over
}

func (m *machine) Wait(ctx context.Context) (hypervisor.End, error) {
	r := m.lastRun()
	if r == nil {
		return hypervisor.EndStopped, nil
	}
	select {
	case <-r.done:
		return r.end, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (m *machine) ConsoleLog() string { return m.files.console() }

func (m *machine) Console(ctx context.Context) (io.ReadWriteCloser, error) {
	conn, err := m.dial(ctx, m.files.consoleSocket())
	if err != nil {
		return nil, fmt.Errorf("cannot attach to the console: %w", err)
	}
	return conn, nil
}

func (m *machine) Channel(ctx context.Context) (net.Conn, error) {
	conn, err := m.dial(ctx, m.files.channelSocket())
	if err != nil {
		return nil, fmt.Errorf("cannot open the channel: %w", err)
	}
	return conn, nil
}

func (m *machine) dial(ctx context.Context, socket string) (net.Conn, error) {
	if _, err := m.control(); err != nil {
		return nil, err
	}
	var d net.Dialer
	return d.DialContext(ctx, "unix", socket)
}

func (m *machine) Address(guestPort int) (string, error) {
	if _, err := m.control(); err != nil {
		return "", fmt.Errorf("cannot reach port %d: %w", guestPort, err)
	}
	address, ok := m.lastRun().addresses[guestPort]
	if !ok {
		return "", fmt.Errorf("cannot reach port %d: it is not forwarded", guestPort)
	}
	return address, nil
}

func (m *machine) Screenshot(ctx context.Context) (image.Image, error) {
	path := m.files.screen()
	if err := m.command(ctx, "take a screenshot", "screendump", map[string]string{"filename": path}); err != nil {
		return nil, err
	}
	defer os.Remove(path)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot take a screenshot: %w", err)
	}
	defer f.Close()
	img, err := decodePPM(f)
	if err != nil {
		return nil, fmt.Errorf("cannot take a screenshot: %w", err)
	}
	return img, nil
}

func (m *machine) Remove() error {
	m.mu.Lock()
	m.removed = true
	r := m.run
	m.mu.Unlock()
	if r != nil {
		r.stop()
		<-r.done
	}
	m.cancel()
	var errs []error
	if m.files.sockets != "" {
		errs = append(errs, os.RemoveAll(m.files.sockets))
	}
	if m.files.dir != "" {
		for _, path := range m.files.all() {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
		if m.ownsDir {
			errs = append(errs, os.RemoveAll(m.files.dir))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cannot remove the machine: %w", err)
	}
	return nil
}

func (m *machine) lastRun() *run {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.run
}

// control is the QMP connection of a running machine.
func (m *machine) control() (*qmp, error) {
	r := m.lastRun()
	if r == nil || r.over() {
		return nil, hypervisor.ErrNotRunning
	}
	select {
	case <-r.ready:
		return r.qmp, nil
	default:
		return nil, fmt.Errorf("%w yet", hypervisor.ErrNotRunning)
	}
}
