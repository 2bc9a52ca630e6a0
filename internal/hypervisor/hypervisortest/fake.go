package hypervisortest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/ingotvm/ingot/internal/hypervisor"
)

// Fake is a driver whose guests are Go functions.
type Fake struct {
	// Guest is a run of the guest: it is called at each start in a goroutine
	// of its own. When it returns, the guest has switched itself off. When
	// the power is cut, ctx ends and it must return soon.
	Guest func(ctx context.Context, g *Guest)
	// Slow makes the driver say that it emulates.
	Slow bool
}

// Guest is the machine as its guest sees it: reading and writing it is reading
// and writing the serial port.
type Guest struct {
	io.ReadWriter
	Spec hypervisor.Spec
	// Disk is kept from run to run.
	Disk map[string]string
	// Button tells of the power button, Reset of the reset button.
	Button, Reset <-chan struct{}
	// Channel accepts the connections to the virtio-serial port.
	Channel net.Listener
	// Fail makes the hypervisor fail when the guest returns.
	Fail func(error)

	ports map[int]*queue
}

// Listen accepts connections to a forwarded port. Before, they are closed as
// they come.
func (g *Guest) Listen(port int) (net.Listener, error) {
	q, ok := g.ports[port]
	if !ok {
		return nil, fmt.Errorf("port %d is not forwarded", port)
	}
	q.open()
	return q, nil
}

// Name is "fake".
func (f *Fake) Name() string { return "fake" }

// Emulates is Slow.
func (f *Fake) Emulates() bool { return f.Slow }

// Create makes a machine; of images it only looks whether they are there.
func (f *Fake) Create(ctx context.Context, spec hypervisor.Spec) (hypervisor.Machine, error) {
	spec, err := spec.WithDefaults()
	if err != nil {
		return nil, err
	}
	if err := spec.CheckFiles(); err != nil {
		return nil, fmt.Errorf("cannot make the machine: %w", err)
	}
	m := &fakeMachine{fake: f, spec: spec, ctx: ctx, disk: map[string]string{}}
	if err := m.makeFolder(); err != nil {
		return nil, fmt.Errorf("cannot make the machine: %w", err)
	}
	return m, nil
}

type fakeMachine struct {
	fake *Fake
	spec hypervisor.Spec
	ctx  context.Context
	dir  string
	owns bool
	disk map[string]string

	mu      sync.Mutex
	removed bool
	run     *fakeRun
}

// fakeRun is one run; end and err are set when done is closed.
type fakeRun struct {
	cancel        context.CancelFunc
	done          chan struct{}
	button, reset chan struct{}
	serial        *serial
	channel       *queue
	listeners     []net.Listener
	addresses     map[int]string
	end           hypervisor.End
	err           error
}

func (m *fakeMachine) makeFolder() (err error) {
	if m.spec.Dir == "" {
		m.dir, err = os.MkdirTemp("", "ingot-fake-")
		m.owns = true
		return err
	}
	m.dir = m.spec.Dir
	if err := os.Mkdir(m.dir, 0o755); err == nil {
		m.owns = true
		return nil
	} else if !errors.Is(err, os.ErrExist) {
		return err
	}
	list, err := os.ReadDir(m.dir)
	if err == nil && len(list) > 0 {
		err = fmt.Errorf("folder %s is not empty", m.dir)
	}
	return err
}

