package systemd

import (
	"context"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
)

// job queues a job for a unit and reports where to, on the channel, its result
// is sent.
type job func(conn *dbus.Conn, done chan<- string) (int, error)

// Start starts a unit and waits until it has.
func (m *Manager) Start(ctx context.Context, unit string) error {
	return m.run(ctx, "start", unit, func(c *dbus.Conn, done chan<- string) (int, error) {
		return c.StartUnitContext(ctx, unit, "replace", done)
	})
}

// Stop stops a unit and waits until it has.
func (m *Manager) Stop(ctx context.Context, unit string) error {
	return m.run(ctx, "stop", unit, func(c *dbus.Conn, done chan<- string) (int, error) {
		return c.StopUnitContext(ctx, unit, "replace", done)
	})
}

// Restart restarts a unit, or starts one that does not run, and waits.
func (m *Manager) Restart(ctx context.Context, unit string) error {
	return m.run(ctx, "restart", unit, func(c *dbus.Conn, done chan<- string) (int, error) {
		return c.RestartUnitContext(ctx, unit, "replace", done)
	})
}

// ReloadOrRestart makes a unit read its configuration again, by a restart
// where it knows no other way, and waits.
func (m *Manager) ReloadOrRestart(ctx context.Context, unit string) error {
	return m.run(ctx, "reload", unit, func(c *dbus.Conn, done chan<- string) (int, error) {
		return c.ReloadOrRestartUnitContext(ctx, unit, "replace", done)
	})
}

// DaemonReload makes the manager read its units again.
func (m *Manager) DaemonReload(ctx context.Context) error {
	conn, err := m.connect()
	if err != nil {
		return err
	}
	if err := conn.ReloadContext(ctx); err != nil {
		return fmt.Errorf("cannot reload the system manager: %w", err)
	}
	return nil
}

// Active says whether a unit runs.
func (m *Manager) Active(ctx context.Context, unit string) (bool, error) {
	list, err := m.Units(ctx, unit)
	if err != nil || len(list) != 1 {
		return false, err
	}
	return list[0].Active == "active" || list[0].Active == "reloading", nil
}

// Reboot restarts the machine. Nothing that is queued later can cancel it.
func (m *Manager) Reboot(ctx context.Context) error {
	conn, err := m.connect()
	if err != nil {
		return err
	}
	if _, err := conn.StartUnitContext(ctx, "reboot.target", "replace-irreversibly", nil); err != nil {
		return fmt.Errorf("cannot restart the machine: %w", err)
	}
	return nil
}

// jobPause is between two looks whether a job has ended, in case that the
// manager's signal of it was lost with a connection.
const jobPause = 500 * time.Millisecond

func (m *Manager) run(ctx context.Context, verb, unit string, queue job) error {
	conn, err := m.connect()
	if err != nil {
		return err
	}
	done := make(chan string, 1)
	id, err := queue(conn, done)
	if err != nil {
		return fmt.Errorf("cannot %s %s: %w", verb, unit, err)
	}
	tick := time.NewTicker(jobPause)
	defer tick.Stop()
	for {
		select {
		case result := <-done:
			// skipped: a condition of the unit does not hold, which is as wanted.
			if result != "done" && result != "skipped" {
				return fmt.Errorf("cannot %s %s: %s", verb, unit, m.why(ctx, unit, result))
			}
			return nil
		case <-tick.C:
			if over, err := m.ended(ctx, id); err == nil && over {
				return m.judge(ctx, verb, unit, done)
			}
		case <-ctx.Done():
			return fmt.Errorf("cannot %s %s: %w", verb, unit, ctx.Err())
		}
	}
}

// ended says whether there is no such job any more.
func (m *Manager) ended(ctx context.Context, id int) (bool, error) {
	conn, err := m.connect()
	if err != nil {
		return false, err
	}
	list, err := conn.ListJobsContext(ctx)
	if err != nil {
		return false, err
	}
	for _, j := range list {
		if int(j.Id) == id {
			return false, nil
		}
	}
	return true, nil
}

// judge tells by the unit's state how a job ended whose result did not come.
func (m *Manager) judge(ctx context.Context, verb, unit string, done <-chan string) error {
	select {
	case result := <-done: // it came meanwhile
		if result == "done" || result == "skipped" {
			return nil
		}
		return fmt.Errorf("cannot %s %s: %s", verb, unit, m.why(ctx, unit, result))
	default:
	}
	list, err := m.Units(ctx, unit)
	if err != nil {
		return err
	}
	if len(list) == 1 && list[0].Active == "failed" {
		return fmt.Errorf("cannot %s %s: %s", verb, unit, m.why(ctx, unit, "failed"))
	}
	return nil
}

// why says how a unit failed, as well as can be told.
func (m *Manager) why(ctx context.Context, unit, result string) string {
	f, err := m.Failure(ctx, unit)
	if err != nil || f.Result == "" || f.Result == "success" {
		return result
	}
	if f.Result == "exit-code" {
		return fmt.Sprintf("it ended with status %d", f.ExitStatus)
	}
	return f.Result
}
