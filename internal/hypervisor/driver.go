package hypervisor

import (
	"context"
	"errors"
	"image"
	"io"
	"net"
)

// ChannelName is the name of the virtio-serial port that every machine has.
// The agent serves its API there.
const ChannelName = "org.ingotvm.agent"

// ErrNotRunning is wrapped by the errors of calls that need a running machine.
var ErrNotRunning = errors.New("the machine is not running")

// ErrRunning is wrapped by the error of a Start of a machine that runs.
var ErrRunning = errors.New("the machine is already running")

// Driver is one kind of hypervisor. Its methods may be called from many
// goroutines at once.
type Driver interface {
	// Name is one word for people: "qemu".
	Name() string
	// Create makes a machine, switched off. The machine does not outlive ctx:
	// when ctx ends, it is cut off as by Stop, and Remove still has to be
	// called. A spec that is wrong, and an artifact that cannot be read, are
	// errors here, not in Start; nothing is left behind then.
	Create(ctx context.Context, spec Spec) (Machine, error)
}

// Emulator is implemented by drivers that may run guests without the help of
// the processor: every time limit should then be a multiple.
type Emulator interface {
	// Emulates is true when guests run some ten times slower than on hardware.
	Emulates() bool
}

// Emulates says whether guests of the driver run slowly.
func Emulates(d Driver) bool {
	e, ok := d.(Emulator)
	return ok && e.Emulates()
}

// Machine is one virtual machine. Its methods may be called from many
// goroutines at once.
type Machine interface {
	// Start switches the machine on and returns when its processor runs and
	// its forwards listen; that says nothing of the guest. A machine that
	// runs is an error that wraps ErrRunning.
	Start(ctx context.Context) error
	// Stop cuts the power: the guest is told nothing. What it has flushed to
	// its disks is kept. It returns when the run has ended; stopping a
	// machine that is off does nothing.
	Stop(ctx context.Context) error
	// PowerButton presses the ACPI power button and returns at once. What
	// comes of it is the guest's business: see Wait.
	PowerButton(ctx context.Context) error
	// State is Off or Running.
	State() State
	// Done is closed when the present run has ended. It is closed when the
	// machine is off; ask anew after each Start.
	Done() <-chan struct{}
	// Wait waits until the machine is off and says how its last run ended;
	// EndFailed comes with an error that says why. When ctx ends first, it
	// returns ctx's error. A machine that never ran is EndStopped.
	Wait(ctx context.Context) (End, error)
	// ConsoleLog is the path of a file on this host with all that the guest
	// wrote to its first serial port, run after run. It exists from the first
	// Start on until Remove, and may grow at any time.
	ConsoleLog() string
	// Console attaches to the first serial port of a running machine. One
	// caller at a time; a second may wait or be refused. Whoever attaches
	// must read, or the guest may stall. It reads EOF when the run ends.
	Console(ctx context.Context) (io.ReadWriteCloser, error)
	// Address is where a forwarded port of the guest is reached, as
	// "127.0.0.1:49213". It is fixed for a run and may be another after the
	// next Start. The host's end always accepts connections; they are closed
	// when the guest refuses.
	Address(guestPort int) (string, error)
	// Channel opens the host's end of the port ChannelName. One caller at a
	// time; a second may wait or be refused. It can be opened before the
	// guest has opened its end: what is written then waits.
	Channel(ctx context.Context) (net.Conn, error)
	// Remove stops the machine if it runs and deletes everything that Create
	// made. The machine cannot be used afterwards; removing again does
	// nothing.
	Remove() error
}

// Screener is implemented by machines whose screen can be looked at.
type Screener interface {
	// Screenshot is what the first screen of a running machine shows.
	Screenshot(ctx context.Context) (image.Image, error)
}

// Resetter is implemented by machines with a reset button.
type Resetter interface {
	// Reset restarts the guest at once, without telling it; the run goes on.
	Reset(ctx context.Context) error
}

// Sizer is implemented by machines that can be given another size.
type Sizer interface {
	// SetMemory changes the memory of a machine that is off, in bytes. A
	// machine that runs is an error that wraps ErrRunning.
	SetMemory(bytes int64) error
}

// State is what a machine does.
type State string

// The states of a machine.
const (
	Off     State = "off"
	Running State = "running"
)

// End is how a run ended.
type End string

// The ways in which a run ends.
const (
	// EndGuest: the guest switched itself off, asked or not.
	EndGuest End = "guest"
	// EndStopped: Stop or Remove was called, or Create's context ended.
	EndStopped End = "stopped"
	// EndFailed: the hypervisor failed, or the guest panicked and told it so.
	EndFailed End = "failed"
)