func (m *fakeMachine) Start(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.removed {
		return errors.New("cannot start the machine: it has been removed")
	}
	if m.run != nil && !m.run.over() {
		return fmt.Errorf("cannot start the machine: %w", hypervisor.ErrRunning)
	}
	r := &fakeRun{done: make(chan struct{}), button: make(chan struct{}, 1), reset: make(chan struct{}, 1),
		channel: newQueue(), addresses: map[int]string{}}
	r.channel.open()
	ports := map[int]*queue{}
	for _, f := range m.spec.Forwards {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", f.Host))
		if err != nil {
			r.close()
			return fmt.Errorf("cannot start the machine: port %d of this host is not free: %w", f.Host, err)
		}
		r.listeners = append(r.listeners, l)
		r.addresses[f.Guest] = l.Addr().String()
		ports[f.Guest] = newQueue()
		go ports[f.Guest].feed(l)
	}
	log, err := os.OpenFile(m.ConsoleLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		r.close()
		return fmt.Errorf("cannot start the machine: %w", err)
	}
	r.serial = newSerial(log)
	runCtx, cancel := context.WithCancel(m.ctx)
	r.cancel = cancel
	m.run = r
	var failure error
	g := &Guest{ReadWriter: r.serial, Spec: m.spec, Disk: m.disk, Button: r.button, Reset: r.reset,
		Channel: r.channel, ports: ports, Fail: func(err error) { failure = err }}
	go func() {
		m.fake.Guest(runCtx, g)
		switch {
		case runCtx.Err() != nil:
			r.end = hypervisor.EndStopped
		case failure != nil:
			r.end, r.err = hypervisor.EndFailed, failure
		default:
			r.end = hypervisor.EndGuest
		}
		for _, q := range ports {
			q.Close()
		}
		r.close()
		close(r.done)
		cancel()
	}()
	return nil
}

func (r *fakeRun) over() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

func (r *fakeRun) close() {
	for _, l := range r.listeners {
		l.Close()
	}
	r.channel.Close()
	if r.serial != nil {
		r.serial.close()
	}
}

func (m *fakeMachine) lastRun() *fakeRun {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.run
}

func (m *fakeMachine) running(what string) (*fakeRun, error) {
	r := m.lastRun()
	if r == nil || r.over() {
		return nil, fmt.Errorf("cannot %s: %w", what, hypervisor.ErrNotRunning)
	}
	return r, nil
}

func (m *fakeMachine) Stop(ctx context.Context) error {
	r := m.lastRun()
	if r == nil {
		return nil
	}
	r.cancel()
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cannot stop the machine: %w", ctx.Err())
	}
}

func (m *fakeMachine) PowerButton(context.Context) error {
	r, err := m.running("press the power button")
	if err != nil {
		return err
	}
	press(r.button)
	return nil
}

func (m *fakeMachine) Reset(context.Context) error {
	r, err := m.running("reset the machine")
	if err != nil {
		return err
	}
	press(r.reset)
	return nil
}

func press(button chan<- struct{}) {
	select {
	case button <- struct{}{}:
	default: // pressed already
	}
}

func (m *fakeMachine) State() hypervisor.State {
	if _, err := m.running(""); err != nil {
		return hypervisor.Off
	}
	return hypervisor.Running
}

func (m *fakeMachine) Done() <-chan struct{} {
	if r := m.lastRun(); r != nil {
		return r.done
	}
	over := make(chan struct{})
	close(over)
	return over
}

func (m *fakeMachine) Wait(ctx context.Context) (hypervisor.End, error) {
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

func (m *fakeMachine) ConsoleLog() string { return filepath.Join(m.dir, "console.log") }

func (m *fakeMachine) Console(context.Context) (io.ReadWriteCloser, error) {
	r, err := m.running("attach to the console")
	if err != nil {
		return nil, err
	}
	return r.serial.attach(), nil
}

func (m *fakeMachine) Channel(context.Context) (net.Conn, error) {
	r, err := m.running("open the channel")
	if err != nil {
		return nil, err
	}
	ours, theirs := net.Pipe()
	if !r.channel.push(theirs) {
		return nil, fmt.Errorf("cannot open the channel: %w", hypervisor.ErrNotRunning)
	}
	return ours, nil
}

func (m *fakeMachine) Address(port int) (string, error) {
	r, err := m.running(fmt.Sprintf("reach port %d", port))
	if err != nil {
		return "", err
	}
	address, ok := r.addresses[port]
	if !ok {
		return "", fmt.Errorf("cannot reach port %d: it is not forwarded", port)
	}
	return address, nil
}

func (m *fakeMachine) Remove() error {
	m.mu.Lock()
	m.removed = true
	m.mu.Unlock()
	if err := m.Stop(context.Background()); err != nil {
		return err
	}
	if err := os.Remove(m.ConsoleLog()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if m.owns {
		return os.RemoveAll(m.dir)
	}
	return nil
}
