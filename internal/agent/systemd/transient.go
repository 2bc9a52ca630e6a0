package systemd

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

// Transient is a service that exists only while it runs, as root, in a control
// group of its own and in none of the agent's confinement.
type Transient struct {
	// Name is the unit's, such as x.service.
	Name, Description string
	// Args begin with the program's path; nothing in them is expanded.
	Args []string
	Env  []string
	// Files are the standard ones. With Terminal, the path of one, that is all
	// of them, and controls the program.
	Files    [3]*os.File
	Terminal string
	// BoundTo is a unit without which it is killed.
	BoundTo string
	// Longest is for how long it may run.
	Longest time.Duration
}

// execStart is a command of a unit with its flags (ExecStartEx in
// org.freedesktop.systemd1(5)).
type execStart struct {
	Path  string
	Args  []string
	Flags []string
}

func (t Transient) properties() []dbus.Property {
	var list []dbus.Property
	set := func(name string, value any) {
		list = append(list, dbus.Property{Name: name, Value: godbus.MakeVariant(value)})
	}
	set("Description", t.Description)
	set("Type", "exec") // it has started when the program has its files
	set("ExecStartEx", []execStart{{t.Args[0], t.Args, []string{"no-env-expand"}}})
	set("Environment", t.Env)
	set("WorkingDirectory", "/")
	set("DefaultDependencies", false) // it may have to start while nothing else does
	set("BindsTo", []string{t.BoundTo})
	set("After", []string{t.BoundTo})
	set("Conflicts", []string{"shutdown.target"})
	set("Before", []string{"shutdown.target"})
	set("KillSignal", int32(9)) // whoever is thrown out is not asked
	set("TimeoutStopUSec", uint64(5*time.Second/time.Microsecond))
	set("RuntimeMaxUSec", uint64(t.Longest/time.Microsecond))
	set("IgnoreSIGPIPE", false)       // shells count on it
	set("OOMScoreAdjust", int32(500)) // before any service of the appliance
	if t.Terminal != "" {
		for _, name := range []string{"StandardInput", "StandardOutput", "StandardError"} {
			set(name, "tty")
		}
		set("TTYPath", t.Terminal)
		return list
	}
	for i, name := range []string{"StandardInputFileDescriptor", "StandardOutputFileDescriptor", "StandardErrorFileDescriptor"} {
		set(name, godbus.UnixFD(t.Files[i].Fd()))
	}
	return list
}

// StartTransient starts a service and waits until it has.
func (m *Manager) StartTransient(ctx context.Context, t Transient) error {
	return m.run(ctx, "start", t.Name, func(c *dbus.Conn, done chan<- string) (int, error) {
		return c.StartTransientUnitContext(ctx, t.Name, "fail", t.properties(), done)
	})
}

// Finished says whether a transient service has ended, and its exit status as
// shells say it. The manager forgets it then.
func (m *Manager) Finished(ctx context.Context, name string) (status int, over bool, err error) {
	list, err := m.Units(ctx, name)
	if err != nil || len(list) != 1 {
		return 0, false, err
	}
	switch list[0].Active {
	case "inactive": // one that succeeded is forgotten at once
		return 0, true, nil
	case "failed":
	default:
		return 0, false, nil
	}
	failure, err := m.Failure(ctx, name)
	if err != nil {
		return 0, false, err
	}
	status = failure.ExitStatus
	if failure.Result == "signal" || failure.Result == "core-dump" {
		status += 128
	}
	conn, err := m.connect()
	if err != nil {
		return status, true, err
	}
	if err := conn.ResetFailedUnitContext(ctx, name); err != nil {
		return status, true, fmt.Errorf("cannot forget %s: %w", name, err)
	}
	return max(status, 1), true, nil
}
