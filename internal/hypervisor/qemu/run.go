package qemu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

// launchLimit is how long QEMU may take until its control socket answers:
// hundreds of times what it takes on a busy machine.
const launchLimit = time.Minute

// lastWords is how long QEMU may take to end after it has hung up.
const lastWords = 5 * time.Second

// run is one run of a machine: a QEMU process and the connection to it.
type run struct {
	// ready is closed when qmp and addresses are set, done when the run has
	// ended and end and err are set.
	ready, done chan struct{}
	qmp         *qmp
	addresses   map[int]string
	end         hypervisor.End
	err         error

	mu       sync.Mutex
	proc     *host.Process
	stopping bool
	shutdown *event // the last SHUTDOWN that QEMU told of
}

func newRun() *run {
	return &run{ready: make(chan struct{}), done: make(chan struct{})}
}

func (r *run) over() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// launch starts QEMU and returns when the guest's processor runs. When it
// fails, the run is over.
func (r *run) launch(ctx context.Context, m *machine) error {
	q, err := r.connect(ctx, m)
	if err != nil {
		r.finish(m, nil, err)
		return r.err
	}
	addresses, err := forwards(ctx, q, m.spec.Forwards)
	if err == nil {
		// QEMU was told to wait with the guest until everything is in place.
		err = q.execute(ctx, "cont", nil, nil)
	}
	if err != nil {
		r.finish(m, q, err)
		return r.err
	}
	r.qmp, r.addresses = q, addresses
	close(r.ready)
	go func() {
		<-r.proc.Done()
		r.finish(m, q, nil)
	}()
	return nil
}

// connect starts QEMU and waits until it connects to our socket. We listen,
// not QEMU: so there is nothing to poll for.
func (r *run) connect(ctx context.Context, m *machine) (*qmp, error) {
	socket := m.files.qmpSocket()
	if err := os.RemoveAll(socket); err != nil {
		return nil, err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	defer listener.Close()

	r.mu.Lock()
	if r.stopping {
		r.mu.Unlock()
		return nil, errors.New("it was stopped")
	}
	args := append(arguments(m.spec, m.files, m.driver.accelArguments()), "-S")
	r.proc, err = host.Local{}.Start(m.ctx, host.Command{Name: m.driver.options.Program, Args: args})
	proc := r.proc
	r.mu.Unlock()
	if err != nil {
		return nil, err
	}

	ctx, cancel := context.WithTimeout(ctx, launchLimit)
	defer cancel()
	unblock := context.AfterFunc(ctx, func() { listener.Close() })
	defer unblock()
	go func() {
		<-proc.Done()
		listener.Close()
	}()
	conn, err := listener.Accept()
	if err == nil {
		var q *qmp
		q, err = connectQMP(ctx, conn, r.onEvent)
		if err == nil {
			return q, nil
		}
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("QEMU does not answer: %w", ctx.Err())
	}
	// A QEMU that refuses its command line hangs up first and then says why
	// and ends: its own words say more than the lost connection.
	select {
	case <-proc.Done():
		return nil, errors.Join(errors.New("QEMU ended at once"), proc.Err(), r.hint(m))
	case <-time.After(lastWords):
		return nil, err
	}
}

// hint is what to do when QEMU does not start, where there is something.
func (r *run) hint(m *machine) error {
	for _, f := range m.spec.Forwards {
		if f.Host == 0 {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(f.Host)))
		if err != nil {
			return fmt.Errorf("port %d of this host is not free", f.Host)
		}
		l.Close()
	}
	return nil
}

// finish notes how the run ended. cause is why a launch failed.
func (r *run) finish(m *machine, q *qmp, cause error) {
	r.mu.Lock()
	proc := r.proc
	r.mu.Unlock()
	if proc != nil {
		kill(proc)
	}
	if q != nil {
		<-q.closed // the last events have been seen
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.stopping || m.ctx.Err() != nil:
		r.end = hypervisor.EndStopped
		r.err = cause
	case cause != nil:
		r.end, r.err = hypervisor.EndFailed, cause
	case r.shutdown != nil && r.shutdown.Reason == "guest-panic":
		r.end, r.err = hypervisor.EndFailed, errors.New("the guest panicked")
	case r.shutdown != nil && r.shutdown.Guest:
		r.end = hypervisor.EndGuest
	default:
		r.end, r.err = hypervisor.EndFailed, errors.New("QEMU ended without being asked")
		if err := proc.Err(); err != nil {
			r.err = fmt.Errorf("QEMU ended without being asked: %w", err)
		} else if r.shutdown != nil {
			r.err = fmt.Errorf("QEMU ended without being asked: %s", r.shutdown.Reason)
		}
	}
	close(r.done)
}

// stop cuts the power; r.done tells when it is off.
func (r *run) stop() {
	r.mu.Lock()
	r.stopping = !r.over()
	proc := r.proc
	r.mu.Unlock()
	if proc != nil {
		kill(proc)
	}
}

func (r *run) onEvent(e event) {
	if e.Name == "SHUTDOWN" {
		r.mu.Lock()
		r.shutdown = &e
		r.mu.Unlock()
	}
}

// forwardLine is a line of "info usernet", which tells the port that the
// kernel chose:
//
//	TCP[HOST_FORWARD]   8       127.0.0.1 44569       10.0.2.15    80     0     0
var forwardLine = regexp.MustCompile(`TCP\[HOST_FORWARD\]\s+\d+\s+(\S+)\s+(\d+)\s+\S+\s+(\d+)\s`)

// forwards asks QEMU where the guest's ports are reached.
func forwards(ctx context.Context, q *qmp, want []hypervisor.Forward) (map[int]string, error) {
	if len(want) == 0 {
		return nil, nil
	}
	var text string
	err := q.execute(ctx, "human-monitor-command", map[string]string{"command-line": "info usernet"}, &text)
	if err != nil {
		return nil, err
	}
	found := parseForwards(text)
	for _, f := range want {
		if found[f.Guest] == "" {
			return nil, fmt.Errorf("QEMU does not say where port %d of the guest is reached", f.Guest)
		}
	}
	return found, nil
}

func parseForwards(text string) map[int]string {
	found := map[int]string{}
	for _, m := range forwardLine.FindAllStringSubmatch(text, -1) {
		if guest, err := strconv.Atoi(m[3]); err == nil {
			found[guest] = net.JoinHostPort(m[1], m[2])
		}
	}
	return found
}
