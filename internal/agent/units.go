package agent

import (
	"context"
	"fmt"
	"syscall"

	"github.com/ingotvm/ingot/internal/agent/health"
	"github.com/ingotvm/ingot/internal/agent/systemd"
)

// manager is what the agent wants of the system manager; see [systemd.Manager].
type manager interface {
	Units(ctx context.Context, names ...string) ([]systemd.Unit, error)
	Failed(ctx context.Context) ([]systemd.Unit, error)
	Failure(ctx context.Context, unit string) (systemd.Failure, error)
	Jobs(ctx context.Context) ([]string, error)
	BootTimes(ctx context.Context) (systemd.BootTimes, error)
	UnitTimes(ctx context.Context) ([]systemd.UnitTimes, error)
	PowerOff(ctx context.Context) error
	Reboot(ctx context.Context) error
	Restart(ctx context.Context, unit string) error
	Close()
}

// unitStates gives the health watcher what the system manager knows.
type unitStates struct{ manager manager }

func (u unitStates) Unit(ctx context.Context, name string) (health.Unit, error) {
	list, err := u.manager.Units(ctx, name)
	if err != nil {
		return health.Unit{}, err
	}
	if len(list) != 1 || list[0].Load == "not-found" {
		return health.Unit{Missing: true}, nil
	}
	unit := health.Unit{Active: list[0].Active, Sub: list[0].Sub}
	if unit.Active == "active" {
		return unit, nil
	}
	failure, err := u.manager.Failure(ctx, name)
	if err != nil {
		return unit, nil // the state alone says enough
	}
	unit.Restarts, unit.Failure = failure.Restarts, phrase(failure)
	return unit, nil
}

// phrase says how a unit ended, for people.
func phrase(f systemd.Failure) string {
	switch f.Result {
	case "", "success":
		return ""
	case "exit-code":
		return fmt.Sprintf("exit status %d", f.ExitStatus)
	case "signal", "core-dump":
		return fmt.Sprintf("ended by signal %d (%s)", f.ExitStatus, syscall.Signal(f.ExitStatus))
	case "timeout":
		return "did not start in time"
	case "oom-kill":
		return "out of memory"
	case "watchdog":
		return "did not answer its watchdog"
	case "start-limit-hit":
		return "was restarted too often"
	default:
		return f.Result
	}
}
