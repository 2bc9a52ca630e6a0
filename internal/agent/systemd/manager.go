package systemd

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/coreos/go-systemd/v22/dbus"
)

// Unit is the state of one unit, in systemd's words (org.freedesktop.systemd1(5)).
type Unit struct {
	Name string
	// Load is loaded, not-found, masked, …; Active is active, activating,
	// inactive, failed, …; Sub is finer: running, exited, auto-restart, …
	Load, Active, Sub string
}

// Failure says more of a service that is not well.
type Failure struct {
	// Result is success, exit-code, signal, timeout, …
	Result string
	// ExitStatus is the main process's last exit status, or the signal's
	// number when Result is "signal".
	ExitStatus int
	// Restarts is how often the service was restarted by itself.
	Restarts int
}

// Manager is a connection to the system manager, opened when first needed
// and again after it was lost. Its methods may be called from any goroutine.
type Manager struct {
	dial func(context.Context) (*dbus.Conn, error)

	mu   sync.Mutex
	conn *dbus.Conn
}

// NewManager asks over the private socket of PID 1.
func NewManager() *Manager { return &Manager{dial: dbus.NewSystemdConnectionContext} }

// Close lets go of the connection.
func (m *Manager) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn != nil {
		m.conn.Close()
		m.conn = nil
	}
}

func (m *Manager) connect() (*dbus.Conn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn != nil && m.conn.Connected() {
		return m.conn, nil
	}
	if m.conn != nil {
		m.conn.Close()
		m.conn = nil
	}
	// The connection outlives the call that happened to need it first.
	conn, err := m.dial(context.Background())
	if err != nil {
		return nil, fmt.Errorf("cannot reach the system manager: %w", err)
	}
	m.conn = conn
	return conn, nil
}

// Units are the states of the named units, in that order; one that does not
// exist has Load "not-found".
func (m *Manager) Units(ctx context.Context, names ...string) ([]Unit, error) {
	if len(names) == 0 {
		return nil, nil
	}
	conn, err := m.connect()
	if err != nil {
		return nil, err
	}
	list, err := conn.ListUnitsByNamesContext(ctx, names)
	if err != nil {
		return nil, fmt.Errorf("cannot ask for the state of units: %w", err)
	}
	return units(list), nil
}

// Failed are the units that failed.
func (m *Manager) Failed(ctx context.Context) ([]Unit, error) {
	conn, err := m.connect()
	if err != nil {
		return nil, err
	}
	list, err := conn.ListUnitsFilteredContext(ctx, []string{"failed"})
	if err != nil {
		return nil, fmt.Errorf("cannot ask for failed units: %w", err)
	}
	return units(list), nil
}

func units(list []dbus.UnitStatus) []Unit {
	var out []Unit
	for _, u := range list {
		out = append(out, Unit{Name: u.Name, Load: u.LoadState, Active: u.ActiveState, Sub: u.SubState})
	}
	return out
}

// Jobs are the units that the manager still has to start or stop.
func (m *Manager) Jobs(ctx context.Context) ([]string, error) {
	conn, err := m.connect()
	if err != nil {
		return nil, err
	}
	list, err := conn.ListJobsContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot ask for jobs: %w", err)
	}
	var out []string
	for _, j := range list {
		out = append(out, j.Unit)
	}
	return out, nil
}

// Failure is what is known of a unit's last failure. A unit that is not a
// service has only a Result.
func (m *Manager) Failure(ctx context.Context, unit string) (Failure, error) {
	conn, err := m.connect()
	if err != nil {
		return Failure{}, err
	}
	kind := unit[strings.LastIndexByte(unit, '.')+1:]
	if kind == "" {
		return Failure{}, fmt.Errorf("cannot ask for %q: no kind of unit", unit)
	}
	props, err := conn.GetUnitTypePropertiesContext(ctx, unit, strings.ToUpper(kind[:1])+kind[1:])
	if err != nil {
		return Failure{}, fmt.Errorf("cannot ask for %s: %w", unit, err)
	}
	var f Failure
	f.Result, _ = props["Result"].(string)
	if n, ok := props["ExecMainStatus"].(int32); ok {
		f.ExitStatus = int(n)
	}
	if n, ok := props["NRestarts"].(uint32); ok {
		f.Restarts = int(n)
	}
	return f, nil
}

// BootTimes are microseconds since the kernel started; 0 when not reached.
type BootTimes struct {
	// Userspace is when the system manager began, Finish when all that was to
	// be started was.
	Userspace, Finish uint64
}

// BootTimes asks when the manager began and finished.
func (m *Manager) BootTimes(context.Context) (BootTimes, error) {
	conn, err := m.connect()
	if err != nil {
		return BootTimes{}, err
	}
	var t BootTimes
	for name, into := range map[string]*uint64{
		"UserspaceTimestampMonotonic": &t.Userspace,
		"FinishTimestampMonotonic":    &t.Finish,
	} {
		text, err := conn.GetManagerProperty(name)
		if err != nil {
			return BootTimes{}, fmt.Errorf("cannot ask for boot times: %w", err)
		}
		// The answer is GVariant text: "@t 123".
		n, err := strconv.ParseUint(strings.TrimPrefix(text, "@t "), 10, 64)
		if err != nil {
			return BootTimes{}, fmt.Errorf("cannot read %s %q: %w", name, text, err)
		}
		*into = n
	}
	return t, nil
}

// UnitTimes say when a unit began to start and when it had, in microseconds
// since the kernel started.
type UnitTimes struct {
	Name         string
	Start, Ready uint64
}

// UnitTimes are those of all services and targets that were started, in the
// order of their starts. It asks for each unit by itself.
func (m *Manager) UnitTimes(ctx context.Context) ([]UnitTimes, error) {
	conn, err := m.connect()
	if err != nil {
		return nil, err
	}
	list, err := conn.ListUnitsByPatternsContext(ctx, nil, []string{"*.service", "*.target"})
	if err != nil {
		return nil, fmt.Errorf("cannot ask for units: %w", err)
	}
	var times []UnitTimes
	for _, u := range list {
		if u.ActiveState == "inactive" {
			continue
		}
		t := UnitTimes{Name: u.Name}
		// Two questions are a fraction of the work of asking for all hundred
		// properties at once.
		for name, into := range map[string]*uint64{
			"InactiveExitTimestampMonotonic": &t.Start,
			"ActiveEnterTimestampMonotonic":  &t.Ready,
		} {
			p, err := conn.GetUnitPropertyContext(ctx, u.Name, name)
			if err != nil {
				return nil, fmt.Errorf("cannot ask for %s: %w", u.Name, err)
			}
			*into, _ = p.Value.Value().(uint64)
		}
		times = append(times, t)
	}
	slices.SortStableFunc(times, func(a, b UnitTimes) int { return cmp.Compare(a.Start, b.Start) })
	return times, nil
}

// PowerOff shuts the machine down as if asked by its administrator. Nothing
// that is queued later can cancel it.
func (m *Manager) PowerOff(ctx context.Context) error {
	conn, err := m.connect()
	if err != nil {
		return err
	}
	if _, err := conn.StartUnitContext(ctx, "poweroff.target", "replace-irreversibly", nil); err != nil {
		return fmt.Errorf("cannot power off: %w", err)
	}
	return nil
}
